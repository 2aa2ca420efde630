"""What the stack tells of itself: metrics that Prometheus reads, dashboards that work, a page that a browser shows, lines
for people and programs."""

import asyncio
import base64
import io
import json
import os
import pty
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

import tokens
from browser import Browser
from prometheus import Prometheus
from satchel import SECRET, Satchel
from secrets_in import assert_no_secrets
from server import HOST, REPOSITORY, wait_until

HOSTILE = [
    "<script>window.hurt=1<script>.png",
    "<img src=x onerror=window.hurt=1>.jpg",
    "\"'><svg onload=window.hurt=1>",
    "<title><style>*{display:none}<style>",
    "\u202egpj.exe",
    "javascript:window.hurt=1",
    "a" * 200 + ".txt",
    "Urlaub 2026 🏖 in Málaga.jpeg",
]
SCREENSHOTS = os.environ.get("SATCHEL_SCREENSHOTS")
"""A folder to keep the screenshots in."""


async def put(http, stack: Satchel, path: str, body: bytes, query: str | None = None) -> int:
    url = stack.url(path, tokens.v1(SECRET, path, len(body)) if query is None else query)
    async with http.put(url, data=io.BytesIO(body)) as answer:
        return answer.status


async def fill(http, stack: Satchel):
    for number, name in enumerate(HOSTILE):
        assert await put(http, stack, f"insight-{number}/{name}", b"x" * 700 * (number + 1)) == 201
        assert await put(http, stack, f"insight-{number}/{name}", b"other", "v=" + "0" * 64) == 403
        async with http.get(stack.url(f"insight-{number}/{name}")) as answer:
            assert answer.status == 200
    assert await put(http, stack, "insight/large.bin", b"x" * 6_000_000) == 201


