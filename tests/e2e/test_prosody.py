"""Debian's Prosody with each of its upload modules: one user uploads, another downloads."""

import pytest

from files import KIB, MIB, UPLOAD_IDS, UPLOADS, assert_served, assert_takes_one_file, content
from prosody import Prosody, component
from xmpp import login

SERVICES = ["file-share.example.com", "external-v1.example.com", "external-v2.example.com"]


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, stack):
    file_share, v1, v2 = SERVICES
    external = component("prosody-upload-external.cfg.lua", v2, stack.base_url)
    sections = [
        component("prosody-file-share.cfg.lua", file_share, stack.base_url),
        external,
        external.replace(v2, v1).replace('_protocol = "v2"', '_protocol = "v1"'),
    ]
    with Prosody(tmp_path_factory.mktemp("prosody"), "\n".join(sections)) as running:
        yield running


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("filename", "size"), UPLOADS, ids=UPLOAD_IDS)
async def test_a_shared_file_reaches_the_recipient(prosody, http, service, filename, size):
    photo = content(size)
    async with login(prosody, "alice") as alice, login(prosody, "bob") as bob:
        url = await alice.upload(service, filename, photo, "image/jpeg")
        alice.share(bob, url)
        await assert_served(http, await bob.received_url(), photo, "image/jpeg", filename)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_slot_takes_one_file(prosody, http, service, size):
    photo = content(size)
    async with login(prosody, "alice") as alice:
        slot = await alice.request_slot(service, "photo.jpg", size, "image/jpeg")
    await assert_takes_one_file(http, slot.put_url, slot.headers | {"Content-Type": "image/jpeg"}, photo)
    await assert_served(http, slot.get_url, photo, "image/jpeg", "photo.jpg")
