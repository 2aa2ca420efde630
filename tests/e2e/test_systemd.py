"""The systemd unit: what systemd says of it, and the stack started as the unit has it."""

import grp
import os
import re
import shutil
import signal
import stat
import subprocess

import aiohttp
import pytest

import tokens
from files import KIB, MIB, content
from listening import addresses
from prosody import fill
from satchel import SECRET
from secrets_in import assert_no_secrets
from seaweedfs import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, SeaweedFs
from server import REPOSITORY, wait_until
from unit import AS_ROOT, FOLDER, Service, environment_file, read_settings, with_another_s3


@pytest.fixture
def unit(tmp_path):
    """The unit, with the binary of this machine: systemd-analyze wants it to be there."""
    (tmp_path / "satchel").touch(mode=0o755)
    text = (FOLDER / "satchel.service").read_text()
    path = tmp_path / "satchel.service"
    path.write_text(fill(text, {"/usr/local/bin/satchel": str(tmp_path / "satchel")}))
    return path


def analyze(*arguments) -> str:
    """What systemd-analyze says; it must find no fault."""
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"LC_ALL": "C"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("drop_in", [False, True], ids=["alone", "another-s3"])
def test_systemd_knows_every_setting_of_the_unit(unit, drop_in):
    if drop_in:
        unit.with_name("satchel.service.d").mkdir()
        shutil.copy(FOLDER / "another-s3.conf", unit.with_name("satchel.service.d"))
    said = analyze("verify", "--man=no", unit)
    assert "satchel" not in said, said


def test_the_unit_is_as_confined_as_the_readme_says(unit, capsys):
    said = analyze("security", "--offline=true", "--threshold=10", unit)
    exposure = re.search(r"Overall exposure level for satchel.service: ([\d.]+)", said)[1]
    with capsys.disabled():
        print(f"\nsystemd-analyze security: {exposure}")
    assert f"(`systemd-analyze security`: {exposure} of 10)" in (REPOSITORY / "README.md").read_text()


@pytest.fixture
def service(tmp_path):
    with Service(tmp_path) as running:
        yield running


async def upload(service: Service, path: str, body: bytes) -> int:
    url = f"http://files.example.com/upload/{path}?{tokens.v1(SECRET, path, len(body))}"
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(service.socket))) as http:
        async with http.put(url, data=body, headers={"X-Forwarded-For": "192.0.2.1"}) as answer:
            return answer.status


async def download(service: Service, path: str) -> bytes:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(service.socket))) as http:
        async with http.get(f"http://files.example.com/upload/{path}", allow_redirects=False) as answer:
            if answer.status == 200:
                return await answer.read()
            assert answer.status == 307
            location = answer.headers["Location"]
    async with aiohttp.ClientSession() as http, http.get(location) as answer:
        assert answer.status == 200
        return await answer.read()


async def test_it_runs_without_rights_and_tells_systemd_when(service):
    assert service.notification() == "READY=1"
    for size in (KIB, 6 * MIB):
        assert await upload(service, f"unit-{size}/file.bin", content(size)) == 201
        assert await download(service, f"unit-{size}/file.bin") == content(size)
    wait_until(lambda: 'client="192.0.2.1"' in service.log_tail(), 120, "the client's address")
    assert_no_secrets(service.log.read_text(), service.settings | {"SATCHEL_UPLOAD_SECRETS": SECRET})
    service.process.send_signal(signal.SIGTERM)
    assert service.notification() == "STOPPING=1"
    assert service.wait() == 0
    assert not service.socket.exists()


def test_the_socket_is_for_the_proxys_group(service):
    found = service.socket.stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert not AS_ROOT or grp.getgrgid(found.st_gid).gr_name == "www-data"
    state = [path for path in service.state.rglob("*") if path.stat().st_mode & 0o077]
    assert not state or stat.S_IMODE(service.state.stat().st_mode) == 0o700, "nobody else may read files"


async def test_a_socket_left_by_a_crash_is_replaced_and_one_in_use_is_not(service):
    assert await upload(service, "before/file.bin", content(KIB)) == 201
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    assert service.socket.exists()
    service.start()
    assert await download(service, "before/file.bin") == content(KIB)
    assert await upload(service, "again/file.bin", content(KIB)) == 201
    arguments = [argument.replace(str(service.state), f"{service.state}/other") for argument in service.command()]
    second = subprocess.run(arguments, env=service.environment(), capture_output=True, text=True, timeout=120)
    assert second.returncode == 1
    assert f"cannot listen on unix:{service.socket}" in second.stderr
    assert await download(service, "again/file.bin") == content(KIB)


def test_a_socket_needs_a_public_url(tmp_path):
    service = Service(tmp_path, settings={"SATCHEL_TRUSTED_PROXIES": "localhost"})
    ended = subprocess.run(service.command(), env=service.environment(), capture_output=True, text=True, timeout=120)
    service.__exit__()
    assert ended.returncode == int(service.unit["RestartPreventExitStatus"])
    assert "SATCHEL_PUBLIC_URL" in ended.stderr and "SATCHEL_TRUSTED_PROXIES" in ended.stderr


async def test_another_s3_keeps_the_files(tmp_path):
    with SeaweedFs(tmp_path / "seaweedfs") as seaweedfs:
        values = {
            "https://s3.example.net": seaweedfs.endpoint,
            "=files\n": f"={BUCKET}\n",
            "us-east-1": REGION,
            "AKIA": ACCESS_KEY,
        }
        settings = read_settings(fill(with_another_s3(environment_file()), values))
        with Service(tmp_path / "service", settings, {"AWS_SECRET_ACCESS_KEY": SECRET_KEY}) as service:
            for size in (KIB, 6 * MIB):
                assert await upload(service, f"elsewhere-{size}/file.bin", content(size)) == 201
                assert await download(service, f"elsewhere-{size}/file.bin") == content(size)
            assert not addresses(service.process.pid)
            assert sum(path.stat().st_size for path in service.state.rglob("*")) < KIB
