"""infra/systemd as systemd would start it: the command, user, group, folders, environment and credentials of the unit."""

import configparser
import os
import pwd
import re
import shlex
import shutil
import socket
from pathlib import Path

from prosody import fill
from reverse_proxies import folder_for_sockets, takes
from satchel import BINARY, SECRET, clean_environment
from server import REPOSITORY, Server

FOLDER = REPOSITORY / "infra/systemd"
USER = "nobody"
AS_ROOT = os.getuid() == 0


class Service(Server):
    """Without systemd itself: what confines the process is systemd-analyze's to check. `settings` are lines of satchel.env."""

    name = "service"

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, credentials: dict[str, str] | None = None):
        super().__init__(folder)
        self.unit = read_unit((FOLDER / "satchel.service").read_text())
        self.run = folder_for_sockets()
        self.runtime, self.state, self.secrets = (Path(self.run.name, name) for name in ("runtime", "state", "secrets"))
        self.binary = Path(self.run.name, "satchel")
        shutil.copy(REPOSITORY / BINARY, self.binary)
        self.socket = self.runtime / "gateway.sock"
        self.runtime.mkdir(mode=int(self.unit["RuntimeDirectoryMode"], 8))
        self.state.mkdir(mode=int(self.unit["StateDirectoryMode"], 8))
        self.secrets.mkdir(mode=0o700)
        for name, value in ({"SATCHEL_UPLOAD_SECRETS": SECRET} | (credentials or {})).items():
            (self.secrets / name).write_text(f"{value}\n")
        if AS_ROOT:
            for path in (self.runtime, self.state, self.secrets, *self.secrets.iterdir()):
                shutil.chown(path, USER, self.unit["Group"])
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(f"{self.runtime}/notify")
        os.chmod(f"{self.runtime}/notify", 0o777)
        self.settings = settings if settings is not None else read_settings(environment_file())

    def command(self) -> list[str]:
        places = {
            "/usr/local/bin/satchel": str(self.binary),
            "/run/satchel": str(self.runtime),
            "/var/lib/satchel": str(self.state),
        }
        command = shlex.split(fill(self.unit["ExecStart"], places))
        if not AS_ROOT:
            return command
        user, group = f"--reuid={pwd.getpwnam(USER).pw_uid}", f"--regid={self.unit['Group']}"
        return ["setpriv", user, group, "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--", *command]

    def environment(self) -> dict[str, str]:
        systemd = {"CREDENTIALS_DIRECTORY": str(self.secrets), "NOTIFY_SOCKET": f"{self.runtime}/notify"}
        return clean_environment() | self.settings | systemd

    def is_ready(self) -> bool:
        return self.socket.exists() and takes(self.socket)

    def notification(self) -> str:
        """One state; each is a line."""
        self.notifications.settimeout(30)
        return self.notifications.recv(100).decode().rstrip("\n")

    def __exit__(self, *_):
        if self.process is not None:
            self.stop()
        self.notifications.close()
        self.run.cleanup()


def read_unit(text: str) -> dict[str, str]:
    """The [Service] section; of settings that come several times, the last one."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text)
    return dict(parser["Service"])


def environment_file() -> str:
    return (FOLDER / "satchel.env").read_text()


def with_another_s3(text: str) -> str:
    """satchel.env with the lines for another S3 switched on, as its comment says."""
    return re.sub(r"^#(?=[A-Z])", "", text, flags=re.MULTILINE)


def read_settings(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)
