"""The stack as a process: its first start, its signals, crashes, memory, and how it treats slow or dying clients."""

import contextlib
import hashlib
import io
import re
import signal
import socket
import subprocess

import pytest

import tokens
from files import KIB, MIB, content
from prosody import Prosody
from rawput import RawPut
from satchel import SECRET, Satchel
from secrets_in import assert_no_secrets
from server import HOST, accepts_connections, wait_until
from xmpp import login

GIB = 1024 * MIB
SNIPPET = re.compile(
    r'^Component "(?P<service>[^"]+)" "http_file_share"\n(?:[ \t]+\w+ = .+\n)+(?=\n)', re.MULTILINE
)


@pytest.fixture
def own_stack(tmp_path):
    """A stack that the test may signal, kill and restart."""
    with Satchel(tmp_path / "satchel") as running:
        yield running


def upload_url(stack: Satchel, path: str, size: int) -> str:
    return stack.url(path, tokens.v1(SECRET, path, size))


async def put(http, stack: Satchel, path: str, body: bytes) -> int:
    async with http.put(upload_url(stack, path, len(body)), data=io.BytesIO(body)) as answer:
        return answer.status


async def assert_stored(http, stack: Satchel, path: str, body: bytes):
    async with http.get(stack.url(path)) as answer:
        assert answer.status == 200
        assert await answer.read() == body


async def assert_absent(http, stack: Satchel, path: str):
    async with http.get(stack.url(path)) as answer:
        assert answer.status == 404


async def test_without_a_secret_it_prints_a_snippet_that_prosody_takes(tmp_path, http):
    stack = Satchel(tmp_path / "satchel", settings={})
    with stack:
        snippet, secret = printed_snippet(stack), stack.made_secret()
        section = snippet[0].replace('http_file_share_secret = "..."', f'http_file_share_secret = "{secret}"')
        assert section != snippet[0] and str(stack.folder / "data/upload-secret") in stack.log.read_text()
        with Prosody(tmp_path / "prosody", section) as prosody:
            async with login(prosody, "alice") as alice:
                url = await alice.upload(snippet["service"], "photo.jpg", content(KIB), "image/jpeg")
        async with http.get(url) as answer:
            assert await answer.read() == content(KIB)

    stack.log.unlink()
    with stack:
        assert printed_snippet(stack)[0] == snippet[0]
        assert stack.made_secret() == secret, "a restart keeps the secret"


def printed_snippet(stack: Satchel) -> re.Match:
    return wait_until(lambda: SNIPPET.search(stack.log.read_text()), 120, "the Prosody snippet")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.parametrize("size", [MIB, 12 * MIB], ids=["1MiB", "12MiB"])
