"""All that each function does with its permissions, on the deployed stack. Whatever is refused is an AssertionError."""

import json
from urllib.parse import urljoin

import aiohttp

import tokens
from cloud import KEY, PARAMETERS, ROSTER_CALLER, TYPE, expiring, is_indexed, keys, names, said, slot, waiting
from files import KIB, MIB, content
from ministack import STACK, payload
from tus import CHUNK_TYPE

BODY = content(KIB)
PERMANENT = '<permanent xmlns="urn:xmpp:http:upload:purpose:0"/>'


async def upload(cloud, http):
    """Stores, refuses what is there, signs for large files, deletes what is stored and what waits."""
    path = f"{names()}/stored.bin"
    for body, status in ((BODY, 201), (BODY[::-1], 409)):
        assert await put(cloud, http, path, body) == status
    assert is_indexed(cloud, path)
    assert await delete(cloud, http, path) == 204
    path = await wait_for_sealing(cloud, http)
    assert await delete(cloud, http, path) == 204
    assert not keys(cloud, f"incoming/{path}")


async def put(cloud, http, path: str, body: bytes = BODY) -> int:
    headers = expiring(path, len(body)) | {"Content-Type": TYPE}
    async with http.put(f"{cloud.base_url}/{path}", data=body, headers=headers) as answer:
        return answer.status


async def delete(cloud, http, path: str) -> int:
    token = tokens.metronome_delete(KEY, path, PARAMETERS["MetronomeDeleteSecret"])
    async with http.delete(f"{cloud.base_url}/{path}?{token}") as answer:
        return answer.status


async def wait_for_sealing(cloud, http) -> str:
    path = f"{names()}/waiting.bin"
    await sent(http, await waiting(cloud, http, path, KIB))
    return path


async def sent(http, put_url: str):
    async with http.put(put_url, data=BODY) as answer:
        assert answer.status == 200


async def download(cloud, http):
    """Finds nothing, seals on demand, and signs for what is there, whatever its purpose."""
    async with http.get(f"{cloud.base_url}/{names()}/unknown") as answer:
        assert answer.status == 404
    put_url, permanent = await slot(cloud, http, "avatar.jpg", KIB, PERMANENT)
    await sent(http, put_url)
    path = await wait_for_sealing(cloud, http)
    for address in (permanent, f"{cloud.base_url}/{path}"):
        async with http.get(address) as answer:
            assert (answer.status, await answer.read()) == (200, BODY)
    assert is_indexed(cloud, path)
    assert not keys(cloud, "incoming/")


async def seal(cloud, http):
    """Seals files of every purpose, which are not there yet, and tidies up."""
    put_url, _ = await slot(cloud, http, "avatar.jpg", KIB, PERMANENT)
    await sent(http, put_url)
    path = await wait_for_sealing(cloud, http)
    for waits in keys(cloud, "incoming/"):
        found = cloud.client("s3").head_object(Bucket=cloud.outputs["BucketName"], Key=waits)
        created = {"key": waits, "size": found["ContentLength"], "etag": found["ETag"].strip('"')}
        detail = {"bucket": {"name": cloud.outputs["BucketName"]}, "object": created}
        event = json.dumps({"detail-type": "Object Created", "detail": detail})
        answer = cloud.client("lambda").invoke(FunctionName=function_name(cloud, "SealFunction"), Payload=event)
        assert payload(answer).get("sealed") == 1
    assert is_indexed(cloud, path)
    assert not keys(cloud, "incoming/")


async def expire(cloud, http):
    """Deletes a file of every purpose that has one to delete, and its entry in the index; writes a report."""
    s3, bucket, name = cloud.client("s3"), cloud.outputs["BucketName"], names("due")
    due = [f"uploads{purpose.replace('.', '-')}/{name}{purpose}/a.bin" for purpose in ("", ".profile", ".ephemeral")]
    for key in due:
        s3.put_object(Bucket=bucket, Key=key, Body=BODY, Metadata={"expires": "1"})
        s3.put_object(Bucket=bucket, Key=f"expiry/1970-01-01T00/0001/{key}")
    function = function_name(cloud, "ExpireFunction")
    summary = payload(cloud.client("lambda").invoke(FunctionName=function, Payload="{}"))
    assert summary.get("errors") == 0 and summary["expired"]["objects"] == len(due), summary
    assert not [key for key in keys(cloud, "uploads") if name in key]
    assert not keys(cloud, "expiry/1970")
    assert any(summary["run"] in key for key in keys(cloud, "reports/"))


