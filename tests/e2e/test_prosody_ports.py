"""Where Prosody takes roster refreshes, which it asks no password for: on the loopback interface alone."""

import ssl
import subprocess
from pathlib import Path

from listening import addresses
from rosters import Rosters
from server import HOST, accepts_connections, free_port, wait_until

REFRESH = {"status": "ok", "message": "roster update complete", "updated": 1, "errors": 0}
# The tests' own configuration keeps everything on the loopback interface; an admin's does not.
EVERYWHERE = "*"


async def test_refreshes_are_taken_from_this_machine_alone(tmp_path, http, debian):
    with Rosters(tmp_path, interface=EVERYWHERE, debian=debian) as rosters:
        wait_until(lambda: accepts_connections(rosters.http_port), 30, "Prosody's HTTP port")
        where = addresses(rosters.prosody.process.pid)
        assert {port for _, port in where} == {rosters.prosody.port, rosters.http_port}
        assert {address for address, _ in where} <= {HOST, "::1"}
        async with http.post(rosters.refresh_url, json=["john"]) as answer:
            assert (answer.status, await answer.json(content_type=None)) == (200, REFRESH)


async def test_without_the_line_anybody_could_refresh(tmp_path, http, debian):
    """Why infra/xmpp has it."""
    port = free_port()
    changes = {"https_ports = {}": f'https_ports = {{ {port} }} https_certificate = "certificate.pem"'}
    rosters = Rosters(tmp_path, changes, EVERYWHERE, debian)
    self_signed(rosters.prosody.folder)
    with rosters:
        wait_until(lambda: accepts_connections(port), 30, "Prosody's HTTPS port")
        assert ("0.0.0.0", port) in addresses(rosters.prosody.process.pid)
        async with http.post(f"https://{HOST}:{port}/roster_admin/refresh", json=["john"], ssl=trusting()) as answer:
            assert (answer.status, await answer.json(content_type=None)) == (200, REFRESH)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def self_signed(folder: Path) :
    """Puts a key and its certificate into one file."""
    file = folder / "certificate.pem"
    kind = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    command = ["openssl", "req", "-x509", *kind, "-keyout", file, "-out", folder / "certificate"]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / "certificate").read_text())
