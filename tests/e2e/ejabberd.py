"""Debian's ejabberd with the module section of infra/xmpp, as one Erlang node without distribution (so without epmd)."""

import json
import urllib.request
from pathlib import Path

from prosody import DOMAIN, PASSWORD, USERS, component
from satchel import clean_environment
from server import HOST, Server, accepts_connections, free_port

BASE = """
hosts: ["{domain}"]
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
    """Its upload component is `upload.<domain>`; the users are registered once it runs."""

    name = "ejabberd"

    def __init__(self, folder: Path, base_url: str):
        super().__init__(folder)
        self.port = free_port()
        self.http_port = free_port()
        base = BASE.format(domain=DOMAIN, host=HOST, port=self.port, http_port=self.http_port)
        modules = component("ejabberd.yml", f"upload.{DOMAIN}", base_url) + OTHER_MODULES
        (folder / "ejabberd.yml").write_text(base + modules)

    def command(self) -> list[str]:
        return ["/usr/bin/erl", "-noinput", "-mnesia", "dir", json.dumps(str(self.folder / "spool")), "-s", "ejabberd"]

    def environment(self) -> dict[str, str]:
        return clean_environment() | {
            "ERL_LIBS": str(debian_libraries()),
            "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
            "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.folder / "node.log"),
            "HOME": str(self.folder),
        }

    def is_ready(self) -> bool:
        return accepts_connections(self.port) and accepts_connections(self.http_port)

    def start(self):
        super().start()
        for user in USERS:
            self.register(user)
        return self

    def register(self, user: str):
        account = json.dumps({"user": user, "host": DOMAIN, "password": PASSWORD}).encode()
        url = f"http://{HOST}:{self.http_port}/api/register"
        request = urllib.request.Request(url, account, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200


def debian_libraries() -> Path:
    """Where Debian keeps ejabberd's Erlang applications: /usr/lib/<architecture>."""
    return next(Path("/usr/lib").glob("*/ejabberd-*/ebin")).parents[1]
