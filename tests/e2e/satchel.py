"""The program: the binary under test on one port, and on another one where S3 is asked for."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

from secrets_in import assert_no_secrets
from server import HOST, REPOSITORY, Server, answers_http, free_port

SECRET = "a secret of the end-to-end tests"
BINARY = Path(os.environ.get("SATCHEL_BIN", "target/debug/satchel"))


class Satchel(Server):
    """`settings` are environment variables, `options` command line arguments; with `s3` there is an S3 server on the folder. A
    restart keeps the ports and the data."""

    name = "satchel"

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, options: tuple[str, ...] = (), s3: bool = False):
        super().__init__(folder)
        self.settings = {"SATCHEL_UPLOAD_SECRETS": SECRET} if settings is None else settings
        self.options = options
        self.port = free_port()
        self.s3_port = free_port() if s3 else None
        self.base_url = f"http://{HOST}:{self.port}/upload"

    def command(self) -> list[str]:
        listen = ["--listen", f"{HOST}:{self.port}"]
        if self.s3_port:
            listen += ["--s3-listen", f"{HOST}:{self.s3_port}"]
        return [str(REPOSITORY / BINARY), *listen, "--data", str(self.folder / "data"), *self.options]

    def environment(self) -> dict[str, str]:
        return clean_environment() | self.settings

    def expire(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs `satchel expire` on the data of this stack, whether or not it is running."""
        command = [str(REPOSITORY / BINARY), "expire", *options, "--data", str(self.folder / "data")]
        ended = subprocess.run(command, env=self.environment(), cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert_no_secrets(ended.stdout + ended.stderr, self.settings)
        return ended

    def is_ready(self) -> bool:
        return answers_http(f"{self.base_url}/")

    def wait(self) -> int:
        code = super().wait()
        assert_no_secrets(self.log.read_text(errors="replace"), self.settings)
        return code

    @property
    def control_socket(self) -> Path:
        """Where it listens to commands."""
        return self.folder / "data/control.sock"

    def made_secret(self) -> str:
        """The upload secret that the stack makes where none is set."""
        return (self.folder / "data/upload-secret").read_text().strip()

    def url(self, path: str, query: str = "") -> str:
        """The URL of a decoded path, with a query such as a token."""
        return f"{self.base_url}/{quote(path)}" + (f"?{query}" if query else "")

    def peak_resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])


def clean_environment() -> dict[str, str]:
    """This process's environment without settings that would reach the stack."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SATCHEL_", "AWS_"))}
