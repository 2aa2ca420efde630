"""Debian's nginx as the front: it asks with the headers alone and streams bodies of any size to S3."""

import asyncio
import base64
import hashlib
import json
import signal
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

import tokens
from files import AWKWARD, KIB, MIB, NAMES, assert_served, content
from nginx import Nginx
from prosody import Prosody, component
from rawput import RawPut
from satchel import SECRET, Satchel
from server import HOST, free_port, wait_until
from xmpp import login

SERVICE = "file-share.example.com"
LIMIT = 400 * MIB
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "OPTIONS, HEAD, GET, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Digest, Repr-Digest, X-Checksum-SHA256, "
    "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Cache-Control",
    "Access-Control-Max-Age": "7200",
}
PARTS_OF_SECRETS = ("X-Amz", "Signature", "v=", "v2=", "token=", "Bearer", "eyJ")


@pytest.fixture(scope="module")
def port(debian):
    """nginx's: the stack must know it before nginx starts."""
    return free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, port):
    settings = {
        "SATCHEL_UPLOAD_SECRETS": SECRET,
        "SATCHEL_PUBLIC_URL": f"http://{HOST}:{port}/upload",
        "SATCHEL_MAX_SIZE": str(LIMIT),
    }
    with Satchel(tmp_path_factory.mktemp("satchel"), settings, s3=True) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, stack, port, debian):
    with Nginx(tmp_path_factory.mktemp("nginx"), f"http://{HOST}:{stack.port}", port, debian=debian) as running:
        yield running


@pytest.fixture(scope="module")
def nginx_with_lua(tmp_path_factory, stack, debian):
    with Nginx(tmp_path_factory.mktemp("nginx-lua"), f"http://{HOST}:{stack.port}", lua=True, debian=debian) as running:
        yield running


@pytest.fixture(autouse=True)
def neither_files_nor_secrets_stay(nginx):
    """Whatever a test does, nginx keeps no body on disk and no token in a log."""
    yield
    assert not nginx.buffered()
    logs = nginx.logs()
    assert not [part for part in PARTS_OF_SECRETS if part in logs], logs


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, nginx, debian):
    section = component("prosody-file-share.cfg.lua", SERVICE, nginx.base_url)
    section = section.replace("100 * 1024 * 1024", str(LIMIT)).replace("1000 * 1024 * 1024", "10 * 1024 * 1024 * 1024")
    with Prosody(tmp_path_factory.mktemp("prosody"), section, debian=debian) as running:
        yield running


UPLOADS = [(AWKWARD, size) for size in (KIB, 5 * MIB, 300 * MIB)] + [(name, KIB) for name in NAMES.values()]
UPLOAD_IDS = ["1KiB", "5MiB", "300MiB", *NAMES]


@pytest.mark.parametrize(("filename", "size"), UPLOADS, ids=UPLOAD_IDS)
async def test_a_shared_file_reaches_the_recipient(prosody, nginx, http, filename, size):
    photo = content(size)
    async with login(prosody, "alice") as alice, login(prosody, "bob") as bob:
        url = await alice.upload(SERVICE, filename, photo, "image/jpeg")
        assert url.startswith(nginx.base_url)
        alice.share(bob, url)
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", filename)


async def test_a_shared_byte_reaches_the_recipient(prosody, http):
    async with login(prosody, "alice") as alice, login(prosody, "bob") as bob:
        alice.share(bob, await alice.upload(SERVICE, "byte.jpg", b"!", "image/jpeg"))
        async with http.get(await bob.received_url()) as answer:
            assert answer.content_type == "image/jpeg"
            assert await answer.read() == b"!"


def signed(nginx: Nginx, stack: Satchel, path: str, size: int) -> str:
    """A PUT URL of mod_http_upload_external's first protocol, at nginx."""
    return stack.url(path, tokens.v1(SECRET, path, size)).replace(stack.base_url, nginx.base_url)


@pytest.mark.parametrize("size", [0, 1, 6 * MIB], ids=["empty", "1B", "6MiB"])
async def test_a_file_is_stored_once_with_s3s_200(nginx, stack, http, size):
    path, body = f"once-{size}/{AWKWARD}", content(size)
    url = signed(nginx, stack, path, size)
    async with http.put(url, data=body) as answer:
        assert answer.status == 200
        assert_browsers_may_read(answer)
    await assert_stored(http, url, body)
    async with http.put(url, data=body) as answer:
        await assert_problem(answer, 409, "file_exists")


