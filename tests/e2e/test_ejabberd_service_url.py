"""Slots from Satchel itself: Debian's ejabberd asks for them with mod_http_upload's `service_url`."""

import pytest

from ejabberd import Ejabberd
from files import AWKWARD, KIB, MIB, NAMES, assert_served, assert_streams, assert_takes_one_file, content, write
from prosody import DOMAIN, filled
from satchel import SECRET, Satchel
from server import HOST
from slots import refusal, request
from xmpp import login

SEGMENT, PAIR = "0b9c52e87d5f4d7c8a54f0a7bb2c6f11", "ejabberd:9f86d081884c7d659a2feaa0c55ad015"
WITH_BASIC, LOCKED_OUT, ELSEWHERE = f"basic.{DOMAIN}", f"locked-out.{DOMAIN}", "example.net"
LIMIT = 400 * MIB
PARTS_OF_SECRETS = ("eyJ", "Basic", SEGMENT, PAIR.partition(":")[2])


@pytest.fixture(scope="module")
def stack(tmp_path_factory, debian):
    """One for each release: what the tests do with one counts in its quotas."""
    settings = {
        "SATCHEL_UPLOAD_SECRETS": SECRET,
        "SATCHEL_SLOT_CREDENTIALS": f"{SEGMENT}\n{PAIR}",
        "SATCHEL_ALLOWED_DOMAINS": f"{DOMAIN} {WITH_BASIC} {LOCKED_OUT}",
        "SATCHEL_DAILY_QUOTA": str(LIMIT),
    }
    with Satchel(tmp_path_factory.mktemp("satchel"), settings) as running:
        yield running
        log = running.log.read_text()
        assert not [part for part in PARTS_OF_SECRETS if part in log], "a secret was logged"


@pytest.fixture(scope="module")
def ejabberd(tmp_path_factory, stack, debian):
    gateway = f"{HOST}:{stack.port}"
    others = {
        WITH_BASIC: section(WITH_BASIC, f"http://{PAIR}@{gateway}/slot"),
        LOCKED_OUT: section(LOCKED_OUT, f"http://{gateway}/slot/another-secret"),
        ELSEWHERE: section(ELSEWHERE, f"http://{gateway}/slot/{SEGMENT}"),
    }
    modules = section(DOMAIN, f"http://{gateway}/slot/{SEGMENT}")
    with Ejabberd(tmp_path_factory.mktemp("ejabberd"), modules, others, debian) as running:
        yield running


def section(domain: str, service_url: str) -> str:
    """The module that an admin configures, without TLS."""
    values = {"upload.example.com": service(domain), "https://files.example.com/slot/PASTE-THE-SECRET-HERE": service_url}
    return filled("ejabberd-service-url.yml", values)


def service(domain: str) -> str:
    return f"upload.{domain}"


UPLOADS = [(AWKWARD, 1), (AWKWARD, 5 * MIB)] + [(name, KIB) for name in NAMES.values()]
UPLOAD_IDS = ["1B", "5MiB", *NAMES]


@pytest.mark.parametrize("domain", [DOMAIN, WITH_BASIC], ids=["segment", "basic"])
@pytest.mark.parametrize(("filename", "size"), UPLOADS, ids=UPLOAD_IDS)
async def test_a_shared_file_reaches_the_recipient(ejabberd, http, domain, filename, size):
    photo = content(size)
    async with login(ejabberd, "alice", domain) as alice, login(ejabberd, "bob", domain) as bob:
        alice.share(bob, await alice.upload(service(domain), filename, photo, "image/jpeg"))
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", plain(filename))


def plain(filename: str) -> str:
    """What Satchel makes of a name, so that no ejabberd has anything to encode."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "_" for letter in filename)


async def test_300_mib_reach_the_recipient_in_constant_memory(ejabberd, stack, http, tmp_path):
    video = write(tmp_path / "video.mp4", 300 * MIB)
    async with login(ejabberd, "alice") as alice, login(ejabberd, "bob") as bob:
        alice.share(bob, await alice.upload_file(service(DOMAIN), video, "video/mp4"))
        await assert_streams(http, await bob.received_url(), video, "video/mp4")
    assert stack.peak_resident_kib() < 64 * KIB


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_slot_takes_one_file_and_says_of_which_type(ejabberd, http, size):
    async with login(ejabberd, "alice") as alice:
        slot = await alice.request_slot(service(DOMAIN), "photo.jpg", size, "image/jpeg")
    assert slot.headers == {}
    await assert_takes_one_file(http, slot.put_url, {"Content-Type": "text/html"}, content(size))
    await assert_served(http, slot.get_url, content(size), "image/jpeg", "photo.jpg")


async def test_the_quota_is_kept(ejabberd):
    async with login(ejabberd, "bob", WITH_BASIC) as bob:
        await bob.request_slot(service(WITH_BASIC), "video.mp4", LIMIT, "video/mp4")
        assert refusal(await bob.ask(service(WITH_BASIC), request()))[1] == "resource-constraint"


REFUSALS = {
    "too-large": (DOMAIN, {"size": str(LIMIT + 1)}, "not-acceptable"),
    "another-domain": (ELSEWHERE, {}, "not-allowed"),
    "bad-name": (DOMAIN, {"filename": ".."}, "service-unavailable"),
    "wrong-secret": (LOCKED_OUT, {}, "service-unavailable"),
}


@pytest.mark.parametrize(("domain", "values", "condition"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_reaches_the_user(ejabberd, domain, values, condition):
    async with login(ejabberd, "alice", domain) as alice:
        assert refusal(await alice.ask(service(domain), request(**values)))[1] == condition
