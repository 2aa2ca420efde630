"""XMPP clients: slixmpp with XEP-0363 (upload slots) and XEP-0066 (URLs in messages)."""

import asyncio
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass

import slixmpp

from prosody import DOMAIN, PASSWORD
from server import HOST

SECONDS = 60


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
        return await self.stream.plugin["xep_0363"].upload_file(
            filename, content_type=content_type, input_file=io.BytesIO(content), domain=slixmpp.JID(service), timeout=SECONDS
        )

    def share(self, recipient: "Client", url: str):
        message = self.stream.make_message(mto=recipient.address, mbody=url, mtype="chat")
        message["oob"]["url"] = url
        message.send()

    async def received_url(self) -> str:
        message = await asyncio.wait_for(self.messages.get(), SECONDS)
        assert message["body"] == message["oob"]["url"]
        return message["oob"]["url"]


@asynccontextmanager
async def login(server, user: str):
    """A client of the server (anything with a `port`), logged out at the end."""
    stream = slixmpp.ClientXMPP(f"{user}@{DOMAIN}", PASSWORD, plugin_config={"feature_mechanisms": {"unencrypted_plain": True}})
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