def metrics(stack: Satchel, accept: str) -> str:
    request = urllib.request.Request(f"http://{HOST}:{stack.port}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


async def test_promtool_accepts_the_metrics(stack, http):
    await fill_once(http, stack)
    text = metrics(stack, "*/*")
    checked = subprocess.run(
        ["/usr/bin/promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=120
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", ""), text


async def fill_once(http, stack: Satchel):
    async with http.get(stack.url("insight/large.bin")) as answer:
        if answer.status == 404:
            await fill(http, stack)


async def test_prometheus_scrapes_it_and_the_dashboards_queries_have_results(stack, http, tmp_path):
    await fill_once(http, stack)
    dashboard = json.loads((REPOSITORY / "infra/dashboards/grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 12
    with Prometheus(tmp_path / "prometheus", f"{HOST}:{stack.port}") as prometheus:
        for expression in expressions:
            asked = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
            await asyncio.to_thread(wait_until, lambda: prometheus.query(asked), 60, f"a result of {asked}")
        assert prometheus.query("satchel_uploads_total")[0]["value"][1] == str(len(HOSTILE) + 1)
        assert prometheus.query("up")[0]["value"][1] == "1", "it reads the OpenMetrics that it asks for"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
async def page(browser, stack, http):
    await fill_once(http, stack)
    browser.open(f"http://{HOST}:{stack.port}/_satchel/")
    return browser


def test_hostile_names_do_nothing_on_the_page(page):
    assert page.evaluate("document.title") == "Satchel: status"
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.querySelectorAll('main img, main svg svg, main style').length") == 0
    names = page.evaluate("[...document.querySelectorAll('#files ~ .scroll tbody th')].map(cell => cell.innerText)")
    assert set(names) >= {HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3], HOSTILE[5], HOSTILE[7]}
    assert "\\u{202e}gpj.exe" in names
    assert any(name.startswith("aaa") and name.endswith("…") and len(name) < 150 for name in names)


def test_the_page_can_be_read_aloud(page):
    nodes = page.devtools("Accessibility.getFullAXTree")["nodes"]
    role = lambda name: [node.get("name", {}).get("value", "") for node in nodes if node.get("role", {}).get("value") == name]
    assert len(role("main")) == len(role("banner")) == len(role("contentinfo")) == 1
    assert role("navigation") == ["Sections"]
    assert role("heading")[0] == "Satchel" and len(role("heading")) == 7
    assert any("table below" in name for name in role("image"))
    assert all(role("table")), "every table has a name"
    assert all(role("region")), "every region has a name"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_phones_and_follows_light_and_dark(page, width, scheme, tmp_path):
    page.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    page.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "only tables scroll sideways"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    shot = page.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"]
    folder = Path(SCREENSHOTS or tmp_path)
    (folder / f"status-{scheme}-{width}.png").write_bytes(base64.b64decode(shot))
    page.devtools("Emulation.clearDeviceMetricsOverride")


async def test_lines_in_a_file_are_plain(stack, http):
    await fill_once(http, stack)
    text = stack.log.read_text()
    assert "\x1b" not in text
    line = next(line for line in text.splitlines() if " mac_mismatch " in line)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 403 PUT upload mac_mismatch \d+\.\d ms ", line)
    assert 'signed_messages=["insight-' in line


async def test_json_lines_are_for_programs(tmp_path, http):
    with Satchel(tmp_path, options=("--log-format", "json")) as stack:
        assert await put(http, stack, "json/file", b"hello") == 201
    lines = [json.loads(line) for line in stack.log.read_text().splitlines()]
    by_code = {line["code"]: line for line in lines}
    line = by_code["stored"]
    assert {"timestamp", "level", "request_id", "function", "status", "code", "client"} <= line.keys()
    assert "_aws" not in line, "metrics are on /metrics"
    started = by_code["started"]
    assert (started["address"], started["public_url"]) == (f"http://{HOST}:{stack.port}", f"{stack.base_url}/")
    assert (started["function"], started["level"], started["warnings"]) == ("stack", "INFO", [])
    assert lines[-1]["code"] == "stopping"


def test_what_keeps_it_from_starting_is_a_json_line_too(tmp_path):
    stack = Satchel(tmp_path, settings={"SATCHEL_MAX_SIZE": "much"}, options=("--log-format", "json"))
    ended = subprocess.run(stack.command(), env=stack.environment(), capture_output=True, text=True, timeout=120)
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (ended.returncode, ended.stderr) == (2, "")
    assert (line["level"], line["function"], line["code"]) == ("FATAL", "stack", "not_started")
    assert "SATCHEL_MAX_SIZE" in line["reason"]


async def test_a_run_of_expire_is_json_lines_too(tmp_path, http):
    with Satchel(tmp_path) as stack:
        assert await put(http, stack, "json/file", b"hello") == 201
        beside = stack.expire("--dry-run", "--log-format", "json")
    alone = stack.expire("--log-format", "json")
    for ended, codes in [(beside, ["stack_found", "done"]), (alone, ["lifecycle_applied", "done"])]:
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        assert [line["code"] for line in lines] == codes, ended.stdout + ended.stderr
        assert lines[-1]["expired"] == {"objects": 0, "bytes": 0}


async def test_only_what_is_serious_enough_is_printed(tmp_path, http):
    settings = {"SATCHEL_UPLOAD_SECRETS": SECRET, "AWS_LAMBDA_LOG_LEVEL": "WARN"}
    with Satchel(tmp_path, settings=settings) as stack:
        assert await put(http, stack, "level/file", b"hello") == 201
        assert await put(http, stack, "level/file", b"other") == 409
        text = stack.log.read_text()
        assert " file_exists " in text and " stored " not in text
        assert 'satchel_uploads_total 1' in metrics(stack, "*/*"), "counted all the same"


async def on_a_terminal(http, stack: Satchel) -> str:
    """What the stack shows on one, up to the line of a refused MAC."""
    ours, theirs = pty.openpty()
    shown = bytearray()
    environment = stack.environment() | {"TERM": "xterm"}
    process = subprocess.Popen(stack.command(), env=environment, cwd=stack.folder, stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    try:
        await asyncio.to_thread(wait_until, stack.is_ready, 60, "the stack to answer")
        assert await put(http, stack, "terminal/file", b"hello", "v=" + "0" * 64) == 403
        while b"mac_mismatch" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 65_536)
    finally:
        process.terminate()
        process.wait(120)
        os.close(ours)
    return shown.decode(errors="replace").replace("\r\n", "\n")


async def test_a_terminal_has_colours(tmp_path, http):
    stack = Satchel(tmp_path)
    shown = await on_a_terminal(http, stack)
    assert "\x1b[33m403\x1b[0m" in shown, shown
    assert_no_secrets(shown, stack.settings)


async def test_a_secret_that_was_made_is_shown_on_a_terminal_alone(tmp_path, http):
    stack = Satchel(tmp_path, settings={})
    shown = await on_a_terminal(http, stack)
    secret = stack.made_secret()
    assert f'    http_file_share_secret = "{secret}"\n' in shown, shown
    assert_no_secrets(shown.replace(secret, "..."), {})
    for options in [(), ("--log-format", "json")]:
        with Satchel(tmp_path, settings={}, options=options) as again:
            assert again.made_secret() == secret
        assert str(tmp_path / "data/upload-secret") in again.log.read_text()
        assert secret not in again.log.read_text()
