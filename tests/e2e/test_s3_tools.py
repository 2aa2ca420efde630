"""S3 tools on the stack's folder, where they are asked for: with the key of the data folder, directly and through nginx."""

import boto3
import pytest

from files import KIB, MIB, content
from listening import addresses
from reverse_proxies import S3, NginxProxy, Site
from satchel import Satchel
from server import HOST

BUCKET = "satchel"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site"), NginxProxy, "unix", s3=True) as running:
        yield running
    assert not running.secrets_in_logs(), running.proxy.logs()


@pytest.mark.parametrize("size", [KIB, 6 * MIB], ids=["1KiB", "6MiB"])
async def test_a_presigned_put_goes_through_s3s_name(site, size):
    path, body = f"presigned-{size}/photo.jpg", content(size)
    async with site.client() as http:
        kept_back = {"X-Upload-Length": str(size)}
        async with http.put(site.signed(path, size), headers=kept_back, allow_redirects=False) as answer:
            assert answer.status == 307, await answer.text()
            presigned = answer.headers["Location"]
        async with http.put(presigned, data=body) as answer:
            assert answer.status == 200, await answer.text()
        async with http.get(site.stack.url(path)) as answer:
            assert await answer.read() == body


async def test_browsers_may_use_s3s_name_and_no_signature_is_logged_when_it_is_down(site):
    target = f"https://{S3}:{site.proxy.port}/{BUCKET}/uploads/browser/photo.jpg"
    asked = {"Origin": "https://chat.example", "Access-Control-Request-Method": "PUT"}
    async with site.client() as http:
        async with http.options(target, headers=asked) as answer:
            assert answer.ok and answer.headers["Access-Control-Allow-Origin"] == "*"
        site.stack.stop()
        async with http.get(f"{target}?X-Amz-Signature=0") as answer:
            assert answer.status in (502, 503)
    site.stack.start()


async def test_the_key_of_the_data_folder_opens_the_bucket(tmp_path, http):
    with Satchel(tmp_path / "satchel", s3=True) as stack:
        assert addresses(stack.process.pid) == {(HOST, stack.port), (HOST, stack.s3_port)}
        secret = (stack.folder / "data/s3-secret").read_text().strip()
        keys = {"aws_access_key_id": "satchel", "aws_secret_access_key": secret}
        client = boto3.client("s3", endpoint_url=f"http://{HOST}:{stack.s3_port}", region_name="us-east-1", **keys)
        client.put_object(Bucket=BUCKET, Key="uploads/copied/photo.jpg", Body=content(KIB), ContentType="image/jpeg")
        async with http.get(stack.url("copied/photo.jpg")) as answer:
            assert (answer.status, await answer.read()) == (200, content(KIB))
        found = client.list_objects_v2(Bucket=BUCKET, Prefix="uploads/")["Contents"]
        assert [item["Key"] for item in found] == ["uploads/copied/photo.jpg"]


def test_slots_that_lead_to_s3_need_it(tmp_path):
    stack = Satchel(tmp_path / "satchel", {"SATCHEL_SLOT_PUT": "s3"})
    with pytest.raises(AssertionError, match="ended with 2"):
        stack.start()
    assert "SATCHEL_SLOT_PUT" in stack.log_tail() and "--s3-listen" in stack.log_tail()
