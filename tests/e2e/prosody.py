"""Debian's Prosody with the upload components of infra/xmpp."""

import re
import shutil
from pathlib import Path

from debian import BOOKWORM, Debian
from satchel import SECRET, clean_environment
from server import HOST, REPOSITORY, Server, accepts_connections, free_port

DOMAIN = "example.com"
USERS = ("alice", "bob")
PASSWORD = "correct horse"
MODULES = (Path(__file__).parent / "modules", REPOSITORY / "infra/xmpp")

BASE = """
run_as_root = true -- the tests own the process, whoever runs them
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
plugin_paths = {{ "{folder}/modules" }}
log = {{ debug = "*console" }}
interfaces = {{ "{interface}" }}
c2s_interfaces = {{ "{host}" }}
c2s_ports = {{ {port} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
modules_enabled = {{ "disco", "message", "posix", "presence", "saslauth" }}
modules_disabled = {{ "s2s", "tls" }}
{options}
VirtualHost "{domain}"
"""


class Prosody(Server):
    """`components` is configuration appended as it is: options of the VirtualHost, one or more Component sections. `options`
    go into the global section. What names no interface of its own listens on `interface`."""

    name = "prosody"

    def __init__(self, folder: Path, components: str, options: str = "", interface: str = HOST, debian: Debian = BOOKWORM):
        super().__init__(debian.folder(folder))
        self.debian = debian
        self.port = free_port()
        self.config = self.folder / "prosody.cfg.lua"
        values = {"folder": self.folder, "host": HOST, "interface": interface, "port": self.port}
        base = BASE.format(**values, options=options, domain=DOMAIN)
        self.config.write_text(base + components)
        (self.folder / "modules").mkdir()
        for module in (module for modules in MODULES for module in modules.glob("mod_*.lua")):
            shutil.copy(module, self.folder / "modules")
        for user in USERS:
            self.register(user, DOMAIN)

    def register(self, user: str, domain: str):
        accounts = self.folder / "data" / stored(domain) / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        (accounts / f"{stored(user)}.dat").write_text(f'return {{ password = "{PASSWORD}" }};\n')

    def command(self) -> list[str]:
        return self.debian.command("/usr/bin/prosody", "-F", "--config", str(self.config))

    def environment(self) -> dict[str, str]:
        return clean_environment()

    def is_ready(self) -> bool:
        return accepts_connections(self.port)


def stored(name: str) -> str:
    """A name as Prosody's storage writes it into paths."""
    return re.sub(rb"[^0-9A-Za-z]", lambda octet: b"%%%02x" % ord(octet[0]), name.encode()).decode()


def component(snippet: str, address: str, base_url: str) -> str:
    """A snippet of infra/xmpp with its placeholders filled in."""
    values = {"upload.example.com": address, "https://files.example.com/upload": base_url, "PASTE-THE-SECRET-HERE": SECRET}
    return filled(snippet, values)


def filled(snippet: str, values: dict[str, str]) -> str:
    """A snippet of infra/xmpp with these placeholders replaced."""
    return fill((REPOSITORY / "infra/xmpp" / snippet).read_text(), values)


def fill(text: str, values: dict[str, str]) -> str:
    """Replaces each placeholder; one that is not there is a mistake."""
    for placeholder, value in values.items():
        assert placeholder in text, f"the configuration lost its placeholder {placeholder}"
        text = text.replace(placeholder, value)
    return text
