"""The stack behind Debian's nginx and Apache, over TCP and over a Unix socket: TLS and one server name, as an admin sets it up."""

import contextlib
import json
import re
import signal
from http.client import HTTPResponse
from urllib.parse import urlsplit

import aiohttp
import pytest

import tokens
from files import AWKWARD, KIB, MIB, NAMES, assert_served, assert_takes_one_file, content
from rawput import RawPut
from reverse_proxies import CLIENT, FILES, ROSTER_CALLER, SLOT_SECRET, ApacheProxy, NginxProxy, Site
from satchel import SECRET
from server import wait_until
from tus import CHUNK_TYPE

KINDS = [(proxy, over) for proxy in (NginxProxy, ApacheProxy) for over in ("tcp", "unix")]
SPOOFED = "203.0.113.9"


def waiting(site: Site) -> list[tuple[str, str]]:
    """What a client must send so that a refusal comes before the body: without it Apache wants all of that first."""
    return [("Expect", "100-continue")] if site.proxy.name == "apache-proxy" else []


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0].name}-{kind[1]}")
def site(request, tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site"), *request.param) as running:
        yield running


@pytest.fixture(autouse=True)
def no_secret_is_logged(site):
    yield
    assert not site.secrets_in_logs(), site.proxy.logs()


@pytest.fixture
async def http(site):
    async with site.client() as session:
        yield session


@pytest.mark.parametrize("size", [1, 5 * MIB, 300 * MIB], ids=["1B", "5MiB", "300MiB"])
async def test_files_of_every_size_go_up_once_and_come_down(site, http, size):
    path, body = f"size-{size}/photo.jpg", content(size)
    # To a client that sends 300 MiB after the stack has said no, Apache answers 502 of its own.
    waits = site.proxy.name == "apache-proxy" and size > 5 * MIB
    await assert_takes_one_file(http, site.signed(path, size), {"Content-Type": "image/jpeg"}, body, waits)
    if size > 1:
        await assert_served(http, site.stack.url(path), body, "image/jpeg", "photo.jpg")
    async with http.get(site.stack.url(path), allow_redirects=False) as answer:
        assert answer.status == 200, "one server name is enough"
        assert await answer.read() == body


@pytest.mark.parametrize("name", [*NAMES.values(), AWKWARD], ids=[*NAMES, "awkward"])
async def test_a_path_arrives_as_it_was_sent(site, http, name):
    path, body = f"name-{site.proxy.name}/{name}", content(KIB)
    headers = {"Authorization": tokens.bearer(SECRET, f"name-{site.proxy.name}", name, KIB, "image/jpeg")}
    async with http.put(site.stack.url(path), data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    await assert_served(http, site.stack.url(path), body, "image/jpeg", name)


async def test_rosters_and_groups_pass(site, http):
    caller = {"Authorization": aiohttp.encode_basic_auth(*ROSTER_CALLER)}
    base = site.stack.base_url.removesuffix("upload")
    contact = {"marie@example.org": {"name": "Marie"}}
    for address, body in [("contacts/romeo", contact), ("groups/montagues", ["romeo@example.org"])]:
        async with http.put(base + address, json=body, headers=caller) as answer:
            assert answer.status in (200, 201, 204), await answer.text()
    for address in ["contacts/romeo", "raw/contacts/romeo/end", "groups/montagues"]:
        async with http.get(base + address, headers=caller) as answer:
            assert answer.status == 200, await answer.text()
        async with http.get(base + address) as answer:
            assert answer.status == 401, address


def only_head(site: Site, target: str, headers: list[tuple[str, str]]) -> tuple[HTTPResponse, str]:
    """The answer to a PUT whose body is never sent."""
    lines = [f"PUT {target} HTTP/1.1", f"Host: {FILES}:{site.proxy.port}", *(f"{k}: {v}" for k, v in headers)]
    with site.connect() as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = HTTPResponse(connection, method="PUT")
        answer.begin()
        return answer, answer.read().decode()


REFUSALS = {
    "no-token": ("/upload/refused/file.jpg", 300 * MIB, 403, "token_missing"),
    "wrong-mac": (f"/upload/refused/file.jpg?v={'0' * 64}", 300 * MIB, 403, "mac_mismatch"),
    "over-size": (f"/upload/r/a?{tokens.v1(SECRET, 'r/a', 6 * 1024 * MIB)}", 6 * 1024 * MIB, 413, "file_too_large"),
    "encoded-slash": (f"/upload/refused/a%2Fb?v={'0' * 64}", 300 * MIB, 400, "path_malformed"),
    "empty-segment": (f"/upload/refused//b?v={'0' * 64}", 300 * MIB, 400, "path_malformed"),
}


@pytest.mark.parametrize(("target", "size", "status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_comes_before_the_body(site, target, size, status, code):
    answer, body = only_head(site, target, [("Content-Length", str(size)), *waiting(site)])
    assert (answer.status, json.loads(body)["code"]) == (status, code)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_taken_path_is_refused_before_the_body(site):
    for size in (70 * KIB, 6 * MIB):
        target = site.signed(f"taken-{size}/a", size)
        with RawPut(target, size, connection=site.connect()) as upload:
            upload.send(content(size))
            assert upload.status() == 201
        # Another token: the same one may come with the same bytes again.
        other = f"{urlsplit(target).path}?{tokens.v2(SECRET, f'taken-{size}/a', size, 'application/octet-stream')}"
        answer, body = only_head(site, other, [("Content-Length", str(size)), *waiting(site)])
        assert (answer.status, json.loads(body)["code"]) == (409, "file_exists")


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_client_that_waits_is_told_to_go_on(site, http, size):
    url = site.signed(f"waits-{size}/a", size)
    with RawPut(url, size, expect=True, connection=site.connect()) as upload:
        assert upload.status() == 100
        upload.send(content(size))
        assert upload.status() == 201
    async with http.get(url) as answer:
        assert await answer.read() == content(size)


def test_a_body_is_streamed_not_kept(site):
    """The stack has half of a body while the other half is not sent yet."""
    size = 20 * MIB
    with RawPut(site.signed("streamed/a", size), size, connection=site.connect()) as upload:
        before = kept(site)
        upload.send(content(size)[: size // 2])
        wait_until(lambda: kept(site) > before + size // 4, 120, "the half that was sent to arrive")
        upload.send(content(size)[size // 2 :])
        assert upload.status() == 201


def kept(site: Site) -> int:
    """Bytes in the stack's data folder."""
    sizes = (path.stat(follow_symlinks=False) for path in (site.stack.folder / "data").rglob("*") if path.is_file())
    return sum(stat.st_size for stat in sizes)


async def test_a_client_that_dies_leaves_nothing(site, http):
    size = 12 * MIB
    url = site.signed("dying/a", size)
    upload = RawPut(url, size, expect=True, connection=site.connect())
    assert upload.status() == 100
    upload.send(content(size)[: size // 2])
    upload.abort()
    async with http.get(url) as answer:
        assert answer.status == 404
    async with http.put(url, data=content(size)) as answer:
        assert answer.status == 201


def test_a_body_of_unknown_length_is_refused(site):
    """Before it is there: of one that is there already, nginx knows the length."""
    path = f"/upload/chunked/a?{tokens.v1(SECRET, 'chunked/a', KIB)}"
    answer, body = only_head(site, path, [("Transfer-Encoding", "chunked"), *waiting(site)])
    assert (answer.status, json.loads(body)["code"]) == (411, "length_required")


async def test_browsers_may_use_it(site, http):
    origin = {"Origin": "https://chat.example"}
    url = site.signed("browser/photo.jpg", KIB)
    async with http.options(url, headers=origin | {"Access-Control-Request-Method": "PUT"}) as answer:
        assert answer.ok and answer.headers["Access-Control-Allow-Origin"] == "*"
    async with http.put(url, data=content(KIB), headers=origin) as answer:
        assert answer.status == 201 and answer.headers.getall("Access-Control-Allow-Origin") == ["*"]
    async with http.get(url, headers=origin) as answer:
        assert answer.status == 200 and answer.headers.getall("Access-Control-Allow-Origin") == ["*"]


async def test_a_resumable_upload_goes_on_at_the_public_address(site, http):
    base = site.stack.base_url.removesuffix("/upload")
    async with http.options(f"{base}/resume") as answer:
        assert (answer.status, answer.headers["Tus-Version"]) == (204, "1.0.0")
    endpoint = site.signed("tus/photo.jpg", KIB).replace("/upload/", "/resume/")
    version = {"Tus-Resumable": "1.0.0"}
    async with http.post(endpoint, headers=version | {"Upload-Length": str(KIB)}) as answer:
        assert answer.status == 201, await answer.text()
        url = answer.headers["Location"]
    assert url.startswith(f"{base}/resume/tus/photo.jpg?upload=")
    chunk = version | {"Upload-Offset": "0", "Content-Type": CHUNK_TYPE}
    async with http.patch(url, data=content(KIB), headers=chunk) as answer:
        assert answer.status == 204, await answer.text()


SPOOFS = {
    "one": [("X-Forwarded-For", SPOOFED)],
    "other-headers": [("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", SPOOFED), ("Forwarded", f"for={SPOOFED}")],
    "several-lines": [("X-Forwarded-For", SPOOFED), ("x-forwarded-for", f"{SPOOFED}, {SPOOFED}")],
    "as-the-proxy": [("X-Forwarded-For", f"{SPOOFED}, 127.0.0.1")],
    "not-to-be-passed-on": [("X-Forwarded-For", SPOOFED), ("Connection", "close, X-Forwarded-For, X-Forwarded-Proto")],
}


@pytest.mark.parametrize("headers", SPOOFS.values(), ids=SPOOFS)
def test_the_stack_logs_the_client_whatever_it_says_of_itself(site, headers):
    before = clients(site)
    answer, _ = only_head(site, "/upload/spoofed/a", [("Content-Length", "0"), *headers])
    assert answer.status == 403
    assert clients(site)[len(before) :] == [CLIENT]


def clients(site: Site) -> list[str]:
    return re.findall(r'client="([^"]*)"', site.stack.log.read_text())


async def test_the_proxys_log_has_paths_without_tokens(site, http):
    """Neither those of the query nor those at the end of a path, as ejabberd's slots have them."""
    async with http.put(site.signed("logged/photo.jpg", KIB), data=content(KIB)) as answer:
        assert answer.status == 201
    slot = {"jid": "alice@example.com", "name": "photo.jpg", "size": str(KIB), "content_type": "image/jpeg"}
    async with http.get(f"https://{FILES}:{site.proxy.port}/slot/{SLOT_SECRET}", params=slot) as answer:
        assert answer.status == 200, await answer.text()
        put_url, get_url = (await answer.text()).splitlines()
    assert "/eyJ" in put_url
    async with http.put(put_url, data=content(KIB)) as answer:
        assert answer.status == 201, await answer.text()
    async with http.get(get_url) as answer:
        assert await answer.read() == content(KIB)
    lines = wait_until(lambda: re.findall(r'"PUT \S*(?:logged/photo.jpg|/TOKEN)\S*" 201', site.proxy.logs()), 120, "lines")
    assert len(lines) == 2, site.proxy.logs()
    assert f"GET {FILES}/slot\" 200" in site.proxy.logs()


ELSEWHERE = [
    *("/", "/metrics", "/_satchel/", "/upload", "/uploads/a/b", "/authorize/upload/a/b", "/slots", "/component2", "/resumes"),
    *("/x/../metrics", "/upload/../metrics", "/upload/%2e%2e/metrics"),
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_else_is_served(site, target):
    answer, body = only_head(site, target, [("Content-Length", "0"), ("Connection", "close")])
    assert answer.status == 404
    assert answer.headers["Content-Type"] != "application/problem+json", "the gateway has seen it"


def test_an_outage_is_a_5xx_without_secrets_in_a_log_and_ends_with_the_next_start(site):
    size = 6 * MIB
    url = site.signed("outage/a", size)
    with RawPut(url, size, expect=True, connection=site.connect()) as upload:
        assert upload.status() == 100
        site.stack.stop(signal.SIGKILL)
        # Apache notices when it has something to pass on, nginx at once.
        with contextlib.suppress(OSError):
            upload.send(content(size))
        assert upload.status() in (502, 503)
    parts = urlsplit(url)
    for target in (f"{parts.path}?{parts.query}", f"/slot/{SLOT_SECRET}?jid=a@example.com", "/upload/a/eyJ0b2tlbg"):
        assert only_head(site, target, [("Content-Length", "0"), ("Connection", "close")])[0].status in (502, 503)
    site.stack.start()
    wait_until(lambda: put(site, "after-the-outage/a") == 201, 120, "the proxy to try again")


def put(site: Site, path: str) -> int:
    with RawPut(site.signed(path, KIB), KIB, connection=site.connect()) as upload:
        upload.send(content(KIB))
        return upload.status()
