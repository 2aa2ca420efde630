"""An app that keeps its users' rosters in Satchel, a Prosody that fetches them there, clients that see them."""

import asyncio
import base64
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp

from debian import BOOKWORM, Debian
from nginx import DebiansNginx
from prosody import DOMAIN, Prosody, fill, filled
from satchel import SECRET, Satchel
from server import HOST, Server, free_port
from xmpp import Client

APP = "app:secret-of-the-app"
AUTHORIZED = {"Authorization": "Basic " + base64.b64encode(APP.encode()).decode()}
PROSODY_PASSWORD = "secret-of-prosody"
PROBER = f"remote.{DOMAIN}"
"""A component that asks for presence as other servers do."""
ROSTER = "{jabber:iq:roster}"


def sections(snippet: str) -> tuple[str, str]:
    """The two parts of infra/xmpp's file: for the global section, and from the VirtualHost on."""
    options, line, host = snippet.partition(f'VirtualHost "{DOMAIN}"\n')
    assert line, snippet
    return options, line + host


class Front(DebiansNginx):
    """Debian's nginx with infra/nginx's configuration for the stack on the same machine, without TLS."""

    name = "nginx-proxy"

    def __init__(self, folder: Path, satchel: Satchel, debian: Debian):
        super().__init__(folder, debian)
        values = {
            "unix:/run/satchel/gateway.sock": f"{HOST}:{satchel.port}",
            "/var/log/nginx/": f"{self.folder}/",
        }
        self.configure("proxy.conf", values)


class Rosters:
    """Satchel and Prosody, each knowing the other's address. `changes` are made to the lines of infra/xmpp. With `fronted`
    Prosody reaches Satchel through nginx."""

    def __init__(
        self,
        folder: Path,
        changes: dict[str, str] | None = None,
        interface: str = HOST,
        debian: Debian = BOOKWORM,
        fronted: bool = False,
    ):
        self.http_port = free_port()
        self.refresh_url = f"http://{HOST}:{self.http_port}/roster_admin/refresh"
        settings = {
            "SATCHEL_UPLOAD_SECRETS": SECRET,
            "SATCHEL_ROSTER_CREDENTIALS": f"{APP}\nsatchel:{PROSODY_PASSWORD}",
            "SATCHEL_PROSODY_REFRESH_URL": self.refresh_url,
        }
        self.satchel = Satchel(folder / "satchel", settings)
        self.front = Front(folder / "front", self.satchel, debian) if fronted else None
        url = f"http://satchel:{PROSODY_PASSWORD}@{HOST}:{(self.front or self.satchel).port}"
        values = {"https://satchel:PASTE-THE-PASSWORD-HERE@files.example.com": url}
        global_lines, host = sections(fill(filled("prosody-rosters.cfg.lua", values), changes or {}))
        options = f"http_ports = {{ {self.http_port} }}\n" + global_lines
        host += f'Component "{PROBER}" "prober"\n'
        self.prosody = Prosody(folder / "prosody", host, options, interface, debian)

    def __enter__(self):
        with ExitStack() as running:
            for server in self.servers():
                running.enter_context(server)
            self.running = running.pop_all()
        return self

    def __exit__(self, *_):
        self.running.close()

    def has_refreshed(self) -> bool:
        """Whether Satchel has told Prosody of an edit."""
        return " EVENT roster-refresh " in self.satchel.log.read_text()

    def servers(self) -> list[Server]:
        return [server for server in (self.satchel, self.front, self.prosody) if server]

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.satchel.port}/{path}"

    def contacts(self, user: str, contact: str = "", query: str = "") -> str:
        """Where a roster is, or one contact in it."""
        path = "/".join(quote(segment, safe="") for segment in ("contacts", user, contact) if segment)
        return self.url(path) + (f"?{query}" if query else "")


class App:
    """What the app does over HTTP."""

    def __init__(self, rosters: Rosters, http: aiohttp.ClientSession):
        self.rosters = rosters
        self.http = http

    async def put(self, url: str, body: object) -> int:
        async with self.http.put(url, json=body, headers=AUTHORIZED) as answer:
            assert answer.status in (201, 204), await answer.text()
            return answer.status

    async def delete(self, url: str):
        async with self.http.delete(url, headers=AUTHORIZED) as answer:
            assert answer.status == 204, await answer.text()

    async def refresh(self, usernames: object, query: str = "") -> tuple[int, dict]:
        async with self.http.post(self.rosters.url("contacts/refresh" + query), json=usernames, headers=AUTHORIZED) as answer:
            return answer.status, await answer.json()


@dataclass(frozen=True)
class Item:
    """An entry of a roster as a client sees it."""

    name: str | None = None
    groups: frozenset[str] = frozenset()
    subscription: str = "both"


REMOVED = Item(subscription="remove")


def items(query) -> dict[str, Item]:
    return {
        item.get("jid"): Item(
            item.get("name"), frozenset(group.text for group in item.iterfind(f"{ROSTER}group")), item.get("subscription")
        )
        for item in query.iterfind(f"{ROSTER}item")
    }


class Viewer:
    """A client that has fetched its roster and sees pushes."""

    def __init__(self, client: Client):
        self.client = client
        self.pushes: asyncio.Queue = asyncio.Queue()
        client.stream.add_filter("in", self._take)

    def _take(self, stanza):
        query = stanza.xml.find(f"{ROSTER}query")
        if query is not None and stanza.xml.get("type") == "set":
            self.pushes.put_nowait(items(query))
        return stanza

    async def roster(self) -> dict[str, Item]:
        query = '<query xmlns="jabber:iq:roster"/>'
        answer = await self.client.ask("", query)
        assert answer.get("type") == "result", answer
        return items(answer.find(f"{ROSTER}query"))

    async def pushed(self, seconds: float = 60) -> dict[str, Item]:
        return await asyncio.wait_for(self.pushes.get(), seconds)
