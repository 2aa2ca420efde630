"""Metronome's snippet: Debian has no Metronome, so Lua reads the snippet and the test acts as the module does."""

import io
import json
import subprocess

import pytest

import tokens
from files import AWKWARD, KIB, assert_served, content
from prosody import fill
from satchel import SECRET, Satchel
from server import REPOSITORY

DELETE_SECRET = "another secret of the end-to-end tests"
OPTIONS = ["http_file_external_url", "http_file_secret", "http_file_external_delete_url", "http_file_delete_secret"]
READ_SNIPPET = """
function Component(address) return function(module) assert(module == "http_upload_external") end end
dofile("/dev/stdin")
for _, option in ipairs(arg) do print(string.format("%q: %q", option, _G[option])) end
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    settings = {"SATCHEL_UPLOAD_SECRETS": SECRET, "SATCHEL_METRONOME_DELETE_SECRET": DELETE_SECRET}
    with Satchel(tmp_path_factory.mktemp("satchel"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def options(tmp_path_factory, stack):
    """The options that Metronome would see."""
    snippet = (REPOSITORY / "infra/xmpp/metronome.cfg.lua").read_text()
    placeholders = ("https://files.example.com/upload", "PASTE-THE-SECRET-HERE", "PASTE-THE-DELETE-SECRET-HERE")
    filled = fill(snippet, dict(zip(placeholders, (stack.base_url, SECRET, DELETE_SECRET), strict=True)))
    reader = tmp_path_factory.mktemp("metronome") / "read.lua"
    reader.write_text(READ_SNIPPET)
    read = subprocess.run(["lua5.4", reader, *OPTIONS], input=filled, capture_output=True, text=True, check=True)
    return json.loads("{" + ",".join(read.stdout.splitlines()) + "}")


async def test_a_file_is_stored_served_and_deleted(options, stack, http):
    photo, path = content(KIB), f"Zm9vYmFyMTIz1234/{AWKWARD}"
    get_url, delete_url = (options[key] + stack.url(path).removeprefix(f"{stack.base_url}/") for key in OPTIONS[::2])

    token = tokens.metronome_put(options["http_file_secret"], path, KIB, "image/jpeg")
    async with http.put(f"{get_url}?{token}", data=io.BytesIO(photo), headers={"Content-Type": "image/jpeg"}) as answer:
        assert answer.status == 201, await answer.text()
    await assert_served(http, get_url, photo, "image/jpeg", AWKWARD)

    token = tokens.metronome_delete(options["http_file_secret"], path, options["http_file_delete_secret"])
    for status in (204, 404):
        async with http.delete(f"{delete_url}?{token}") as answer:
            assert answer.status == status, await answer.text()
    async with http.get(get_url) as answer:
        assert answer.status == 404
