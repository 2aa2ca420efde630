"""Debian's Prosody with each of its upload modules: one user uploads, another downloads."""

import re
import subprocess
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError

from files import KIB, MIB, UPLOAD_IDS, UPLOADS, assert_served, assert_takes_one_file, content
from prosody import Prosody, component, fill
from prosody_archive import ListArchive, SqlArchive
from server import REPOSITORY
from xmpp import login

SERVICES = ["file-share.example.com", "external-v1.example.com", "external-v2.example.com"]
# storage_archive_item_limit, as Prosody has it by default.
ARCHIVE_LIMIT = 10_000


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, stack, debian):
    file_share, v1, v2 = SERVICES
    external = component("prosody-upload-external.cfg.lua", v2, stack.base_url)
    sections = [
        component("prosody-file-share.cfg.lua", file_share, stack.base_url),
        external,
        external.replace(v2, v1).replace('_protocol = "v2"', '_protocol = "v1"'),
    ]
    with Prosody(tmp_path_factory.mktemp("prosody"), "\n".join(sections), debian=debian) as running:
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


def pruning_command() -> tuple[str, str]:
    """The database and the statement of the cron job in infra/xmpp."""
    text = (REPOSITORY / "infra/xmpp/prosody-file-share.cfg.lua").read_text()
    [(database, statement)] = re.findall(r'sqlite3 (\S+) "(DELETE .+)"', text)
    return database, statement


async def test_slots_do_not_run_out(tmp_path, debian):
    """What Prosody has noted is deleted when it is old, and refuses nobody before that."""
    service = "upload.example.com"
    database, prune = pruning_command()
    assert Path(database).name == "prosody.sqlite"
    section = component("prosody-file-share.cfg.lua", service, "https://files.example.com/upload")
    with Prosody(tmp_path, section, debian=debian) as prosody:
        archive = SqlArchive(prosody)
        async with login(prosody, "alice") as alice:
            await alice.request_slot(service, "first.jpg", KIB, "image/jpeg")
            archive.multiply(ARCHIVE_LIMIT, days=3)
            await alice.request_slot(service, "second.jpg", KIB, "image/jpeg")
        async with login(prosody, "bob") as bob:
            await bob.request_slot(service, "first.jpg", KIB, "image/jpeg")
            subprocess.run(["sqlite3", archive.file, prune], check=True, timeout=60)
            assert archive.ages() == [0, 0, 0]
            await bob.request_slot(service, "second.jpg", KIB, "image/jpeg")


async def test_in_prosodys_own_storage_slots_would_run_out(tmp_path, debian):
    """Why infra/xmpp has a line about storage. Should this fail one day, the line can go."""
    service = "upload.example.com"
    section = component("prosody-file-share.cfg.lua", service, "https://files.example.com/upload")
    prosody = Prosody(tmp_path, fill(section, {'storage = { uploads = "sql" }': ""}), debian=debian)
    with prosody:
        async with login(prosody, "alice") as alice:
            await alice.request_slot(service, "first.jpg", KIB, "image/jpeg")
    ListArchive(prosody, service).multiply(ARCHIVE_LIMIT, days=3)
    with prosody:
        async with login(prosody, "alice") as alice:
            with pytest.raises(IqError, match="undefined-condition"):
                await alice.request_slot(service, "second.jpg", KIB, "image/jpeg")
