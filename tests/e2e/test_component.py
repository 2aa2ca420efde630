"""Slots from Satchel itself: Debian's Prosody posts stanzas to the component, S3 or Satchel's own address takes the files,
recipients download them."""

import asyncio
import time
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from component import PASSWORD, SERVICE, section, settings
from files import AWKWARD, KIB, MIB, NAMES, assert_served, assert_streams, content, write
from prosody import DOMAIN, Prosody
from rawput import RawPut
from satchel import Satchel
from server import HOST, free_port, wait_until
from slots import CURRENT, LEGACY, PURPOSES, put, refusal, request, urls
from xmpp import login

LOCKED_OUT, UNREACHABLE, AT_FRONT = (f"{name}.{DOMAIN}" for name in ("locked-out", "unreachable", "at-front"))
ELSEWHERE = "example.net"
LIMIT = 400 * MIB
PARTS_OF_SECRETS = ("X-Amz-", "Signature", "Basic", PASSWORD)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    limits = settings(SATCHEL_MAX_SIZE=str(LIMIT), SATCHEL_SLOT_PUT="s3")
    with Satchel(tmp_path_factory.mktemp("satchel"), limits, s3=True) as running:
        yield running
        log = running.log.read_text()
        assert not [part for part in PARTS_OF_SECRETS if part in log], "a secret was logged"


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """A stack as it is by default: slots lead to itself."""
    with Satchel(tmp_path_factory.mktemp("front"), settings()) as running:
        yield running
        assert "Bearer" not in running.log.read_text()


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, stack, front, debian):
    sections = [
        section(SERVICE, stack.port),
        section(LOCKED_OUT, stack.port, "another-password"),
        section(UNREACHABLE, free_port()),
        section(AT_FRONT, front.port),
        f'VirtualHost "{ELSEWHERE}"\n',
    ]
    server = Prosody(tmp_path_factory.mktemp("prosody"), "\n".join(sections), debian=debian)
    server.register("eve", ELSEWHERE)
    with server as running:
        yield running


@pytest.fixture
async def alice(prosody):
    async with login(prosody, "alice") as client:
        yield client


async def test_the_service_is_found_and_says_what_it_takes(alice):
    found = await alice.stream.plugin["xep_0363"].find_upload_service(domain=SERVICE, timeout=120)
    info = found["disco_info"]
    assert found["from"] == SERVICE
    assert [identity[:2] for identity in info["identities"]] == [("store", "file")]
    purposes = {f"{PURPOSES}#{purpose}" for purpose in ("message", "profile", "ephemeral", "permanent")}
    assert {CURRENT, LEGACY, "urn:xmpp:ping", "jabber:iq:version"} | purposes <= info["features"]
    forms = {form["values"]["FORM_TYPE"][0]: form["values"]["max-file-size"] for form in info["substanzas"]}
    assert forms == {CURRENT: str(LIMIT), LEGACY: str(LIMIT)}


UPLOADS = [(AWKWARD, 1), (AWKWARD, 5 * MIB)] + [(name, KIB) for name in NAMES.values()]
UPLOAD_IDS = ["1B", "5MiB", *NAMES]


@pytest.mark.parametrize(("filename", "size"), UPLOADS, ids=UPLOAD_IDS)
async def test_a_shared_file_reaches_the_recipient(prosody, alice, http, filename, size):
    photo = content(size)
    async with login(prosody, "bob") as bob:
        alice.share(bob, await alice.upload(SERVICE, filename, photo, "image/jpeg"))
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", filename)


@pytest.mark.parametrize("size", [1, 5 * MIB], ids=["1B", "5MiB"])
async def test_a_slot_at_satchels_own_address_is_answered_201(prosody, alice, front, http, size):
    photo = content(size)
    async with login(prosody, "bob") as bob:
        alice.share(bob, await alice.upload(AT_FRONT, AWKWARD, photo, "image/jpeg"))
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", AWKWARD)
    slot = await alice.request_slot(AT_FRONT, "photo.jpg", size, "image/jpeg")
    assert slot.put_url == slot.get_url and slot.put_url.startswith(f"{front.base_url}/")
    assert slot.headers["Authorization"].startswith("Bearer ")
    async with http.put(slot.put_url, data=photo, headers=slot.headers) as answer:
        assert answer.status == 201, "Siskin and Beagle take nothing else"
    put_url, get_url = urls(await alice.ask(AT_FRONT, request(namespace=LEGACY, size=str(size))), LEGACY)
    async with http.put(put_url, data=photo) as answer:
        assert answer.status == 201, "the URL is enough for a client that knows no headers"
    async with http.get(get_url) as answer:
        assert await answer.read() == photo


async def test_300_mib_reach_the_recipient_in_constant_memory(prosody, alice, stack, http, tmp_path):
    video = write(tmp_path / AWKWARD, 300 * MIB)
    async with login(prosody, "bob") as bob:
        alice.share(bob, await alice.upload_file(SERVICE, video, "video/mp4"))
        await assert_streams(http, await bob.received_url(), video, "video/mp4")
    assert stack.peak_resident_kib() < 64 * KIB


