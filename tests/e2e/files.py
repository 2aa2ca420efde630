"""The files that every XMPP server's tests upload, and what a recipient must see."""

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import aiohttp

KIB = 1024
MIB = 1024 * KIB

AWKWARD = "Grüße 100%+1 #2 a?b&c=%20.jpg"
NAMES = {
    "plain": "photo.jpg",
    "spaces": "my holiday photo.jpg",
    "umlauts": "Grüße aus Köln.jpg",
    "plus": "1+1.jpg",
    "percent": "100%.jpg",
    "hash": "photo #7.jpg",
    "question": "what?.jpg",
    "ampersand": "you&me=us.jpg",
    "encoded": "literal%20blank.jpg",
}
UPLOADS = [(name, KIB) for name in NAMES.values()] + [(AWKWARD, size) for size in (KIB, 4 * MIB, 40 * MIB)]
UPLOAD_IDS = [f"{label}-1KiB" for label in NAMES] + [f"awkward-{size}" for size in ("1KiB", "4MiB", "40MiB")]


def content(size: int) -> bytes:
    """Octets that repeat nowhere near a block or part boundary."""
    return (b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(313)) * (size // 10016 + 1))[:size]


def write(path: Path, size: int) -> Path:
    """A file of that many octets that no test has to hold in memory; no two of its blocks are alike."""
    block = content(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            file.write(number.to_bytes(8, "big") + block[8:])
        file.write(block[: size % MIB])
    return path


async def assert_takes_one_file(
    http: aiohttp.ClientSession, put_url: str, headers: dict[str, str], file: bytes, waits: bool = False
):
    """Stored, then another refused; and a client that follows no redirects never meets one. It may wait for permission to send."""
    other = bytes([file[0] ^ 1]) + file[1:]
    for body, status in ((file, 201), (other, 409)):
        sent = {"data": io.BytesIO(body), "headers": headers, "expect100": waits}
        async with http.put(put_url, allow_redirects=False, **sent) as answer:
            assert answer.status == status, await answer.text()


async def put_that_expires(http: aiohttp.ClientSession, url: str, headers: Callable[[int], dict[str, str]], file: bytes):
    """Stores a file that expires soon, and later where the machine is too busy to store it before that."""
    for seconds in (1, 5, 25, 125):
        expires = int(time.time()) + seconds
        async with http.put(url, headers=headers(expires), data=file) as answer:
            if answer.status == 201:
                return
            assert time.time() >= expires, await answer.text()
    raise AssertionError(f"not stored within {seconds} s")


async def assert_served(http: aiohttp.ClientSession, url: str, expected: bytes, content_type: str, filename: str | None):
    """GET, HEAD and ranges of a shared URL, following redirects, as clients use them."""
    async with http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == content_type
        assert await answer.read() == expected
        assert_inline(answer, filename)
    async with http.head(url, allow_redirects=True) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(expected)
        assert answer.content_type == content_type
        assert answer.headers["Accept-Ranges"] == "bytes"
    await assert_range(http, url, 0, 1, expected)
    await assert_range(http, url, len(expected) // 2, None, expected)


async def assert_streams(http: aiohttp.ClientSession, url: str, expected: Path, content_type: str):
    """The file and its type, without holding either copy in memory."""
    received = hashlib.sha256()
    async with http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == content_type
        assert_inline(answer, expected.name)
        async for octets in answer.content.iter_chunked(MIB):
            received.update(octets)
    with expected.open("rb") as file:
        assert received.digest() == hashlib.file_digest(file, "sha256").digest()


def assert_inline(answer: aiohttp.ClientResponse, filename: str | None):
    disposition, _, encoded = answer.headers["Content-Disposition"].partition("; filename*=UTF-8''")
    assert disposition == "inline"
    if filename is not None:
        assert unquote(encoded) == filename


async def assert_range(http: aiohttp.ClientSession, url: str, first: int, last: int | None, expected: bytes):
    end = len(expected) - 1 if last is None else min(last, len(expected) - 1)
    async with http.get(url, headers={"Range": f"bytes={first}-{'' if last is None else last}"}) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{end}/{len(expected)}"
        assert await answer.read() == expected[first : end + 1]
