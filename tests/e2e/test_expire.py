"""`satchel expire` as a process: beside a running stack on the same data, without one, and at a stack's start."""

import asyncio
import json
import re
import signal
import stat

import pytest

import tokens
from files import put_that_expires
from satchel import SECRET, Satchel


@pytest.fixture
def own_stack(tmp_path):
    with Satchel(tmp_path / "satchel") as running:
        yield running


async def upload_that_expires(http, stack: Satchel, slot: str):
    """Uploads a file and returns once it has expired, which is later than the run at the stack's start."""

    def headers(expires: int) -> dict[str, str]:
        return {"Authorization": tokens.bearer(SECRET, slot, "a.txt", 5, "text/plain", expires)}

    await put_that_expires(http, stack.url(f"{slot}/a.txt"), headers, b"hello")
    async with asyncio.timeout(120):
        while await status(http, stack, slot) != 410:
            await asyncio.sleep(0.05)


async def status(http, stack: Satchel, slot: str) -> int:
    async with http.get(stack.url(f"{slot}/a.txt")) as answer:
        return answer.status


async def keep(http, stack: Satchel):
    async with http.put(stack.url("kept/a.txt", tokens.v1(SECRET, "kept/a.txt", 5)), data=b"hello") as answer:
        assert answer.status == 201


def deleted(output: str) -> int:
    """How many files the table says are past their own expiry."""
    return int(re.search(r"deleted: past their own expiry +(\d+) +\d", output)[1])


def left(output: str) -> int:
    return int(re.search(r"left +(\d+) +\d", output)[1])


async def test_beside_a_running_stack(own_stack, http):
    await keep(http, own_stack)
    await upload_that_expires(http, own_stack, "expired")
    dry = own_stack.expire("--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert (deleted(dry.stdout), left(dry.stdout)) == (1, 1), dry.stdout
    assert await status(http, own_stack, "expired") == 410, "it is still there"
    real = own_stack.expire()
    assert real.returncode == 0, real.stderr
    assert (deleted(real.stdout), left(real.stdout)) == (1, 1), real.stdout
    assert await status(http, own_stack, "expired") == 404
    assert await status(http, own_stack, "kept") == 200
    again = own_stack.expire()
    assert (deleted(again.stdout), left(again.stdout)) == (0, 1), again.stdout


async def test_without_a_running_stack(own_stack, http):
    await keep(http, own_stack)
    await upload_that_expires(http, own_stack, "expired")
    assert own_stack.stop() == 0
    dry = own_stack.expire("--dry-run")
    assert (dry.returncode, deleted(dry.stdout), left(dry.stdout)) == (0, 1, 1), dry.stdout + dry.stderr
    real = own_stack.expire()
    assert (real.returncode, deleted(real.stdout), left(real.stdout)) == (0, 1, 1), real.stdout + real.stderr
    own_stack.start()
    assert await status(http, own_stack, "expired") == 404
    assert await status(http, own_stack, "kept") == 200


async def test_a_stack_deletes_at_its_start_what_expired_while_it_was_down(own_stack, http):
    await keep(http, own_stack)
    await upload_that_expires(http, own_stack, "expired")
    assert own_stack.stop() == 0
    own_stack.start()
    async with asyncio.timeout(120):
        while await status(http, own_stack, "expired") != 404:
            await asyncio.sleep(0.05)
    assert await status(http, own_stack, "kept") == 200


async def test_the_socket_comes_and_goes_with_the_stack(own_stack, http):
    found = own_stack.control_socket.stat()
    assert (stat.S_ISSOCK(found.st_mode), stat.S_IMODE(found.st_mode)) == (True, 0o600)
    assert own_stack.stop(signal.SIGKILL) == -signal.SIGKILL
    assert own_stack.control_socket.exists()
    killed = own_stack.expire()
    assert (killed.returncode, deleted(killed.stdout)) == (0, 0), "a stale one is nobody's: " + killed.stderr
    own_stack.start()
    await upload_that_expires(http, own_stack, "expired")
    assert deleted(own_stack.expire().stdout) == 1, "it was replaced"
    assert own_stack.stop() == 0
    assert not own_stack.control_socket.exists()


async def test_a_folder_at_the_end_of_a_long_path(tmp_path, http):
    with Satchel(tmp_path / ("a" * 120) / "satchel") as stack:
        await upload_that_expires(http, stack, "expired")
        assert deleted(stack.expire().stdout) == 1


def test_a_stack_that_hears_no_commands_is_one_sentence(own_stack):
    own_stack.control_socket.unlink()
    ended = own_stack.expire()
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "control.sock" in ended.stderr and str(own_stack.folder) in ended.stderr, ended.stderr


async def test_json_is_one_line_of_expire_wherever_it_runs(own_stack, http):
    await upload_that_expires(http, own_stack, "expired")
    lines = [json.loads(line) for line in own_stack.expire("--log-format", "json").stdout.splitlines()]
    assert [line["code"] for line in lines] == ["stack_found", "lifecycle_applied", "done"]
    assert (lines[-1]["function"], lines[-1]["expired"]["objects"]) == ("expire", 1)
    assert " EVENT expire done " in own_stack.log.read_text(), "the stack that did it says so, too"


def test_bad_settings_are_named(own_stack):
    own_stack.settings |= {"SATCHEL_MAX_TOTAL_BYTES": "10G"}
    ended = own_stack.expire()
    assert ended.returncode == 2
    assert "SATCHEL_MAX_TOTAL_BYTES" in ended.stderr