async def test_the_slot_leads_straight_to_s3(alice, stack, http):
    slot = await alice.request_slot(SERVICE, "photo.jpg", KIB, "image/jpeg")
    assert slot.put_url.startswith(f"http://{HOST}:{stack.s3_port}/")
    assert slot.get_url.startswith(f"{stack.base_url}/")
    assert slot.headers == {}
    async with http.get(slot.get_url) as answer:
        assert answer.status == 404, "granted is not stored"
    async with http.put(slot.put_url, data=content(KIB), allow_redirects=False) as answer:
        assert answer.status == 200


async def test_the_first_recipient_need_not_wait(alice, http):
    for number in range(20):
        body = content(KIB + number)
        slot = await alice.request_slot(SERVICE, "photo.jpg", len(body), "image/jpeg")
        await put(http, slot.put_url, body)
        async with http.get(slot.get_url) as answer:
            assert answer.status == 200
            assert await answer.read() == body


async def test_s3_takes_the_granted_length_and_any_type_and_nothing_changes_it_later(alice, http):
    body = content(KIB)
    slot = await alice.request_slot(SERVICE, "photo.jpg", KIB, "image/jpeg")
    for length in (0, 1, KIB - 1, KIB + 1, 2 * KIB):
        with RawPut(slot.put_url, length) as upload:
            upload.send(content(length))
            assert upload.status() == 403, f"{length} octets"
    async with http.get(slot.get_url) as answer:
        assert answer.status == 404
    await put(http, slot.put_url, body, "text/html")
    await assert_served(http, slot.get_url, body, "image/jpeg", "photo.jpg")
    await put(http, slot.put_url, body[::-1])
    await assert_served(http, slot.get_url, body, "image/jpeg", "photo.jpg")


async def test_the_legacy_namespace_gives_the_same_slots(alice, http):
    answer = await alice.ask(SERVICE, request(LEGACY, filename=AWKWARD))
    put_url, get_url = urls(answer, LEGACY)
    await put(http, put_url, content(KIB))
    await assert_served(http, get_url, content(KIB), "image/jpeg", AWKWARD)


@pytest.mark.parametrize("namespace", [CURRENT, LEGACY])
async def test_the_largest_file_is_announced_and_kept_to(alice, namespace):
    urls(await alice.ask(SERVICE, request(namespace, size=str(LIMIT))), namespace)
    for size in (LIMIT + 1, 2**64, 10**30):
        answer = await alice.ask(SERVICE, request(namespace, size=str(size)))
        assert refusal(answer) == ("modify", "not-acceptable")
        assert answer.findtext(f".//{{{namespace}}}file-too-large/{{{namespace}}}max-file-size") == str(LIMIT)


BAD_REQUESTS = {
    "no-name": {"filename": None},
    "empty-name": {"filename": ""},
    "dot": {"filename": "."},
    "dots": {"filename": ".."},
    "slash": {"filename": "a/b.jpg"},
    "dots-between-backslashes": {"filename": "a\\..\\b.jpg"},
    "tab": {"namespace": LEGACY, "filename": "a\tb.jpg"},
    "endless-name": {"filename": "a" * 1100},
    "no-size": {"size": None},
    "size-zero": {"size": "0"},
    "size-negative": {"size": "-1"},
    "size-fraction": {"size": "1.5"},
    "type-with-line-end": {"namespace": LEGACY, "content-type": "text/plain\nX: y"},
    "endless-type": {"content-type": "text/" + "a" * 300},
    "no-expiry": {"purpose": f'<ephemeral xmlns="{PURPOSES}"/>'},
    "no-date": {"purpose": f'<ephemeral xmlns="{PURPOSES}" expire-before="tomorrow"/>'},
    "past": {"purpose": f'<ephemeral xmlns="{PURPOSES}" expire-before="2020-01-01T00:00:00Z"/>'},
}


