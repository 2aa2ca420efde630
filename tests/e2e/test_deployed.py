"""The template as `sam deploy` brings it to an emulated AWS that enforces IAM and bucket policies."""

import asyncio
import json
import re
import time

import pytest

import sam
import slots
import tokens
from cloud import KEY, PARAMETERS, keep, keys, names, said, slot, waiting
from files import KIB, MIB, assert_served, assert_takes_one_file, content, put_that_expires
from ministack import STACK
from prosody import Prosody, component
from secrets_in import assert_no_secrets
from server import wait_until
from uses import contacts, function_name
from xmpp import login

TYPED = {"Content-Type": "application/octet-stream"}


@pytest.fixture
async def http(cloud):
    async with cloud.http() as session:
        yield session


async def test_every_kind_of_token_uploads_one_file_that_everyone_can_download(cloud, http):
    body, kind = content(KIB), "image/jpeg"
    makers = {
        "v1": lambda path: tokens.v1(KEY, path, KIB),
        "v2": lambda path: tokens.v2(KEY, path, KIB, kind),
        "token": lambda path: tokens.metronome_put(KEY, path, KIB, kind),
    }
    for name, token in makers.items():
        path = f"{names(name)}/photo.jpg"
        await assert_takes_one_file(http, f"{cloud.base_url}/{path}?{token(path)}", {"Content-Type": kind}, body)
        await assert_served(http, f"{cloud.base_url}/{path}", body, kind, "photo.jpg")
    slot = names("jwt")
    # With a type: without one the emulator takes the body for text.
    bearer = {"Authorization": tokens.bearer(KEY, slot, "photo.jpg", KIB, kind), "Content-Type": kind}
    await assert_takes_one_file(http, f"{cloud.base_url}/{slot}/photo.jpg", bearer, body)
    await assert_served(http, f"{cloud.base_url}/{slot}/photo.jpg", body, kind, "photo.jpg")


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, cloud):
    section = component("prosody-file-share.cfg.lua", "share.example.com", cloud.base_url)
    with Prosody(tmp_path_factory.mktemp("prosody"), section) as running:
        yield running


@pytest.mark.parametrize("size", [KIB, 4 * MIB], ids=["1KiB", "4MiB"])
async def test_a_slot_of_prosodys_leads_to_lambda(cloud, http, prosody, size):
    async with login(prosody, "alice") as alice:
        slot = await alice.request_slot("share.example.com", "photo.jpg", size, "image/jpeg")
    assert slot.put_url.startswith(cloud.base_url)
    await assert_takes_one_file(http, slot.put_url, slot.headers | {"Content-Type": "image/jpeg"}, content(size))
    await assert_served(http, slot.get_url, content(size), "image/jpeg", "photo.jpg")


async def test_an_upload_past_lambda_is_sealed_by_its_event(cloud, http):
    body, path = content(6 * MIB), f"{names()}/large.bin"
    put_url = await waiting(cloud, http, path, len(body))
    async with http.put(put_url, data=body) as answer:
        assert answer.status == 200, await answer.text()
    wait_until(lambda: keys(cloud, f"uploads/{path}"), 120, "the event to be delivered and the upload sealed")
    wait_until(lambda: not keys(cloud, f"incoming/{path}"), 120, "the upload to leave incoming/")
    async with http.get(f"{cloud.base_url}/{path}") as answer:
        assert (answer.status, await answer.read()) == (200, body)


async def test_a_presigned_put_takes_what_was_signed_and_nothing_else(cloud, http):
    path = f"{names()}/exact.bin"
    put_url = await waiting(cloud, http, path, KIB)
    tampered = re.sub("X-Amz-Signature=.", lambda found: found[0][:-1] + ("0" if found[0][-1] != "0" else "1"), put_url)
    for url, size in [(put_url, KIB + 1), (tampered, KIB), (put_url.replace("exact", "other"), KIB)]:
        async with http.put(url, data=content(size)) as answer:
            assert answer.status == 403, url
    assert not keys(cloud, "incoming/")


async def test_slots_of_the_component_need_no_function_for_the_body(cloud, http):
    put_url, get_url = await slot(cloud, http, "photo.jpg", 6 * MIB)
    assert get_url.startswith(cloud.base_url)
    await slots.put(http, put_url, content(6 * MIB))
    await assert_served(http, get_url, content(6 * MIB), "image/jpeg", None)
    assert "photo.jpg" in await said(cloud, http, "list")
    assert await said(cloud, http, f"delete {get_url}") == "Deleted: photo.jpg"
    async with http.get(get_url) as answer:
        assert answer.status == 404
    query = {"jid": "romeo@example.org", "name": "x.txt", "size": "5", "content_type": "text/plain"}
    address = cloud.base_url.removesuffix("upload") + "slot/" + PARAMETERS["SlotCredentials"]
    async with http.get(address, params=query) as answer:
        assert (answer.status, len((await answer.text()).split("\n"))) == (200, 2)


async def test_a_written_roster_reaches_prosody_by_its_event(cloud, http):
    john = names("john")
    await contacts(cloud, http, "PUT", f"contacts/{john}", {"marie@example.org": {"name": "Marie"}})
    wait_until(lambda: [john] in cloud.prosody.told, 120, "the event to be delivered and Prosody told")


