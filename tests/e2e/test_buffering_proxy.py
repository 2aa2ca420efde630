"""A proxy that keeps each body until it has all of it, as nginx does unless it is told not to: the stack gets files whole."""

import json

import pytest

from files import KIB, MIB, assert_served, content
from prosody import fill
from rawput import RawPut
from reverse_proxies import NginxProxy, Site


class BufferingNginx(NginxProxy):
    """Speaks HTTP/1.0 to the stack, too."""

    def __init__(self, folder, port, certificate, stack):
        super().__init__(folder, port, certificate, stack)
        main = folder / "nginx.conf"
        # Its workers must reach it: pytest's own folders are for root alone.
        bodies = {f"{folder}/client_body_temp": f"{stack.socket.parent}/bodies"}
        main.write_text(fill(main.read_text(), bodies))

    def values(self, stack):
        defaults = {"proxy_request_buffering off;": "", "proxy_http_version 1.1;": ""}
        return super().values(stack) | defaults


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("buffering"), BufferingNginx, "unix") as running:
        yield running
    assert not running.secrets_in_logs(), running.proxy.logs()


@pytest.mark.parametrize("size", [1, 70 * KIB, 30 * MIB], ids=["1B", "70KiB", "30MiB"])
async def test_files_go_up_once_and_come_down(site, size):
    path, body = f"size-{size}/photo.jpg", content(size)
    async with site.client() as http:
        for sent, status in ((body, 201), (bytes(255 - octet for octet in body), 409)):
            async with http.put(site.signed(path, size), data=sent, headers={"Content-Type": "image/jpeg"}) as answer:
                assert answer.status == status, await answer.text()
        await assert_served(http, site.stack.url(path), body, "image/jpeg", "photo.jpg")


async def test_a_body_of_unknown_length_has_one_behind_it(site):
    async def body():
        yield content(KIB)

    async with site.client() as http:
        async with http.put(site.signed("chunked/a", KIB), data=body()) as answer:
            assert answer.status == 201, await answer.text()
        async with http.put(site.signed("chunked/b", KIB + 1), data=body()) as answer:
            assert (answer.status, json.loads(await answer.text())["code"]) == (403, "mac_mismatch")


async def test_a_client_that_dies_was_never_heard_of(site):
    size = 6 * MIB
    before = lines(site)
    upload = RawPut(site.signed("dying/a", size), size, connection=site.connect())
    upload.send(content(size)[: size // 2])
    upload.abort()
    async with site.client() as http, http.put(site.signed("dying/a", size), data=content(size)) as answer:
        assert answer.status == 201
    assert lines(site) == before + 1, "for the second upload"


def lines(site: Site) -> int:
    return site.stack.log.read_text().count(" client=")
