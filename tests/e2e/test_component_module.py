"""The tests' own mod_component_http, on an HTTP server that answers as told: it is as strict as the module it stands in for."""

import asyncio
import base64
import json

import pytest
from aiohttp import web
from slixmpp.xmlstream import StanzaBase

from prosody import DOMAIN, Prosody, filled
from server import HOST
from xmpp import SECONDS, Client, login

SERVICE = f"upload.{DOMAIN}"
PASSWORD = "pass%20word"
JSON = "application/json"
PING = '<ping xmlns="urn:xmpp:ping"/>'


class Told:
    """An HTTP server with one answer for everything, and what it was asked."""

    def __init__(self):
        self.asked: asyncio.Queue[tuple[web.Request, dict]] = asyncio.Queue()
        self.next(204)

    def next(self, status: int, content_type: str | None = None, body: str = "", **headers: str):
        typed = {"Content-Type": content_type} if content_type else {}
        self.answer = {"status": status, "body": body.encode(), "headers": headers | typed}

    async def handle(self, request: web.Request) -> web.Response:
        posted = json.loads(await request.text())
        self.asked.put_nowait((request, posted))
        return web.Response(**self.answer)


@pytest.fixture
async def told():
    server = Told()
    runner = web.AppRunner(web.Application(), access_log=None)
    runner.app.router.add_route("*", "/{anything:.*}", server.handle)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


@pytest.fixture
async def alice(told, tmp_path):
    values = {
        "https://satchel:PASTE-THE-PASSWORD-HERE@files.example.com": f"http://satchel:{PASSWORD}@{HOST}:{told.port}",
    }
    prosody = Prosody(tmp_path, filled("prosody-component.cfg.lua", values))
    await asyncio.to_thread(prosody.start)
    try:
        async with login(prosody, "alice") as client:
            yield client
    finally:
        prosody.stop()


async def exchange(told: Told, alice: Client, stanza: str) -> tuple[web.Request, dict, list[StanzaBase]]:
    """What is posted for a stanza, and what comes back; the answer to a later question shows that nothing more does."""
    before = len(alice.heard)
    alice.stream.send_raw(stanza)
    request, posted = await asyncio.wait_for(told.asked.get(), SECONDS)
    told.next(200, JSON, json.dumps({"stanza": '<iq type="result" id="later"/>'}))
    await alice.ask(SERVICE, PING, stanza_id="later")
    await told.asked.get()
    assert alice.heard[-1]["id"] == "later"
    return request, posted, alice.heard[before:-1]


IQ = f'<iq type="get" id="1" to="{SERVICE}">{PING}</iq>'
RESULT = json.dumps({"stanza": '<iq type="result" id="1" from="someone@else.example" to="nobody@else.example"/>'})
ANSWERS = {
    "stanza": (200, JSON, RESULT, "result"),
    "nothing": (204, None, "", None),
    "created": (201, JSON, RESULT, None),
    "charset": (200, "application/json; charset=utf-8", RESULT, None),
    "text": (200, "text/plain", RESULT, None),
    "half-a-stanza": (200, JSON, json.dumps({"stanza": "<iq"}), None),
    "redirect": (307, None, "", "service-unavailable"),
    "400": (400, None, "", "bad-request"),
    "401": (401, None, "", "not-authorized"),
    "402": (402, None, "", "forbidden"),
    "403": (403, None, "", "forbidden"),
    "404": (404, None, "", "item-not-found"),
    "405": (405, None, "", "service-unavailable"),
    "410": (410, None, "", "gone"),
    "413": (413, None, "", "service-unavailable"),
    "500": (500, None, "", "internal-server-error"),
    "501": (501, None, "", "feature-not-implemented"),
    "502": (502, None, "", "remote-server-timeout"),
    "503": (503, None, "", "remote-server-timeout"),
    "504": (504, None, "", "remote-server-timeout"),
}


async def test_an_iq_is_posted_and_an_answer_counts_in_one_form(told, alice):
    for name, (status, content_type, body, expected) in ANSWERS.items():
        told.next(status, content_type, body, Location="/elsewhere")
        request, posted, answers = await exchange(told, alice, IQ)
        heard = [answer["error"]["condition"] if answer["type"] == "error" else answer["type"] for answer in answers]
        assert heard == ([expected] if expected else []), name
        assert all((str(a["from"]), a["to"], a["id"]) == (SERVICE, alice.address, "1") for a in answers), "whatever it says"
    assert (request.method, request.path) == ("POST", "/component")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"satchel:{PASSWORD}".encode()).decode()
    assert set(request.headers) == {"Host", "User-Agent", "Authorization", "Content-Length", "Content-Type"}
    assert posted.keys() == {"to", "from", "kind", "stanza"}
    assert (posted["to"], posted["from"], posted["kind"]) == (SERVICE, alice.address.full, "iq")
    assert "xmlns='jabber:client'" not in posted["stanza"]


async def test_errors_are_posted_and_never_answered(told, alice):
    error = '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>'
    for kind in ("iq", "message"):
        for status, body in ((503, ""), (200, json.dumps({"body": "hello"}))):
            told.next(status, JSON, body)
            _, posted, answers = await exchange(told, alice, f'<{kind} type="error" id="1" to="{SERVICE}">{error}</{kind}>')
            assert (posted["kind"], answers) == (kind, [])


FIELDS = {
    "nothing": ({}, ("chat", "", SERVICE)),
    "body": ({"body": "a < b & c"}, ("chat", "a < b & c", SERVICE)),
    "type": ({"body": "b", "type": "normal"}, ("normal", "b", SERVICE)),
    "from": ({"body": "b", "from": f"{SERVICE}/bot"}, ("chat", "b", f"{SERVICE}/bot")),
}


async def test_a_message_is_posted_with_its_body_and_answered_with_fields(told, alice):
    for name, (fields, expected) in FIELDS.items():
        told.next(200, JSON, json.dumps(fields))
        message = f'<message type="chat" to="{SERVICE}"><body>it&apos;s &lt;me&gt;</body></message>'
        _, posted, [answer] = await exchange(told, alice, message)
        assert (posted["kind"], posted["body"]) == ("message", "it's <me>")
        assert (answer["type"], answer["body"], str(answer["from"])) == expected, name
        assert answer["to"] == alice.address
