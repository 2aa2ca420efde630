"""XMPP clients: slixmpp with XEP-0363 (upload slots) and XEP-0066 (URLs in messages)."""

import asyncio
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import slixmpp
from slixmpp.xmlstream import StanzaBase

from prosody import DOMAIN, PASSWORD
from server import HOST

SECONDS = 120


@dataclass(frozen=True)
class Slot:
    get_url: str
    put_url: str
    headers: dict[str, str]


class Client:
    """One logged-in user."""

    def __init__(self, stream: slixmpp.ClientXMPP):
        self.stream = stream
        self.messages: asyncio.Queue = asyncio.Queue()
        stream.add_event_handler("message", self.messages.put_nowait)
        self.heard: list[StanzaBase] = []
        stream.add_filter("in", lambda stanza: self.heard.append(stanza) or stanza)

    @property
    def address(self) -> slixmpp.JID:
        return self.stream.boundjid

    async def request_slot(self, service: str, filename: str, size: int, content_type: str) -> Slot:
        plugin = self.stream.plugin["xep_0363"]
        answer = await plugin.request_slot(slixmpp.JID(service), filename, size, content_type, timeout=SECONDS)
        slot = answer["http_upload_slot"]
        headers = {header["name"]: header["value"] for header in slot["put"]["headers"]}
        return Slot(slot["get"]["url"], slot["put"]["url"], headers)

    async def upload(self, service: str, filename: str, content: bytes, content_type: str) -> str:
        """All that slixmpp does for a user: finds the service, asks it for a slot, uploads. Gives the URL to share."""
        return await self._upload(service, filename, io.BytesIO(content), content_type)

    async def upload_file(self, service: str, file: Path, content_type: str) -> str:
        """The same, streamed from the disk."""
        with file.open("rb") as opened:
            return await self._upload(service, file.name, opened, content_type)

    async def _upload(self, service: str, filename: str, content: BinaryIO, content_type: str) -> str:
        return await self.stream.plugin["xep_0363"].upload_file(
            filename, content_type=content_type, input_file=content, domain=slixmpp.JID(service), timeout=SECONDS
        )

    async def ask(self, service: str, payload: str, kind: str = "get", stanza_id: str | None = None) -> ElementTree.Element:
        """Sends an IQ around that XML and gives the answer's, whether result or error."""
        iq = self.stream.make_iq(id=stanza_id or self.stream.new_id(), ito=service, itype=kind)
        iq.append(ElementTree.fromstring(payload))
        try:
            answer = await iq.send(timeout=SECONDS)
        except slixmpp.exceptions.IqError as refusal:
            answer = refusal.iq
        return answer.xml

    def say(self, address: str, text: str, kind: str = "chat"):
        self.stream.make_message(mto=address, mbody=text, mtype=kind).send()

    async def hear(self) -> slixmpp.Message:
        """The next message that comes."""
        return await asyncio.wait_for(self.messages.get(), SECONDS)

    def share(self, recipient: "Client", url: str):
        message = self.stream.make_message(mto=recipient.address, mbody=url, mtype="chat")
        message["oob"]["url"] = url
        message.send()

    async def received_url(self) -> str:
        message = await self.hear()
        assert message["body"] == message["oob"]["url"]
        return message["oob"]["url"]


@asynccontextmanager
async def login(server, user: str, domain: str = DOMAIN, resource: str = ""):
    """A client of the server (anything with a `port`), logged out at the end; the server chooses the resource unless named."""
    address = f"{user}@{domain}/{resource}" if resource else f"{user}@{domain}"
    stream = slixmpp.ClientXMPP(address, PASSWORD, plugin_config={"feature_mechanisms": {"unencrypted_plain": True}})
    stream.enable_starttls = stream.enable_direct_tls = False
    stream.enable_plaintext = True
    for plugin in ("xep_0030", "xep_0066", "xep_0363"):
        stream.register_plugin(plugin)
    client = Client(stream)
    stream.connect(HOST, server.port)
    await stream.wait_until("session_start", SECONDS)
    try:
        yield client
    finally:
        await stream.disconnect()
