"""Shared fixtures: one stack per module, server logs with every failure, no process left behind."""

import ctypes
import os
import signal
from pathlib import Path

import aiohttp
import pytest

import server
from cloud import PARAMETERS, keep_all
from debian import BOOKWORM, TRIXIE, Debian
from ministack import Ministack
from roster_admin import RosterAdmin
from satchel import Satchel

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left():
    """Adopts orphaned descendants, and fails the run where one outlives the tests."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    try:
        server.wait_until(lambda: not children(), 120, "all processes to end")
    except AssertionError:
        left = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in children()}
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        pytest.fail(f"left behind: {left}")


def children() -> list[int]:
    """The running children of this process; ended ones are reaped."""
    pids = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return [pid for pid in pids if os.waitpid(pid, os.WNOHANG) == (0, 0)]


def pytest_runtest_setup():
    """Forgets the servers that ended before this test."""
    server.started[:] = [process for process in server.started if not process.exited()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for process in server.started:
            report.sections.append((f"log of {process.name} in {process.folder}", process.log_tail()))
    return report


@pytest.fixture(scope="module", params=[BOOKWORM, TRIXIE], ids=lambda debian: debian.name)
def debian(request) -> Debian:
    """The release whose servers a test runs; those that ask for it run with each."""
    return request.param


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The program, shared by the tests of a module."""
    with Satchel(tmp_path_factory.mktemp("satchel")) as running:
        yield running


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """An emulated AWS with the template deployed on it."""
    with RosterAdmin() as prosody, Ministack(tmp_path_factory.mktemp("ministack")) as running:
        keep_all(running, prosody.url)
        running.base_url = running.local(running.deploy(**PARAMETERS)["BaseUrl"])
        # Once more, as an upgrade: the emulator does not tell functions the address that they are asked at.
        running.outputs = running.deploy(**PARAMETERS, PublicUrl=running.base_url)
        running.prosody = prosody
        yield running


@pytest.fixture
async def http():
    """An HTTP client that follows redirects, with a connection for each request and no content type of its own."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, skip_auto_headers={"Content-Type"}) as session:
        yield session
