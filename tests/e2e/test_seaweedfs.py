"""The stack on SeaweedFS instead of its own folder: the functions need no more than an S3-compatible store."""

import pytest

import tokens
from files import AWKWARD, KIB, MIB, assert_served, assert_takes_one_file, content
from rawput import RawPut
from satchel import SECRET, Satchel
from seaweedfs import SeaweedFs
from server import HOST
from slots import put
from test_expire import deleted, status, upload_that_expires

SLOT_SECRET = "the-secret-segment-of-slots"


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory):
    with SeaweedFs(tmp_path_factory.mktemp("seaweedfs")) as running:
        yield running


@pytest.fixture(scope="module")
def stack(tmp_path_factory, seaweedfs):
    slots = {"SATCHEL_SLOT_CREDENTIALS": SLOT_SECRET, "SATCHEL_SLOT_PUT": "s3"}
    settings = seaweedfs.settings() | slots | {"SATCHEL_UPLOAD_SECRETS": SECRET}
    with Satchel(tmp_path_factory.mktemp("satchel"), settings) as running:
        yield running


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_file_is_stored_once_and_served(stack, seaweedfs, http, size):
    body, path = content(size), f"seaweedfs-{size}/{AWKWARD}"
    url = stack.url(path, tokens.v2(SECRET, path, size, "image/jpeg"))
    await assert_takes_one_file(http, url, {"Content-Type": "image/jpeg"}, body)
    async with http.get(stack.url(path), allow_redirects=False) as answer:
        assert answer.status == 307
        assert answer.headers["Location"].startswith(seaweedfs.endpoint)
    await assert_served(http, stack.url(path), body, "image/jpeg", AWKWARD)


@pytest.mark.parametrize("size", [1, 6 * MIB], ids=["1B", "6MiB"])
async def test_a_slots_put_goes_straight_there_and_the_first_recipient_need_not_wait(stack, seaweedfs, http, size):
    """This store tells nobody what arrives: the download seals."""
    body = content(size)
    query = {"jid": "alice@example.com", "name": AWKWARD, "size": str(size), "content_type": "image/jpeg"}
    async with http.get(f"http://{HOST}:{stack.port}/slot/{SLOT_SECRET}", params=query) as answer:
        put_url, get_url = (await answer.text()).splitlines()
    assert put_url.startswith(seaweedfs.endpoint)
    for length in (size - 1, size + 1):
        with RawPut(put_url, length) as upload:
            upload.send(content(length))
            assert upload.status() == 403, "another length than granted"
    await put(http, put_url, body, "text/html")
    await assert_served(http, get_url, body, "image/jpeg", AWKWARD)
    await put(http, put_url, body[::-1])
    await assert_served(http, get_url, body, "image/jpeg", AWKWARD)


async def test_a_missing_file_is_not_found(stack, http):
    async with http.get(stack.url("seaweedfs-missing/file.bin")) as answer:
        assert answer.status == 404


async def test_what_has_expired_is_deleted(stack, http):
    await upload_that_expires(http, stack, "expired")
    ended = stack.expire()
    assert ended.returncode == 0, ended.stderr
    assert deleted(ended.stdout) == 1, ended.stdout
    assert await status(http, stack, "expired") == 404