async def test_a_signal_lets_a_running_upload_finish(own_stack, http, how, size):
    body = content(size)
    with RawPut(upload_url(own_stack, "slow/file.bin", size), size, expect=True) as upload:
        assert upload.status() == 100
        upload.send(body[: size // 2])
        with socket.create_connection((HOST, own_stack.port)):  # an idle one must not hold it up
            own_stack.process.send_signal(how)
            wait_until(lambda: not accepts_connections(own_stack.port), 120, "the listener to close")
            upload.send(body[size // 2 :])
            assert upload.status() == 201
            assert own_stack.wait() == 0
    own_stack.start()
    await assert_stored(http, own_stack, "slow/file.bin", body)


@pytest.mark.parametrize("size", [0, KIB, 6 * MIB], ids=["empty", "1KiB", "6MiB"])
async def test_an_acknowledged_file_survives_a_crash_and_a_restart(own_stack, http, size):
    body = content(size)
    assert await put(http, own_stack, "kept/file.bin", body) == 201
    assert own_stack.stop(signal.SIGKILL) == -signal.SIGKILL
    own_stack.start()
    await assert_stored(http, own_stack, "kept/file.bin", body)
    assert own_stack.stop() == 0
    own_stack.start()
    await assert_stored(http, own_stack, "kept/file.bin", body)
    assert await put(http, own_stack, "kept/file.bin", body[::-1]) == (409 if size else 201)


@pytest.mark.parametrize("milliseconds", range(0, 24, 3))
async def test_a_crash_in_the_first_start_leaves_a_folder_that_starts(tmp_path, http, milliseconds):
    stack = Satchel(tmp_path / "satchel")
    first = subprocess.Popen(stack.command(), env=stack.environment(), cwd=stack.folder, stdout=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        first.wait(milliseconds / 1000)
    first.kill()
    first.wait()
    with stack:
        assert await put(http, stack, "first/a", b"hello") == 201


async def test_a_crash_in_the_middle_of_an_upload_leaves_nothing(own_stack, http):
    body = content(20 * MIB)
    with RawPut(upload_url(own_stack, "crash/file.bin", len(body)), len(body), expect=True) as upload:
        assert upload.status() == 100
        upload.send(body[: len(body) // 2])
        own_stack.stop(signal.SIGKILL)
    own_stack.start()
    await assert_absent(http, own_stack, "crash/file.bin")
    assert await put(http, own_stack, "crash/file.bin", body) == 201
    await assert_stored(http, own_stack, "crash/file.bin", body)


@pytest.mark.parametrize("ending", [RawPut.abort, RawPut.close], ids=["reset", "closed"])
@pytest.mark.parametrize("size", [MIB, 12 * MIB], ids=["1MiB", "12MiB"])
async def test_a_client_that_dies_leaves_nothing(stack, http, size, ending):
    body, path = content(size), f"dying-{size}-{ending.__name__}/file.bin"
    upload = RawPut(upload_url(stack, path, size), size, expect=True)
    assert upload.status() == 100
    upload.send(body[: size // 2])
    ending(upload)
    await assert_absent(http, stack, path)
    assert await put(http, stack, path, body) == 201
    await assert_stored(http, stack, path, body)


def test_bad_settings_are_all_named(tmp_path):
    bad = {"SATCHEL_MAX_SIZE": "abc", "SATCHEL_RETENTION_DAYS": "-1"}
    stack = Satchel(tmp_path, settings={"SATCHEL_UPLOAD_SECRETS": SECRET} | bad)
    ended = subprocess.run(stack.command(), env=stack.environment(), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert all(key in ended.stderr for key in bad), ended.stderr
    assert_no_secrets(ended.stdout + ended.stderr, stack.settings)


@pytest.mark.timeout(900)
async def test_a_gibibyte_passes_in_constant_memory(own_stack, http, capsys):
    sent, received = hashlib.sha256(), hashlib.sha256()
    block = content(MIB)

    async def body():
        for number in range(GIB // MIB):
            octets = number.to_bytes(8, "big") + block[8:]
            sent.update(octets)
            yield octets

    url = upload_url(own_stack, "large/file.bin", GIB)
    async with http.put(url, data=body(), headers={"Content-Length": str(GIB)}) as answer:
        assert answer.status == 201, await answer.text()
    async with http.get(own_stack.url("large/file.bin")) as answer:
        async for octets in answer.content.iter_chunked(MIB):
            received.update(octets)
    assert received.digest() == sent.digest()
    peak = own_stack.peak_resident_kib()
    with capsys.disabled():
        print(f"\n1 GiB up and down: {peak} KiB resident at most")
    assert peak < 64 * KIB


@pytest.fixture(scope="module")
def strict_stack(tmp_path_factory):
    with Satchel(tmp_path_factory.mktemp("strict"), options=("--strict-aws",)) as running:
        yield running


async def test_strict_aws_refuses_what_no_event_can_hold(strict_stack, http):
    assert await put(http, strict_stack, "strict/large.bin", content(5 * MIB)) == 413
    assert await put(http, strict_stack, "strict/small.bin", content(4 * MIB)) == 201


def test_strict_aws_refuses_what_api_gateway_would_without_reading_it(strict_stack):
    with RawPut(upload_url(strict_stack, "strict/huge.bin", 11 * MIB), 11 * MIB, expect=True) as upload:
        assert upload.status() == 413


@pytest.mark.parametrize("size", [KIB, 20 * MIB], ids=["1KiB", "20MiB"])
async def test_a_refusal_comes_before_the_body(stack, http, size):
    path = f"expect-{size}/file.bin"
    with RawPut(stack.url(path, "v=" + "0" * 64), size, expect=True) as upload:
        assert upload.status() == 403
    with RawPut(upload_url(stack, path, size), size, expect=True) as upload:
        assert upload.status() == 100
        upload.send(content(size))
        assert upload.status() == 201
    # Another token: the same one may come with the same bytes again.
    other = stack.url(path, tokens.v2(SECRET, path, size, "application/octet-stream"))
    with RawPut(other, size, expect=True) as upload:
        assert upload.status() == 409
    await assert_stored(http, stack, path, content(size))
