"""An emulated AWS: policies are enforced, presigned URLs verified, everything over TLS."""

import http.client
import json
import shutil
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import boto3
from aiohttp.abc import AbstractResolver

import sam
from server import HOST, Server, free_port

STACK = "satchel"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = "us-east-1"


class Ministack(Server):
    """The emulator. Functions run as processes with the credentials of their roles."""

    name = "ministack"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.port = free_port()
        self.endpoint = f"https://localhost:{self.port}"
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        make_certificate(self.certificate, self.key)

    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("ministack"))]

    def environment(self) -> dict[str, str]:
        folders = {"S3_DATA_DIR": "s3", "STATE_DIR": "state", "TMPDIR": "tmp", "HOME": "home"}
        for name in folders.values():
            (self.folder / name).mkdir(exist_ok=True)
        return {
            "PATH": "/usr/bin:/bin",
            **{variable: str(self.folder / name) for variable, name in folders.items()},
            **{"GATEWAY_PORT": str(self.port), "BIND_HOST": HOST, "MINISTACK_HOST": "localhost", "AUTH": "true"},
            **{"USE_SSL": "1", "MINISTACK_SSL_CERT": str(self.certificate), "MINISTACK_SSL_KEY": str(self.key)},
            # What the functions inherit: where the emulated S3 is, and whom they trust. Names below localhost lead nowhere.
            **{"AWS_ENDPOINT_URL": self.endpoint, "SSL_CERT_FILE": str(self.certificate), "SATCHEL_S3_PATH_STYLE": "true"},
        }

    def is_ready(self) -> bool:
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=5, context=self.trust())
        try:
            connection.request("GET", "/_localstack/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        code = super().stop(how)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        return code

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def client(self, service: str):
        """boto3's client for a service, with the account's own keys."""
        keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, verify=str(self.certificate), **keys)

    def deploy(self, stack: str = STACK, **parameters: str) -> dict[str, str]:
        """`sam deploy` of what is built, as a stack of that name; gives the outputs."""
        emulator = {"AWS_CA_BUNDLE": str(self.certificate), "AWS_ENDPOINT_URL": self.endpoint}
        settings = KEYS | emulator | {"AWS_DEFAULT_REGION": REGION}
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        options = ["--stack-name", stack, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
        template = ["--template-file", str(adapted(sam.BUILD / "template.yaml"))]
        sam.run("sam", "deploy", *template, *options, "--no-progressbar", "--parameter-overrides", *overrides, **settings)
        [deployed] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}

    def local(self, url: str) -> str:
        """Where the emulator has what an output says is at AWS."""
        return url.replace(f".execute-api.{REGION}.amazonaws.com", f".execute-api.localhost:{self.port}")

    def http(self) -> aiohttp.ClientSession:
        """A client that trusts the emulator and finds its host names."""
        connector = aiohttp.TCPConnector(force_close=True, resolver=Loopback(), ssl=self.trust())
        return aiohttp.ClientSession(connector=connector, skip_auto_headers={"Content-Type"})


def adapted(template: Path) -> Path:
    """The template with `*/*` as it is: the emulator does not undo the escape that CloudFormation has slashes in."""
    text = template.read_text()
    assert text.count("'*~1*'") + text.count('"*~1*"') == 1
    adapted = template.with_name("emulated.yaml")
    adapted.write_text(text.replace("*~1*", "*/*"))
    return adapted


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": HOST, "port": port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self):
        pass


def make_certificate(certificate: Path, key: Path):
    """For the emulator's names; its own covers no API. No CA, which rustls would not take for a server."""
    names = f"subjectAltName=DNS:localhost,DNS:*.execute-api.localhost,IP:{HOST}"
    extensions = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"]
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=satchel-tests"]
    subprocess.run([*request, *extensions, "-keyout", key, "-out", certificate], check=True, capture_output=True)


def payload(answer: dict):
    """What an invoked function answers."""
    return json.load(answer["Payload"])
