"""Debian's ejabberd with the module section of infra/xmpp, as one Erlang node without distribution (so without epmd)."""

import json
import textwrap
import urllib.request
from pathlib import Path

from debian import BOOKWORM, Debian
from prosody import DOMAIN, PASSWORD, USERS
from satchel import clean_environment
from server import HOST, Server, accepts_connections, free_port

BASE = """
hosts: {hosts}
loglevel: info
auth_password_format: scram
acl:
  local: {{user_regexp: ""}}
  loopback: {{ip: 127.0.0.0/8}}
access_rules:
  local: {{allow: local}}
api_permissions:
  registration:
    who: {{access: {{allow: loopback}}}}
    what: register
listen:
  - {{port: {port}, ip: "{host}", module: ejabberd_c2s}}
  - {{port: {http_port}, ip: "{host}", module: ejabberd_http, request_handlers: {{/api: mod_http_api}}}}
"""
OTHER_MODULES = """
  mod_disco: {}
  mod_http_api: {}
"""


class Ejabberd(Server):
    """`modules` is the section of infra/xmpp, `others` has further hosts with sections of their own. The users of all are
    registered once it runs."""

    name = "ejabberd"

    def __init__(self, folder: Path, modules: str, others: dict[str, str] | None = None, debian: Debian = BOOKWORM):
        super().__init__(debian.folder(folder))
        self.debian = debian
        self.port = free_port()
        self.http_port = free_port()
        others = others or {}
        self.hosts = [DOMAIN, *others]
        base = BASE.format(hosts=json.dumps(self.hosts), host=HOST, port=self.port, http_port=self.http_port)
        sections = [f'  "{host}":\n' + textwrap.indent(section + OTHER_MODULES, "    ") for host, section in others.items()]
        host_config = "host_config:\n" + "".join(sections) if sections else ""
        (self.folder / "ejabberd.yml").write_text(base + modules + OTHER_MODULES + host_config)

    def command(self) -> list[str]:
        spool = json.dumps(str(self.folder / "spool"))
        return self.debian.command("/usr/bin/erl", "-noinput", "-mnesia", "dir", spool, "-s", "ejabberd")

    def environment(self) -> dict[str, str]:
        return clean_environment() | {
            "ERL_LIBS": str(self.debian.find("/usr/lib/*/ejabberd-*/ebin").parents[1]),
            "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
            "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.folder / "node.log"),
            "HOME": str(self.folder),
        }

    def is_ready(self) -> bool:
        return accepts_connections(self.port) and accepts_connections(self.http_port)

    def start(self):
        super().start()
        for host in self.hosts:
            for user in USERS:
                self.register(user, host)
        return self

    def register(self, user: str, host: str):
        account = json.dumps({"user": user, "host": host, "password": PASSWORD}).encode()
        url = f"http://{HOST}:{self.http_port}/api/register"
        request = urllib.request.Request(url, account, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.status == 200


def rewritten(filename: str) -> str:
    """ejabberd keeps letters and digits of any script and `_.-`; all else becomes an underscore."""
    return "".join(character if character.isalnum() or character in "_.-" else "_" for character in filename)
