"""The stack on SeaweedFS instead of its own folder: the functions need no more than an S3-compatible store."""

import os
import subprocess

import pytest

import tokens
from files import AWKWARD, KIB, MIB, assert_served, assert_streams, assert_takes_one_file, content, write
from rawput import RawPut
from satchel import SECRET, Satchel, clean_environment
from seaweedfs import SeaweedFs
from server import HOST, REPOSITORY
from slots import put
from test_expire import deleted, status, upload_that_expires

SLOT_SECRET = "the-secret-segment-of-slots"
# Its keys are paths of a file system. See "Another S3" in README.md of the names; no function needs the order.
LACKING = "names_over_255_bytes byte_order"


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


@pytest.fixture(scope="module")
def streaming(tmp_path_factory, seaweedfs):
    """The same store, which clients need not reach."""
    settings = seaweedfs.settings() | {"SATCHEL_DOWNLOADS": "stream", "SATCHEL_UPLOAD_SECRETS": SECRET}
    with Satchel(tmp_path_factory.mktemp("streaming"), settings) as running:
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


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_file_is_passed_through(streaming, http, size):
    body, path = content(size), f"streamed-{size}/{AWKWARD}"
    url = streaming.url(path, tokens.v2(SECRET, path, size, "image/jpeg"))
    await assert_takes_one_file(http, url, {"Content-Type": "image/jpeg"}, body, waits=True)
    await assert_served(http, streaming.url(path), body, "image/jpeg", AWKWARD)
    async with http.get(streaming.url(path), allow_redirects=False) as answer:
        assert answer.status == 200
        etag = answer.headers["ETag"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-Match": '"another"'}, 412),
        ({"Range": f"bytes={size}-"}, 416),
        ({"Range": "bytes=0-0", "If-Range": etag}, 206),
        ({"Range": "bytes=0-0", "If-Range": '"another"'}, 200),
    ):
        async with http.get(streaming.url(path), headers=headers) as answer:
            assert answer.status == status, headers
    async with http.get(streaming.url(path), headers={"Range": "bytes=0-1,10-19,-5"}) as answer:
        assert answer.status == 206
        parts = await answer.read()
    for part in (body[:2], body[10:20], body[-5:]):
        assert b"\r\n\r\n" + part + b"\r\n--" in parts


async def test_300_mib_pass_in_constant_memory(streaming, http, tmp_path):
    path, size = "long/video.mp4", 300 * MIB
    video = write(tmp_path / "video.mp4", size)
    with video.open("rb") as body:
        url = streaming.url(path, tokens.v2(SECRET, path, size, "video/mp4"))
        async with http.put(url, data=body, headers={"Content-Type": "video/mp4"}) as answer:
            assert answer.status == 201, await answer.text()
    await assert_streams(http, streaming.url(path), video, "video/mp4")
    assert streaming.peak_resident_kib() < 64 * KIB


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_file_may_come_again(stack, http, size):
    body, path = content(size), f"again-{size}.bin"
    url = stack.url(path, tokens.v2(SECRET, path, size, "image/jpeg"))
    for _ in range(2):
        async with http.put(url, data=body, headers={"Content-Type": "image/jpeg"}) as answer:
            assert answer.status == 201, await answer.text()


def test_it_keeps_to_all_that_the_functions_ask_of_a_store(seaweedfs):
    """The suite that all stores keep to, in the newest binary of the tests in Rust."""
    built = REPOSITORY.glob("target/debug/deps/integration-*")
    binaries = [file for file in built if not file.suffix and os.access(file, os.X_OK)]
    newest = max(binaries, key=lambda file: file.stat().st_mtime)
    command = [newest, "stores::an_s3_elsewhere_keeps_to_all_of_it", "--exact", "--ignored", "--nocapture"]
    environment = clean_environment() | seaweedfs.settings() | {"STORE_LACKS": LACKING}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{seaweedfs.endpoint} keeps to all of it" in ended.stdout
    assert "1 passed" in ended.stdout


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
