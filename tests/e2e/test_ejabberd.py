"""Debian's ejabberd with mod_http_upload's `external_secret`: one user uploads, another downloads."""

import pytest

from ejabberd import Ejabberd, rewritten
from files import KIB, MIB, UPLOAD_IDS, UPLOADS, assert_served, assert_takes_one_file, content
from prosody import DOMAIN, component, fill
from xmpp import login

SERVICE = "upload.example.com"
ELSEWHERE = "example.net"


@pytest.fixture(scope="module")
def ejabberd(tmp_path_factory, stack, debian):
    section = component("ejabberd.yml", SERVICE, stack.base_url)
    with Ejabberd(tmp_path_factory.mktemp("ejabberd"), section, debian=debian) as running:
        yield running


@pytest.mark.parametrize(("filename", "size"), UPLOADS, ids=UPLOAD_IDS)
async def test_a_shared_file_reaches_the_recipient(ejabberd, http, filename, size):
    photo = content(size)
    async with login(ejabberd, "alice") as alice, login(ejabberd, "bob") as bob:
        url = await alice.upload(SERVICE, filename, photo, "image/jpeg")
        alice.share(bob, url)
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", rewritten(filename))


@pytest.fixture(scope="module")
def ejabberd_with_two_hosts(tmp_path_factory, stack, debian):
    """One module for both; ejabberd wants the host in its address then."""
    values = {"upload.example.com": "upload.@HOST@", '/upload"': '/upload/@HOST@"'}
    section = fill(component("ejabberd.yml", SERVICE, stack.base_url), values)
    folder = tmp_path_factory.mktemp("ejabberd")
    with Ejabberd(folder, section, {ELSEWHERE: section}, debian) as running:
        yield running


@pytest.mark.parametrize("host", [DOMAIN, ELSEWHERE])
@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_file_of_either_host_is_stored_once(ejabberd_with_two_hosts, http, host, size):
    photo = content(size)
    async with login(ejabberd_with_two_hosts, "alice", host) as alice:
        slot = await alice.request_slot(f"upload.{host}", "photo.jpg", size, "image/jpeg")
    assert f"/upload/{host}/" in slot.put_url
    await assert_takes_one_file(http, slot.put_url, {"Content-Type": "image/jpeg"}, photo)
    await assert_served(http, slot.get_url, photo, "image/jpeg", "photo.jpg")
    # Another host's name before the same token is another address of the same file, not room for a second one.
    async with http.put(slot.put_url.replace(host, "third.example"), data=photo[::-1]) as answer:
        assert answer.status == 409


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_slot_takes_one_file(ejabberd, http, size):
    photo = content(size)
    async with login(ejabberd, "alice") as alice:
        slot = await alice.request_slot(SERVICE, "photo.jpg", size, "image/jpeg")
    await assert_takes_one_file(http, slot.put_url, {"Content-Type": "image/jpeg"}, photo)
    await assert_served(http, slot.get_url, photo, "image/jpeg", "photo.jpg")
