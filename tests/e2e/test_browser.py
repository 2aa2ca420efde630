"""Chromium on a page of another origin: uploads, downloads and refusals through fetch(), with all that CORS demands."""

import io
import json
import threading
import urllib.request
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import tokens
from browser import Browser
from files import KIB, MIB
from satchel import SECRET, Satchel
from server import HOST

PUT = """
    const [url, size, headers] = parameters;
    const answer = await fetch(url, {method: "PUT", headers, body: new Uint8Array(size).map((_, index) => index % 251)});
    const text = await answer.text();
    return {status: answer.status, type: answer.headers.get("Content-Type"), body: text};
"""
GET = """
    const [url] = parameters;
    const answer = await fetch(url);
    const octets = new Uint8Array(await answer.arrayBuffer());
    return {
        status: answer.status,
        type: answer.headers.get("Content-Type"),
        redirected: answer.redirected,
        size: octets.length,
        same: octets.every((octet, index) => octet === index % 251),
    };
"""


class Page(BaseHTTPRequestHandler):
    """A page of a web client, of another origin than the stack."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>web client</title>")

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module")
def page():
    with ThreadingHTTPServer((HOST, 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory, page):
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        running.open(page)
        yield running


def assert_readable(browser, url: str, size: int, content_type: str):
    answer = browser.run(GET, url)
    assert answer == {"status": 200, "type": content_type, "redirected": False, "size": size, "same": True}


@pytest.mark.parametrize("size", [KIB, 6 * MIB])
def test_upload_with_an_authorization_header(browser, stack, size):
    slot = f"browser-{size}"
    authorization = tokens.bearer(SECRET, slot, "grüße.png", size, "image/png")
    url = stack.url(f"{slot}/grüße.png")
    answer = browser.run(PUT, url, size, {"Authorization": authorization, "Content-Type": "image/png"})
    assert answer["status"] == 201
    assert_readable(browser, url, size, "image/png")


@pytest.mark.parametrize("size", [KIB, 6 * MIB])
def test_upload_with_a_query_token(browser, stack, size):
    path = f"browser-query-{size}/a b.mp4"
    token = tokens.v2(SECRET, path, size, "video/mp4")
    answer = browser.run(PUT, stack.url(path, token), size, {"Content-Type": "video/mp4"})
    assert answer["status"] == 201
    assert_readable(browser, stack.url(path), size, "video/mp4")


@pytest.mark.parametrize(
    ("size", "query", "status"), [(KIB, "v2=" + "0" * 64, 403), (KIB, "", 403), (6 * MIB, "v2=" + "0" * 64, 403)]
)
def test_a_refusal_is_readable(browser, stack, size, query, status):
    answer = browser.run(PUT, stack.url("browser-refused/file.bin", query), size, {"Content-Type": "image/png"})
    assert_problem(answer, status)


def test_a_second_upload_is_refused_readably(browser, stack):
    path = "browser-twice/file.bin"
    url = stack.url(path, tokens.v1(SECRET, path, KIB))
    assert browser.run(PUT, url, KIB, {})["status"] == 201
    assert browser.run(PUT, url, KIB, {})["status"] == 201, "the same once more"
    another = stack.url(path, tokens.v2(SECRET, path, KIB, "video/mp4"))
    assert_problem(browser.run(PUT, another, KIB, {"Content-Type": "video/mp4"}), 409)


def test_a_missing_file_is_readable(browser, stack):
    answer = browser.run(GET, stack.url("browser-missing/file.bin"))
    assert answer["status"] == 404
    assert answer["type"].startswith("application/problem+json")


def assert_problem(answer: dict, status: int):
    """The page sees the status and the problem document, so CORS headers came with the refusal."""
    assert answer["status"] == status
    assert answer["type"].startswith("application/problem+json")
    problem = json.loads(answer["body"])
    assert problem["status"] == status
    assert problem["code"]


LISTEN = """
    const [url] = parameters;
    const audio = window.player = new Audio();
    const ready = new Promise((good, bad) => { audio.onloadedmetadata = good; audio.onerror = () => bad(audio.error.message); });
    audio.preload = "metadata";
    audio.src = url;
    await ready;
    return audio.duration;
"""
SEEK = """
    const [seconds] = parameters;
    const audio = window.player;
    const there = new Promise((good, bad) => { audio.onseeked = good; audio.onerror = () => bad(audio.error.message); });
    audio.currentTime = seconds;
    await there;
    return [audio.currentTime, audio.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA];
"""
MINUTES = 40


def recording() -> bytes:
    """Forty minutes of silence, far more than a browser fetches beforehand."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(2 * 16_000 * 60 * MINUTES))
    return file.getvalue()


def later(stack: Satchel, hours: int) -> Satchel:
    """The same stack with its clock put forward (Debian's faketime)."""
    moved = Satchel(stack.folder, stack.settings)
    moved.port, moved.s3_port, moved.base_url = stack.port, stack.s3_port, stack.base_url
    library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
    moved.settings = stack.settings | {
        "LD_PRELOAD": library, "FAKETIME": f"+{hours}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"
    }
    return moved


def test_a_page_that_was_left_open_for_two_hours_still_seeks(browser, tmp_path):
    body, path = recording(), "listened/recording.wav"
    with Satchel(tmp_path / "satchel") as stack:
        url = stack.url(path)
        request = urllib.request.Request(f"{url}?{tokens.v2(SECRET, path, len(body), 'audio/wav')}", body, method="PUT")
        request.add_header("Content-Type", "audio/wav")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 201
        assert browser.run(LISTEN, url) == MINUTES * 60
    with later(stack, hours=2) as stack:
        before = len(stack.log.read_text().splitlines())
        at = MINUTES * 60 - 5
        assert browser.run(SEEK, at) == [at, True]
        asked = [line for line in stack.log.read_text().splitlines()[before:] if " 206 GET download " in line]
        assert asked, "the end was not there yet"