@pytest.mark.parametrize("size", [0, 6 * MIB], ids=["empty", "6MiB"])
async def test_with_lua_it_is_201(nginx_with_lua, stack, http, size):
    path, body = f"lua-{size}/file.jpg", content(size)
    url = signed(nginx_with_lua, stack, path, size)
    async with http.put(url, data=body) as answer:
        assert answer.status == 201
        assert await answer.read() == b""
    await assert_stored(http, url, body)
    async with http.put(url, data=body) as answer:
        await assert_problem(answer, 409, "file_exists")


async def assert_stored(http, url: str, body: bytes):
    async with http.get(url) as answer:
        assert answer.status == 200
        assert await answer.read() == body


def assert_browsers_may_read(answer):
    for name, value in CORS.items():
        assert answer.headers.getall(name) == [value]


async def assert_problem(answer, status: int, code: str):
    text = await answer.text()
    assert answer.status == status, text
    assert answer.content_type == "application/problem+json"
    problem = json.loads(text)
    assert (problem["status"], problem["code"]) == (status, code)
    assert answer.headers.getall("Retry-After", []) == (["5"] if status == 503 else [])
    assert_browsers_may_read(answer)


async def test_downloads_and_preflights_are_the_functions(nginx, stack, http):
    path = "passed/file.jpg"
    url = signed(nginx, stack, path, KIB)
    async with http.put(url, data=content(KIB)) as answer:
        assert answer.status == 200
    for method in ("GET", "HEAD"):
        async with http.request(method, url, allow_redirects=False) as answer:
            assert answer.status == 200
            assert await answer.read() == (content(KIB) if method == "GET" else b"")
            assert_browsers_may_read(answer)
    async with http.options(url, headers={"Origin": "https://chat.example", "Access-Control-Request-Method": "PUT"}) as answer:
        assert answer.status == 204
        assert_browsers_may_read(answer)
    async with http.get(f"{nginx.base_url}/missing/file.jpg") as answer:
        await assert_problem(answer, 404, "file_not_found")
    async with http.post(url, data=b"post") as answer:
        await assert_problem(answer, 405, "method_not_allowed")


def bearer(slot: str, size: int):
    """Made when it is sent: it is good for some minutes alone."""
    return lambda: {"Authorization": tokens.bearer(SECRET, slot, "file.jpg", size, "image/jpeg")}


REFUSALS = {
    "no-token": ("", {}, KIB, 403, "token_missing"),
    "other-scheme": ("", {"Authorization": "Basic YTpi"}, KIB, 401, "bearer_required"),
    "wrong-mac": ("v=" + "0" * 64, {}, KIB, 403, "mac_mismatch"),
    "wrong-mac-of-size": (tokens.v1(SECRET, "refused/file.jpg", KIB - 1), {}, KIB, 403, "mac_mismatch"),
    "other-slot": ("", bearer("another", KIB), KIB, 400, "slot_mismatch"),
    "wrong-size": ("", bearer("refused", KIB - 1), KIB, 413, "size_mismatch"),
    "over-size": (tokens.v1(SECRET, "refused/file.jpg", LIMIT + 1), {}, LIMIT + 1, 413, "file_too_large"),
}


def only_head(url: str, headers: dict[str, str]) -> tuple[HTTPResponse, str]:
    """The answer to a PUT without its body, on a bare socket: the final one must be the first."""
    parts = urlsplit(url)
    lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(12, socket.MSG_PEEK) != b"HTTP/1.1 100"
        answer = HTTPResponse(connection, method="PUT")
        answer.begin()
        return answer, answer.read().decode()


