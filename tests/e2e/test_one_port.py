"""README's way on one machine: one program, one folder, one port, whatever of it is used."""

import re

import component
import tokens
from files import KIB, MIB, assert_served, content
from listening import addresses
from prosody import Prosody
from satchel import SECRET, Satchel
from server import HOST
from test_process import printed_snippet
from xmpp import login

CALLER = "app:the-password-of-rosters"


def only_port(stack: Satchel) -> bool:
    return addresses(stack.process.pid) == {(HOST, stack.port)}


def test_a_stack_listens_on_one_port(tmp_path):
    with Satchel(tmp_path / "satchel", settings={}) as stack:
        assert only_port(stack)


async def test_files_are_shared_through_prosodys_slots(tmp_path, http):
    with Satchel(tmp_path / "satchel", settings={}) as stack:
        snippet, secret = printed_snippet(stack), stack.made_secret()
        section = snippet[0].replace('http_file_share_secret = "..."', f'http_file_share_secret = "{secret}"')
        with Prosody(tmp_path / "prosody", section) as prosody:
            await shared(prosody, http, snippet["service"])
        ended = stack.expire()
        assert ended.returncode == 0 and re.search(r"left +1 ", ended.stdout), ended.stdout + ended.stderr


async def test_files_are_shared_through_slots_of_its_own_and_rosters_are_kept(tmp_path, http):
    settings = component.settings(SATCHEL_ROSTER_CREDENTIALS=CALLER)
    with Satchel(tmp_path / "satchel", settings) as stack:
        with Prosody(tmp_path / "prosody", component.section(component.SERVICE, stack.port)) as prosody:
            await shared(prosody, http, component.SERVICE)
        roster = f"http://{CALLER}@{HOST}:{stack.port}/contacts/alice"
        async with http.put(roster, json={"bob@example.com": {"name": "Bob"}}) as answer:
            assert answer.status in (201, 204)
        async with http.get(roster) as answer:
            assert (await answer.json())["bob@example.com"]["name"] == "Bob"
        assert stack.expire("--dry-run").returncode == 0


async def shared(prosody: Prosody, http, service: str):
    photo = content(5 * MIB)
    async with login(prosody, "alice") as alice, login(prosody, "bob") as bob:
        alice.share(bob, await alice.upload(service, "photo.jpg", photo, "image/jpeg"))
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", "photo.jpg")


async def test_a_body_that_is_kept_back_is_asked_for(tmp_path, http):
    with Satchel(tmp_path / "satchel") as stack:
        target = stack.url("kept/back.bin", tokens.v1(SECRET, "kept/back.bin", KIB))
        async with http.put(target, headers={"X-Upload-Length": str(KIB)}, allow_redirects=False) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (400, "body_required")
        async with http.put(target, data=content(KIB)) as answer:
            assert answer.status == 201