async def component(cloud, http):
    """Grants slots under a quota, lists and deletes one's own files, sealed and waiting, of every purpose."""
    for purpose in ("", PERMANENT):
        put_url, get_url = await slot(cloud, http, "mine.jpg", KIB, purpose)
        await sent(http, put_url)
        async with http.get(get_url) as answer:
            assert answer.status == 200
        assert "mine.jpg" in await said(cloud, http, "list")
        assert await said(cloud, http, f"delete {get_url}") == "Deleted: mine.jpg"
    put_url, get_url = await slot(cloud, http, "mine.jpg", KIB)
    await sent(http, put_url)
    assert await said(cloud, http, f"delete {get_url}") == "Deleted: mine.jpg"
    assert not keys(cloud, "incoming/")


async def resume(cloud, http):
    """Takes a file of two parts and a rest in three chunks, and deletes it; gives up another."""
    path, size = f"{names()}/resumed.bin", 9 * MIB
    address = await created(cloud, http, path, size)
    for offset in range(0, size, 3 * MIB):
        await chunk(http, address, offset, content(size)[offset : offset + 3 * MIB])
    async with http.get(f"{cloud.base_url}/{path}") as answer:
        assert (answer.status, await answer.read()) == (200, content(size))
    assert is_indexed(cloud, path)
    await ended(http, address)
    assert not keys(cloud, f"uploads/{path}")
    address = await created(cloud, http, f"{names()}/given-up.bin", size)
    await chunk(http, address, 0, content(6 * MIB)[: 3 * MIB])
    await ended(http, address)
    assert not keys(cloud, "resuming/")


async def created(cloud, http, path: str, size: int) -> str:
    """Begins an upload and gives its address."""
    address = cloud.base_url.removesuffix("upload") + f"resume/{path}"
    headers = expiring(path, size) | {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    async with http.post(address, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return urljoin(address, answer.headers["Location"])


async def ended(http, address: str):
    async with http.delete(address, headers={"Tus-Resumable": "1.0.0"}) as answer:
        assert answer.status == 204, await answer.text()


async def chunk(http, address: str, offset: int, octets: bytes):
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": CHUNK_TYPE, "Upload-Offset": str(offset)}
    async with http.patch(address, data=octets, headers=headers) as answer:
        assert answer.status == 204, await answer.text()


async def roster_fetch(cloud, http):
    """Reads what is there and what is not, edits a roster and a shared group."""
    john, choir = names("john"), names("choir")
    assert await contacts(cloud, http, "GET", f"contacts/{john}") == {}
    await contacts(cloud, http, "PUT", f"contacts/{john}/marie@example.org", {"name": "Marie", "groups": ["Friends"]})
    assert "marie@example.org" in await contacts(cloud, http, "GET", f"contacts/{john}")
    await contacts(cloud, http, "PUT", f"groups/{choir}", {"paul@example.org": {"name": "Alto"}})
    assert "paul@example.org" in await contacts(cloud, http, "GET", f"groups/{choir}")


async def roster_refresh(cloud, http):
    """Tells Prosody, and takes contacts out and in again whose names have changed."""
    john = names("john")
    for name in ("Marie", "Maria"):
        await contacts(cloud, http, "PUT", f"contacts/{john}/marie@example.org", {"name": name, "groups": ["Friends"]})
    report = await contacts(cloud, http, "POST", "contacts/refresh?replace=true", [john])
    assert report["status"] == "ok", report


async def contacts(cloud, http, method: str, path: str, body=None):
    user, password = ROSTER_CALLER.split(":")
    headers = {"Authorization": aiohttp.encode_basic_auth(user, password), "Content-Type": "application/json"}
    address = cloud.base_url.removesuffix("upload") + path
    text = None if body is None else json.dumps(body)
    async with http.request(method, address, data=text, headers=headers) as answer:
        assert answer.status in (200, 201, 204), await answer.text()
        return json.loads(await answer.text() or "null")


USES = {
    "ComponentFunction": component,
    "DownloadFunction": download,
    "ExpireFunction": expire,
    "ResumeFunction": resume,
    "RosterFetchFunction": roster_fetch,
    "RosterRefreshFunction": roster_refresh,
    "SealFunction": seal,
    "UploadFunction": upload,
}


def function_name(cloud, function: str) -> str:
    """What CloudFormation has called it."""
    resource = cloud.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=function)
    return resource["StackResourceDetail"]["PhysicalResourceId"]