@pytest.mark.parametrize("expect", [True, False], ids=["waits", "sends"])
@pytest.mark.parametrize(("query", "headers", "size", "status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_comes_with_its_true_status_before_the_body(nginx, query, headers, size, status, code, expect):
    headers = headers() if callable(headers) else headers
    headers = {"Content-Length": str(size)} | headers | ({"Expect": "100-continue"} if expect else {})
    answer, body = only_head(f"{nginx.base_url}/refused/file.jpg?{query}", headers)
    assert answer.status == status
    assert answer.headers.get_all("WWW-Authenticate", []) == (["Bearer"] if status == 401 else [])
    assert {name: answer.headers.get_all(name) for name in CORS} == {name: [value] for name, value in CORS.items()}
    assert expect or (answer.headers["Content-Type"], json.loads(body)["code"]) == ("application/problem+json", code)


async def test_a_client_that_waits_is_told_to_go_on(nginx, stack, http):
    body = content(MIB)
    url = signed(nginx, stack, "waits/file.jpg", len(body))
    with RawPut(url, len(body), expect=True) as upload:
        assert upload.status() == 100
        upload.send(body)
        assert upload.status() == 200
    await assert_stored(http, url, body)
    with RawPut(url, len(body), expect=True) as upload:
        assert upload.status() == 409


async def test_a_token_at_the_end_of_the_path_is_taken_and_not_logged(nginx, http):
    body = content(6 * MIB)
    token = bearer("in-path", len(body))()["Authorization"].removeprefix("Bearer ")
    async with http.put(f"{nginx.base_url}/in-path/{token}", data=body) as answer:
        assert answer.status == 200, await answer.text()
    await assert_stored(http, f"{nginx.base_url}/in-path/file.jpg", body)
    wait_until(lambda: "PUT /upload/in-path/TOKEN" in nginx.logs(), 120, "the access log")


async def test_chunked_uploads_are_refused(nginx, http):
    async def body():
        yield content(KIB)

    async with http.put(f"{nginx.base_url}/chunked/file.jpg?v={'0' * 64}", data=body()) as answer:
        await assert_problem(answer, 411, "length_required")


ELSEWHERE = ["/upload/", "//upload/a/b", "/x/../upload/a/b", "/uploads/a/b", "/authorize/upload/a/b", "/satchel-authorize"]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_else_is_reachable(nginx, target):
    head = f"PUT {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with socket.create_connection((HOST, nginx.port), 30) as connection:
        connection.sendall(head.encode())
        assert connection.makefile("rb").readline().split()[1] == b"404"


async def test_a_digest_is_verified_by_s3(nginx, stack, http):
    body = content(6 * MIB)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    url, headers = signed(nginx, stack, "digest/file.jpg", len(body)), {"Content-Digest": f"sha-256=:{digest}:"}
    async with http.put(url, data=body[:-1] + b"?", headers=headers) as answer:
        await assert_problem(answer, 400, "digest_mismatch")
    async with http.put(url, data=body, headers=headers) as answer:
        assert answer.status == 200
    await assert_stored(http, url, body)


async def test_no_header_of_the_clients_gets_to_s3(nginx, stack, http):
    body = content(KIB)
    smuggled = {"Authorization": "Basic YTpi", "X-Amz-Acl": "public-read", "X-Amz-Meta-Owner": "me", "Content-Encoding": "gzip"}
    url = signed(nginx, stack, "smuggled/file.jpg", len(body))
    async with http.put(url, data=body, headers=smuggled) as answer:
        assert answer.status == 200, await answer.text()
    async with http.get(url, auto_decompress=False) as answer:
        assert await answer.read() == body
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("ending", [RawPut.abort, RawPut.close], ids=["reset", "closed"])
async def test_a_client_that_dies_leaves_nothing(nginx, stack, http, ending):
    body = content(12 * MIB)
    url = signed(nginx, stack, f"dying-{ending.__name__}/file.jpg", len(body))
    upload = RawPut(url, len(body), expect=True)
    assert upload.status() == 100
    upload.send(body[: len(body) // 2])
    assert not nginx.buffered()
    ending(upload)
    async with http.get(url) as answer:
        assert answer.status == 404
    async with http.put(url, data=body) as answer:
        assert answer.status == 200
    await assert_stored(http, url, body)


async def test_a_slow_body_is_streamed_not_kept(nginx, stack, http):
    """Half of a body has gone through nginx, and the other half is not sent yet."""
    body = content(20 * MIB)
    url = signed(nginx, stack, "slow/file.jpg", len(body))
    with RawPut(url, len(body)) as upload:
        upload.send(body[: len(body) // 2])
        await asyncio.sleep(1)
        assert not nginx.buffered()
        upload.send(body[len(body) // 2 :])
        assert upload.status() == 200
    await assert_stored(http, url, body)


async def test_an_outage_is_503_and_no_secret_is_logged(tmp_path, http, debian):
    with (
        Satchel(tmp_path / "satchel", s3=True) as stack,
        Nginx(tmp_path / "nginx", f"http://{HOST}:{stack.port}", debian=debian) as nginx,
    ):
        url = signed(nginx, stack, "outage/file.jpg", 6 * MIB)
        with RawPut(url, 6 * MIB, expect=True) as upload:
            assert upload.status() == 100
            stack.stop(signal.SIGKILL)
            assert upload.status() == 503
        for method in ("PUT", "GET"):
            async with http.request(method, url, data=content(KIB)) as answer:
                await assert_problem(answer, 503, "storage_unavailable")
        wait_until(lambda: nginx.logs().count(" 503 ") == 3, 120, "the access log")
        logs = nginx.logs()
    assert not [part for part in PARTS_OF_SECRETS if part in logs], logs
