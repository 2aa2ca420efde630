"""Resumable uploads with the clients that people have: over lines that break, through restarts, kills and races."""

import hashlib
import random
import signal
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiotus
import pytest
from tusclient import client as tuspy
from tusclient.exceptions import TusCommunicationError
from tusclient.uploader import Uploader

import tokens
import tus
from browser import Browser
from cutter import Cutter
from files import MIB, content
from satchel import SECRET, Satchel, clean_environment
from server import HOST, REPOSITORY, wait_until

GIB = 1024 * MIB
CHUNK = 4 * MIB
SIZE = 64 * MIB
NODE_MODULES = REPOSITORY / "target/e2e-node/node_modules"
SECONDS = 150

BEGIN = """
    const [endpoint, size, retries, chunk] = parameters;
    const octets = new Uint8Array(size).map((_, index) => index % 251);
    window.outcome = null;
    window.accepted = 0;
    const upload = new tus.Upload(new Blob([octets], {type: "video/mp4"}), {
        endpoint,
        ...(chunk ? {chunkSize: chunk} : {}),
        retryDelays: Array(retries).fill(50),
        metadata: {filename: "film.mp4", filetype: "video/mp4"},
        onChunkComplete: (_, accepted) => { window.accepted = accepted; },
        onSuccess: () => { window.outcome = "done"; },
        onError: error => { window.outcome = String(error); },
    });
    upload.start();
"""


@pytest.fixture
def own_stack(tmp_path):
    """A stack that the test may kill and restart."""
    with Satchel(tmp_path / "satchel") as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("film") / "film.mp4"
    file.write_bytes(content(SIZE))
    return file


def endpoint(port: int, path: str, size: int) -> str:
    return f"http://{HOST}:{port}/resume/{path}?{tokens.v2(SECRET, path, size, 'video/mp4')}"


async def assert_same(http, stack: Satchel, path: str, expected: bytes):
    async with http.get(stack.url(path)) as answer:
        assert answer.status == 200
        assert answer.content_type == "video/mp4"
        assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(expected).digest()


@contextmanager
def restarted(stack: Satchel, line: Cutter, times: int):
    """Kills and restarts the stack while an upload goes on, each time that another part of the file has passed."""
    over = threading.Event()

    def restart():
        for number in range(times):
            mark = line.passed + SIZE // (times + 1)
            while line.passed < mark:
                if over.wait(0.005):
                    return
            stack.stop(signal.SIGKILL if number % 2 == 0 else signal.SIGTERM)
            stack.start()
            restarts.append(number)

    restarts: list[int] = []
    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield restarts
    finally:
        over.set()
        thread.join()


