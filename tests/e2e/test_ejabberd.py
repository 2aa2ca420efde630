"""Debian's ejabberd with mod_http_upload's `external_secret`: one user uploads, another downloads."""

import pytest

from ejabberd import Ejabberd, rewritten
from files import KIB, MIB, UPLOAD_IDS, UPLOADS, assert_served, assert_takes_one_file, content
from prosody import component
from xmpp import login

SERVICE = "upload.example.com"


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


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_slot_takes_one_file(ejabberd, http, size):
    photo = content(size)
    async with login(ejabberd, "alice") as alice:
        slot = await alice.request_slot(SERVICE, "photo.jpg", size, "image/jpeg")
    await assert_takes_one_file(http, slot.put_url, {"Content-Type": "image/jpeg"}, photo)
    await assert_served(http, slot.get_url, photo, "image/jpeg", "photo.jpg")