async def test_the_schedule_is_delivered_and_expire_deletes_what_is_due(cloud, http):
    scheduler = cloud.client("scheduler")
    [found] = scheduler.list_schedules()["Schedules"]
    hourly = scheduler.get_schedule(Name=found["Name"])
    hourly = {part: hourly[part] for part in ["Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State"]}
    assert (hourly["ScheduleExpression"], hourly["State"]) == ("rate(1 hour)", "ENABLED")
    assert hourly["Target"]["Arn"].endswith(f":function:{function_name(cloud, 'ExpireFunction')}")

    path = f"{names()}/expired.bin"

    def headers(expires: int) -> dict[str, str]:
        return {"Authorization": tokens.bearer(KEY, *path.split("/"), KIB, TYPED["Content-Type"], expires)} | TYPED

    await put_that_expires(http, f"{cloud.base_url}/{path}", headers, content(KIB))
    assert keys(cloud, f"uploads/{path}")
    reports = set(keys(cloud, "reports/"))
    # The same schedule in all else: nobody waits an hour.
    scheduler.update_schedule(**hourly | {"ScheduleExpression": "rate(1 minute)"})
    try:
        wait_until(lambda: not keys(cloud, f"uploads/{path}"), 200, "the schedule to be delivered")
        wait_until(lambda: set(keys(cloud, "reports/")) - reports, 120, "the report on it")
    finally:
        scheduler.update_schedule(**hourly)


async def test_a_secret_is_rotated_without_a_deployment(cloud, http):
    async def status(secret: str) -> int:
        path = f"{names()}/rotated.bin"
        async with http.put(f"{cloud.base_url}/{path}?{tokens.v1(secret, path, 1)}", data=b"1", headers=TYPED) as answer:
            return answer.status

    assert (await status(KEY), await status("the next one")) == (201, 403)
    keep(cloud, "the next one", KEY)
    try:
        await eventually(lambda: status("the next one"), 201)
        assert await status(KEY) == 201
    finally:
        keep(cloud, KEY)
    await eventually(lambda: status("the next one"), 403)


async def eventually(ask, wanted: int):
    """Asks until it gets the wanted answer: the functions look into Parameter Store every second."""
    deadline = time.monotonic() + 120
    while (answer := await ask()) != wanted:
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.1)


async def test_outputs_are_the_lines_to_paste(cloud):
    outputs = cloud.outputs
    assert f'http_file_share_base_url = "{outputs["BaseUrl"]}"\n' in outputs["ProsodyFileShare"]
    assert f'http_upload_external_base_url = "{outputs["BaseUrl"]}/"\n' in outputs["ProsodyUploadExternal"]
    host = outputs["BaseUrl"].removeprefix("https://").removesuffix("/upload")
    assert f'component_post_url = "https://USER:PASSWORD@{host}/component"\n' in outputs["ProsodyComponent"]
    assert f'service_url: "https://{host}/slot/SECRET"' in outputs["EjabberdServiceUrl"]


async def test_each_function_logs_json_lines_to_its_own_group(cloud, http):
    async with http.get(f"{cloud.base_url}/{names()}/unknown.txt") as answer:
        assert answer.status == 404
    logs = cloud.client("logs")
    listed = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK}-")["logGroups"]
    groups = {group["logGroupName"]: group["retentionInDays"] for group in listed}
    assert groups == {f"/aws/lambda/{STACK}-{id_to_name(function)}": 30 for function in sam.functions()}

    def lines():
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{STACK}-download")["events"]
        messages = [event["message"] for event in events if event["message"].startswith("{")]
        return [line for line in map(json.loads, messages) if line.get("code") == "file_not_found"]

    [line, *_] = wait_until(lines, 120, "the log line")
    assert (line["function"], line["method"], line["status"]) == ("download", "GET", 404)


def test_no_function_has_logged_a_secret(cloud):
    logs = cloud.client("logs")
    secrets = {setting(name): value for name, value in PARAMETERS.items()} | {"UPLOAD_SECRETS": KEY}
    searched = 0
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        messages = [event["message"] for page in pages for event in page["events"]]
        assert_no_secrets("\n".join(messages), secrets)
        searched += bool(messages)
    assert searched > 2, "the functions that these tests have called"


async def test_a_stack_of_any_name_works_and_has_nothing_in_common_with_another(cloud, http):
    other, secret = "files-of-others", "a-secret-of-the-other-stack"
    keep(cloud, secret, name=f"/{other}/upload-secrets")
    # The emulator takes the condition for true that is false where the parameter is left out: this is what stands there then.
    given = {"UploadSecrets": f"ssm:/{other}/upload-secrets", "MetricsNamespace": "Others"}
    outputs = cloud.deploy(other, **given, **{name: PARAMETERS[name] for name in ("Architecture", "Alarms")})
    assert outputs["BucketName"] != cloud.outputs["BucketName"]
    base_url, body, path = cloud.local(outputs["BaseUrl"]), content(KIB), f"{names()}/photo.jpg"
    url, typed = f"{base_url}/{path}", {"Content-Type": "image/jpeg"}
    await assert_takes_one_file(http, f"{url}?{tokens.v1(secret, path, KIB)}", typed, body)
    await assert_served(http, url, body, "image/jpeg", "photo.jpg")
    for stranger in (f"{url}?{tokens.v1(KEY, path, KIB)}", f"{cloud.base_url}/{path}?{tokens.v1(secret, path, KIB)}"):
        async with http.put(stranger, data=body, headers=typed) as answer:
            assert answer.status == 403, await answer.text()
    assert not keys(cloud, f"uploads/{path}")


def setting(parameter: str) -> str:
    """`SlotCredentials` is SLOT_CREDENTIALS."""
    return re.sub("(?<!^)(?=[A-Z])", "_", parameter).upper()


def id_to_name(function: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "-", function.removesuffix("Function")).lower()
