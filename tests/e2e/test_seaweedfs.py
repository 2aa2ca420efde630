"""The stack on SeaweedFS instead of its own folder: the functions need no more than an S3-compatible store."""

import pytest

import tokens
from files import AWKWARD, KIB, MIB, assert_served, assert_takes_one_file, content
from satchel import SECRET, Satchel
from seaweedfs import SeaweedFs


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory):
    with SeaweedFs(tmp_path_factory.mktemp("seaweedfs")) as running:
        yield running


@pytest.fixture(scope="module")
def stack(tmp_path_factory, seaweedfs):
    settings = seaweedfs.settings() | {"SATCHEL_UPLOAD_SECRETS": SECRET}
    with Satchel(tmp_path_factory.mktemp("satchel"), settings) as running:
        yield running


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_file_is_stored_once_and_served(stack, seaweedfs, http, size):
    body, path = content(size), f"seaweedfs-{size}/{AWKWARD}"
    url = stack.url(path, tokens.v2(SECRET, path, size, "image/jpeg"))
    await assert_takes_one_file(http, url, {"Content-Type": "image/jpeg"}, body)
    async with http.get(stack.url(path), allow_redirects=False) as answer:
        assert answer.status == 307
        assert answer.headers["Location"].startswith(seaweedfs.endpoint)
    await assert_served(http, stack.url(path), body, "image/jpeg", AWKWARD)


async def test_a_missing_file_is_not_found(stack, http):
    async with http.get(stack.url("seaweedfs-missing/file.bin")) as answer:
        assert answer.status == 404
