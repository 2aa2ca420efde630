"""The chat bot at the component's address and the daily quota, through Debian's Prosody."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from component import SERVICE, section, settings
from files import KIB, MIB, assert_served, content
from prosody import Prosody
from satchel import Satchel
from slots import CURRENT, put, refusal, request, urls
from xmpp import Client, login

ELSEWHERE = "example.net"
QUOTA = 10 * MIB
NUMBERED = re.compile(r"^(\d{5}): (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    quota = settings(SATCHEL_DAILY_QUOTA=str(QUOTA), SATCHEL_SLOT_PUT="s3")
    with Satchel(tmp_path_factory.mktemp("satchel"), quota, s3=True) as running:
        yield running


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, stack, debian):
    host = f'VirtualHost "{ELSEWHERE}"\n'
    server = Prosody(tmp_path_factory.mktemp("prosody"), section(SERVICE, stack.port) + host, debian=debian)
    server.register("eve", ELSEWHERE)
    with server as running:
        yield running


@pytest.fixture
async def somebody(prosody, request):
    """A user whom no other test knows."""
    user = request.node.name.replace("_", "")
    prosody.register(user, "example.com")
    async with login(prosody, user) as client:
        yield client


async def reply(client: Client, text: str) -> str:
    client.say(SERVICE, text)
    message = await client.hear()
    assert (message["from"], message["to"], message["type"]) == (SERVICE, client.address, "chat")
    return message["body"]


async def uploaded(client: Client, http, name: str) -> str:
    """The link of a new file that has been downloaded once: until it is sealed, no list has it."""
    put_url, get_url = urls(await client.ask(SERVICE, request(filename=name)))
    await put(http, put_url, content(KIB))
    await assert_served(http, get_url, content(KIB), "image/jpeg", name)
    return get_url


async def test_help_and_anything_else_say_what_there_is(somebody):
    text = await reply(somebody, "help")
    assert all(f"\n{command}" in text for command in ("help", "quota", "list", "delete NUMBER", "delete LINK"))
    assert "help" in await reply(somebody, "Good morning, <who> & what are you?")


async def test_a_list_has_the_senders_files_and_no_others(somebody, prosody, http):
    assert await reply(somebody, "list") == "You have no files here."
    links = {name: await uploaded(somebody, http, name) for name in ("plain.jpg", "<b>&amp; ]]> \"Grüße\".jpg")}
    text = await reply(somebody, "list")
    assert {name for _, name in NUMBERED.findall(text)} == links.keys()
    assert set(re.findall(r"^http.*$", text, re.MULTILINE)) == set(links.values())
    async with login(prosody, "bob") as bob:
        assert await reply(bob, "list") == "You have no files here."


async def test_a_file_is_deleted_by_number_or_link_by_its_owner_alone(somebody, prosody, http):
    links = [await uploaded(somebody, http, name) for name in ("one.jpg", "two.jpg")]
    numbers = {name: number for number, name in NUMBERED.findall(await reply(somebody, "list"))}
    async with login(prosody, "bob") as bob:
        for command in (f"delete {numbers['one.jpg']}", f"delete {links[0]}"):
            assert (await reply(bob, command)).startswith("You have no such file.")
    await assert_served(http, links[0], content(KIB), "image/jpeg", "one.jpg")
    assert await reply(somebody, f"delete {numbers['one.jpg']}") == "Deleted: one.jpg"
    assert await reply(somebody, f"delete {links[1]}") == "Deleted: two.jpg"
    for link in links:
        async with http.get(link) as answer:
            assert answer.status == 404
    assert await reply(somebody, "list") == "You have no files here."


async def test_the_quota_is_told_and_kept_by_twenty_requests_at_once(somebody):
    assert "0 bytes of 10 MiB" in await reply(somebody, "quota")
    payload = request(size=str(MIB))
    answers = await asyncio.gather(*(somebody.ask(SERVICE, payload) for _ in range(20)))
    assert sum(answer.get("type") == "result" for answer in answers) == 10
    refused = [answer for answer in answers if answer.get("type") == "error"]
    assert {refusal(answer) for answer in refused} == {("wait", "resource-constraint")}
    stamps = {answer.find(f".//{{{CURRENT}}}retry").get("stamp") for answer in refused}
    again = datetime.fromisoformat(max(stamps)) - datetime.now(UTC)
    assert timedelta(0) < again <= timedelta(days=1)
    assert "10 MiB of 10 MiB" in await reply(somebody, "quota")


async def test_other_domains_and_empty_messages_and_errors_are_met_with_silence(somebody, prosody):
    silent = [
        f'<message type="chat" to="{SERVICE}"><active xmlns="http://jabber.org/protocol/chatstates"/></message>',
        f'<message type="error" to="{SERVICE}"><body>help</body><error type="cancel"/></message>',
        f'<message type="headline" to="{SERVICE}"><body>help</body></message>',
    ]
    async with login(prosody, "eve", ELSEWHERE) as eve:
        eve.say(SERVICE, "help")
        await eve.ask(SERVICE, '<ping xmlns="urn:xmpp:ping"/>')
        assert eve.messages.empty()
    for message in silent:
        somebody.stream.send_raw(message)
    assert await reply(somebody, "quota")
    assert somebody.messages.empty()