@pytest.mark.parametrize("values", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_a_bad_request_is_refused_with_a_sentence(alice, values):
    answer = await alice.ask(SERVICE, request(**values))
    assert refusal(answer) == ("modify", "bad-request")
    assert answer.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text")


async def test_only_users_of_the_parent_domain_get_slots(prosody):
    async with login(prosody, "eve", ELSEWHERE) as eve:
        assert refusal(await eve.ask(SERVICE, request())) == ("auth", "forbidden")


async def test_without_the_password_there_is_nothing(alice):
    for payload in (request(), '<ping xmlns="urn:xmpp:ping"/>', '<query xmlns="http://jabber.org/protocol/disco#info"/>'):
        assert refusal(await alice.ask(LOCKED_OUT, payload)) == ("auth", "not-authorized")


async def test_an_outage_is_an_error_at_once(alice):
    assert refusal(await alice.ask(UNREACHABLE, request())) == ("cancel", "service-unavailable")


@pytest.mark.parametrize("purpose", ["message", "profile", "ephemeral", "permanent"])
async def test_a_slot_for_each_purpose_takes_a_file(alice, http, purpose):
    expiry = f' expire-before="{stamp(time.time() + 3600)}"' if purpose == "ephemeral" else ""
    put_url, get_url = urls(await alice.ask(SERVICE, request(purpose=f'<{purpose} xmlns="{PURPOSES}"{expiry}/>')))
    await put(http, put_url, content(KIB))
    await assert_served(http, get_url, content(KIB), "image/jpeg", "photo.jpg")


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def uploaded_for_a_moment(alice, http) -> tuple[str, int]:
    """A file's address and when it expires: soon, and later where the machine is too busy to store it before that."""
    for seconds in (5, 25, 125):
        expiry = int(time.time()) + seconds
        purpose = f'<ephemeral xmlns="{PURPOSES}" expire-before="{stamp(expiry)}"/>'
        answer = await alice.ask(SERVICE, request(purpose=purpose))
        if time.time() < expiry:
            put_url, get_url = urls(answer)
            async with http.put(put_url, data=content(KIB), headers={"Content-Type": "image/jpeg"}) as stored:
                if stored.status == 200:
                    return get_url, expiry
                assert time.time() >= expiry, await stored.text()
    raise AssertionError(f"not stored within {seconds} s")


async def test_an_ephemeral_file_is_gone_from_the_second_it_was_to_expire(alice, http):
    get_url, expiry = await uploaded_for_a_moment(alice, http)
    status = None
    while status != 410:
        begun = time.time()
        async with http.get(get_url) as answer:
            status = answer.status
        assert (begun < expiry and status == 200) or (time.time() >= expiry and status == 410), status
        await asyncio.sleep(0.1)


async def test_ping_version_and_items_are_answered(alice):
    pong = await alice.ask(SERVICE, '<ping xmlns="urn:xmpp:ping"/>')
    assert (pong.tag, pong.get("type"), list(pong)) == ("{jabber:client}iq", "result", [])
    version = await alice.ask(SERVICE, '<query xmlns="jabber:iq:version"/>')
    assert version.findtext("{*}query/{jabber:iq:version}name") == "Satchel"
    items = await alice.ask(SERVICE, '<query xmlns="http://jabber.org/protocol/disco#items"/>')
    assert (items.get("type"), list(items[0])) == ("result", [])


UNKNOWN = {
    "unknown-get": ("get", '<query xmlns="jabber:iq:roster"/>'),
    "unknown-set": ("set", '<command xmlns="http://jabber.org/protocol/commands" node="x"/>'),
    "slot-by-set": ("set", f'<request xmlns="{CURRENT}" filename="a" size="1"/>'),
    "no-namespace": ("get", "<query/>"),
    "another-version": ("get", '<request xmlns="urn:xmpp:http:upload:1" filename="a" size="1"/>'),
}


@pytest.mark.parametrize(("kind", "payload"), UNKNOWN.values(), ids=UNKNOWN)
async def test_unknown_questions_are_refused(alice, kind, payload):
    assert refusal(await alice.ask(SERVICE, payload, kind)) == ("cancel", "service-unavailable")


async def test_results_and_errors_are_posted_and_get_nothing(alice, stack):
    before = len(alice.heard)
    silent = stack.log.read_text().count("no_reply")
    alice.stream.make_iq_result(id="late-result", ito=SERVICE).send()
    alice.stream.make_iq_error(id="late-error", ito=SERVICE).send()
    await asyncio.to_thread(wait_until, lambda: stack.log.read_text().count("no_reply") == silent + 2, 30, "both to arrive")
    await alice.ask(SERVICE, '<ping xmlns="urn:xmpp:ping"/>', stanza_id="ping-after-them")
    assert [stanza["id"] for stanza in alice.heard[before:]] == ["ping-after-them"]


HOSTILE = {
    "quotes": "it's \"quoted\".jpg",
    "markup": "\"><put url='x'><a b=\".jpg",
    "cdata": "]]><![CDATA[ & ]]>.jpg",
    "references": "&amp;&#60;&#x3c;&quot;&nbsp;.jpg",
    "escapes": "%00%2e%2e%2f%252f%.jpg",
    "scripts": "Ünïcödé 中文 𝔘 🦊 e\u0301.jpg",
    "direction": "\u202egpj.exe",
    "json": '\\u0000\\"},{"stanza":"x.jpg',
    "blanks": "  two  blanks  ",
}
RESOURCE = "o'brien & \"sons\" <x a='b'/> ]]>"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_content_goes_through_unharmed(prosody, http, name):
    """In the file's name, the stanza's id and the sender's resource at once."""
    async with login(prosody, "alice", resource=RESOURCE) as alice:
        answer = await alice.ask(SERVICE, request(filename=name), stanza_id=f"1{name}")
        assert (answer.get("id"), answer.get("from"), answer.get("to")) == (f"1{name}", SERVICE, alice.address.full)
        put_url, get_url = urls(answer)
        assert unquote(get_url.rpartition("/")[2]) == name
        await put(http, put_url, content(KIB))
        await assert_served(http, get_url, content(KIB), "image/jpeg", name)