def node(*arguments: str) -> subprocess.Popen:
    environment = clean_environment() | {"NODE_PATH": str(NODE_MODULES)}
    script = REPOSITORY / "tests/e2e/tus/upload.cjs"
    return subprocess.Popen(["node", script, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def test_tus_js_client_in_node_over_a_bad_line(own_stack, http, film):
    with Cutter(own_stack.port, chance=0.5, octets=5 * MIB, seed=1) as line, restarted(own_stack, line, 3) as restarts:
        client = node(endpoint(line.port, "node/film.mp4", SIZE), str(film), "video/mp4", str(CHUNK))
        printed, _ = client.communicate(timeout=SECONDS)
    assert client.returncode == 0, printed
    assert "done " in printed
    assert (len(restarts), line.cuts > 3) == (3, True), line.cuts
    await assert_same(http, own_stack, "node/film.mp4", film.read_bytes())


async def test_tus_js_client_in_node_goes_on_in_another_process(own_stack, http, film, tmp_path):
    arguments = (endpoint(own_stack.port, "again/film.mp4", SIZE), str(film), "video/mp4", str(CHUNK), str(tmp_path / "urls.json"))
    first = node(*arguments)
    for printed in first.stdout:
        if printed.startswith("accepted") and int(printed.split()[1]) >= SIZE // 2:
            break
    first.kill()
    first.communicate()
    second = node(*arguments)
    printed, _ = second.communicate(timeout=SECONDS)
    assert second.returncode == 0 and "resumes " in printed, printed
    accepted = [int(row.split()[1]) for row in printed.splitlines() if row.startswith("accepted")]
    assert accepted[0] > SIZE // 2, "nothing is sent twice but for a chunk"
    await assert_same(http, own_stack, "again/film.mp4", film.read_bytes())


async def test_tus_js_client_in_node_as_it_comes(own_stack, http, film):
    """One PATCH for all of the file, and for all that is left of it."""
    with Cutter(own_stack.port, chance=0.8, octets=SIZE // 2, seed=5) as line, restarted(own_stack, line, 1) as restarts:
        client = node(endpoint(line.port, "default/film.mp4", SIZE), str(film), "video/mp4", "whole")
        printed, _ = client.communicate(timeout=SECONDS)
    assert client.returncode == 0, printed
    assert (len(restarts), line.cuts > 0) == (1, True), line.cuts
    assert line.passed < 2 * SIZE, "what came of a broken PATCH is not sent again"
    await assert_same(http, own_stack, "default/film.mp4", film.read_bytes())


class Page(BaseHTTPRequestHandler):
    """A page of a web client with tus-js-client in it, of another origin than the stack."""

    def do_GET(self):
        is_script = self.path == "/tus.min.js"
        script = NODE_MODULES / "tus-js-client/dist/tus.min.js"
        body = script.read_bytes() if is_script else b"<!doctype html><title>web client</title><script src=/tus.min.js></script>"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with ThreadingHTTPServer((HOST, 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Browser(tmp_path_factory.mktemp("chromium")) as running:
            running.open(f"http://{HOST}:{server.server_port}/")
            yield running
        server.shutdown()
        thread.join()


async def test_tus_js_client_in_chromium_over_a_bad_line(own_stack, http, browser):
    with Cutter(own_stack.port, chance=0.8, octets=9 * MIB, seed=2) as line, restarted(own_stack, line, 3) as restarts:
        browser.run(BEGIN, endpoint(line.port, "browser/film.mp4", SIZE), SIZE, 500, CHUNK)
        outcome = wait_until(lambda: browser.run("return window.outcome;"), SECONDS, "the browser's upload")
    assert outcome == "done"
    assert (len(restarts), line.cuts > 3) == (3, True), line.cuts
    await assert_same(http, own_stack, "browser/film.mp4", (bytes(range(251)) * (SIZE // 251 + 1))[:SIZE])


async def test_tus_js_client_in_chromium_as_it_comes(own_stack, http, browser):
    with Cutter(own_stack.port, chance=0.8, octets=SIZE // 2, seed=6) as line, restarted(own_stack, line, 1) as restarts:
        browser.run(BEGIN, endpoint(line.port, "page/film.mp4", SIZE), SIZE, 500, None)
        outcome = wait_until(lambda: browser.run("return window.outcome;"), SECONDS, "the browser's upload")
    assert outcome == "done"
    assert (len(restarts), line.cuts > 0) == (1, True), line.cuts
    await assert_same(http, own_stack, "page/film.mp4", (bytes(range(251)) * (SIZE // 251 + 1))[:SIZE])


async def test_a_page_sees_why_it_is_refused(stack, browser):
    browser.run(BEGIN, f"http://{HOST}:{stack.port}/resume/browser/film.mp4?v={'0' * 64}", MIB, 0, CHUNK)
    outcome = wait_until(lambda: browser.run("return window.outcome;"), 120, "the browser's upload")
    assert "403" in outcome and "mac_mismatch" in outcome


@pytest.mark.parametrize("chunk", [CHUNK, SIZE], ids=["chunks", "whole"])
async def test_aiotus_over_a_bad_line(own_stack, http, film, chunk):
    """It takes an address as it is: no reference is resolved."""
    path = f"aiotus/{chunk}.mp4"
    retries = aiotus.RetryConfiguration(retry_attempts=200, max_retry_period_seconds=0.05)
    with Cutter(own_stack.port, chance=0.4, octets=chunk + MIB, seed=7) as line, restarted(own_stack, line, 2) as restarts:
        with film.open("rb") as file:
            metadata = {"filename": b"film.mp4", "filetype": b"video/mp4", "is_confidential": None}
            url = await aiotus.upload(endpoint(line.port, path, SIZE), file, metadata, config=retries, chunksize=chunk)
        assert url is not None and url.port == line.port
        assert await aiotus.metadata(url, config=retries) == metadata, "of a finished upload"
    assert (len(restarts), line.cuts > 0) == (2, True), line.cuts
    await assert_same(http, own_stack, path, film.read_bytes())


async def test_tuspy_over_a_bad_line(own_stack, http, film):
    with Cutter(own_stack.port, chance=0.5, octets=5 * MIB, seed=3) as line, restarted(own_stack, line, 3) as restarts:
        uploader = begun(tuspy.TusClient(endpoint(line.port, "tuspy/film.mp4", SIZE)), film)
        while uploader.offset < SIZE:
            uploader.upload_chunk()
    assert (len(restarts), line.cuts > 3) == (3, True), line.cuts
    await assert_same(http, own_stack, "tuspy/film.mp4", film.read_bytes())


async def test_tuspy_as_it_comes_with_a_checksum_of_all(own_stack, http, film):
    """Without a chunk size its chunk is the file. It is taken once it is right."""
    client = tuspy.TusClient(endpoint(own_stack.port, "tuspy/whole.mp4", SIZE))
    client.uploader(str(film), upload_checksum=True, metadata={"filetype": "video/mp4"}).upload()
    await assert_same(http, own_stack, "tuspy/whole.mp4", film.read_bytes())


def begun(client: tuspy.TusClient, file: Path) -> Uploader:
    """tuspy repeats chunks, but not the creation."""
    uploader = client.uploader(
        str(file), chunk_size=CHUNK, retries=200, retry_delay=0.05, upload_checksum=True, metadata={"filetype": "video/mp4"}
    )
    while not uploader.url:
        try:
            uploader.set_url(uploader.create_url())
        except TusCommunicationError:
            continue
    return uploader


@pytest.mark.timeout(900)
async def test_20_kills_lose_no_acknowledged_byte(own_stack, http):
    chance, size = random.Random(4), 61 * MIB + 5
    body, path = content(size), "killed/film.mp4"
    url = tus.create(endpoint(own_stack.port, path, size), size)
    acknowledged, kills = 0, 0
    while acknowledged < size:
        chunk = body[acknowledged : acknowledged + chance.choice([1, 1000, MIB, 3 * MIB, CHUNK])]
        if kills < 20 and chance.random() < 0.6:
            acknowledged += killed_while_sending(own_stack, url, acknowledged, chunk, chance)
            kills += 1
            known = tus.offset(url)
            assert known in (acknowledged, acknowledged + len(chunk)), "what was acknowledged is there, and no half chunk"
            acknowledged = known
        else:
            acknowledged = tus.patch(url, acknowledged, chunk)
    assert kills == 20
    await assert_same(http, own_stack, path, body)


def killed_while_sending(stack: Satchel, url: str, offset: int, chunk: bytes, chance: random.Random) -> int:
    """Kills the stack before, during or right after it works on a chunk; gives how many bytes were acknowledged."""
    answered = 0
    with tus.Line(url) as line:
        tus.begin_patch(line, offset, len(chunk))
        match chance.randrange(4):
            case 0:
                line.send(chunk[: chance.randrange(len(chunk))])
            case 1:
                line.send(chunk)
            case 2:
                line.send(chunk)
                # Somewhere among its S3 requests; that moment is no event that a client could wait for.
                threading.Event().wait(chance.uniform(0, 0.25))
            case _:
                line.send(chunk)
                answered = len(chunk) if line.answer().status == 204 else 0
        stack.stop(signal.SIGKILL)
    stack.start()
    return answered


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chunk", [CHUNK, GIB], ids=["in chunks of 4 MiB", "at once"])
async def test_a_gibibyte_in_constant_memory(own_stack, http, capsys, chunk):
    sent, received, block = hashlib.sha256(), hashlib.sha256(), content(CHUNK)
    url = tus.create(endpoint(own_stack.port, "large/film.mp4", GIB), GIB)
    for offset in range(0, GIB, chunk):
        with tus.Line(url) as line:
            tus.begin_patch(line, offset, chunk)
            for at in range(offset, offset + chunk, CHUNK):
                octets = at.to_bytes(8, "big") + block[8:]
                sent.update(octets)
                line.send(octets)
            assert tus.appended(line) == offset + chunk
    async with http.get(own_stack.url("large/film.mp4")) as answer:
        assert answer.status == 200
        async for octets in answer.content.iter_chunked(MIB):
            received.update(octets)
    assert received.digest() == sent.digest()
    peak = own_stack.peak_resident_kib()
    with capsys.disabled():
        print(f"\n1 GiB in chunks of {chunk // MIB} MiB: {peak} KiB resident at most")
    assert peak < 64 * 1024
