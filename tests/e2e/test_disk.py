"""A disk that is full, or that turns read-only, under a running stack."""

import io
import json
import urllib.error
import urllib.request

import pytest

import tokens
from disk import BreakableDisk, SmallDisk
from files import KIB, MIB, content
from rawput import RawPut
from satchel import SECRET, Satchel
from server import HOST, wait_until

FLOOR = 4 * MIB


class OnDisk(Satchel):
    """A stack whose data is on a disk of its own."""

    def __init__(self, folder, disk):
        super().__init__(folder, {"SATCHEL_UPLOAD_SECRETS": SECRET, "SATCHEL_MIN_FREE_BYTES": str(FLOOR)})
        self.disk = disk

    def command(self):
        command = super().command()
        return [str(self.disk.at / "data") if part == str(self.folder / "data") else part for part in command]

    def health(self) -> int:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/_satchel/health", timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code


async def put(http, stack: Satchel, path: str, body: bytes) -> tuple[int, str]:
    url = stack.url(path, tokens.v1(SECRET, path, len(body)))
    async with http.put(url, data=io.BytesIO(body)) as answer:
        said = await answer.text()
        return answer.status, json.loads(said)["code"] if said else ""


async def get(http, stack: Satchel, path: str) -> bytes:
    async with http.get(stack.url(path)) as answer:
        assert answer.status == 200, path
        return await answer.read()


async def test_a_full_disk_is_said_and_passes_without_a_restart(tmp_path, http):
    bodies = {"small": content(KIB), "large": content(3 * MIB)}
    with SmallDisk(tmp_path / "disk", 96 * MIB) as disk, OnDisk(tmp_path / "satchel", disk) as stack:
        for name, body in bodies.items():
            assert (await put(http, stack, f"before/{name}", body))[0] == 201
        disk.fill()
        wait_until(lambda: stack.health() == 503, 120, "the stack to notice")
        for name, body in bodies.items():
            assert await put(http, stack, f"while/{name}", body) == (507, "storage_full")
            assert await get(http, stack, f"before/{name}") == body
            async with http.get(stack.url(f"while/{name}")) as answer:
                assert answer.status == 404
        disk.clear()
        wait_until(lambda: stack.health() == 200, 120, "the stack to notice that there is room")
        for name, body in bodies.items():
            assert (await put(http, stack, f"while/{name}", body))[0] == 201, name
            assert await get(http, stack, f"while/{name}") == body


async def test_a_disk_that_fills_under_a_body_takes_none_of_it(tmp_path, http):
    body = content(16 * MIB)
    with SmallDisk(tmp_path / "disk", 96 * MIB) as disk, OnDisk(tmp_path / "satchel", disk) as stack:
        url = stack.url("u/large", tokens.v1(SECRET, "u/large", len(body)))
        with RawPut(url, len(body), expect=True) as upload:
            assert upload.status() == 100
            upload.send(body[: 8 * MIB])
            disk.fill()
            # It may be told before it has sent all of it.
            try:
                upload.send(body[8 * MIB :])
            except OSError:
                pass
            assert upload.status() in (503, 507)
        async with http.get(stack.url("u/large")) as answer:
            assert answer.status == 404
        disk.clear()
        wait_until(lambda: stack.health() == 200, 120, "the stack to notice that there is room")
        assert (await put(http, stack, "u/large", body))[0] == 201
        assert await get(http, stack, "u/large") == body


@pytest.mark.parametrize("size", [KIB, 3 * MIB], ids=["1KiB", "3MiB"])
async def test_a_disk_that_turns_read_only_is_said_and_read_from(tmp_path, http, size):
    """Linux lets nobody write there again before it is mounted anew, so the stack starts anew, too."""
    body = content(size)
    with BreakableDisk(tmp_path) as disk:
        with OnDisk(tmp_path / "satchel", disk) as stack:
            assert (await put(http, stack, "u/before", body))[0] == 201
            disk.break_down()
            for _ in range(2):
                assert await put(http, stack, "u/while", body) == (503, "storage_unavailable")
            assert stack.health() == 503
            assert await get(http, stack, "u/before") == body
            stack.stop()
        disk.repair()
        with OnDisk(tmp_path / "again", disk) as stack:
            assert await get(http, stack, "u/before") == body
            assert (await put(http, stack, "u/while", body))[0] == 201
