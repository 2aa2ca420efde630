"""Least privilege: with any one permission less, each function fails at something it is there for."""

import json

import pytest

import tokens
from cloud import KEY, PARAMETERS, keys, names, said, slot, waiting
from files import KIB, content
from ministack import STACK, payload

BODY = content(KIB)
PERMANENT = '<permanent xmlns="urn:xmpp:http:upload:purpose:0"/>'


@pytest.fixture
async def http(cloud):
    async with cloud.http() as session:
        yield session


@pytest.fixture
def unsealed(cloud):
    """No event is delivered: what waits under incoming/ stays there until a test takes it."""
    events = cloud.client("events")
    [rule] = events.list_rules(NamePrefix=f"{STACK}-SealFunction")["Rules"]
    events.disable_rule(Name=rule["Name"])
    yield
    events.enable_rule(Name=rule["Name"])


async def upload(cloud, http):
    """Stores, refuses what is there, signs for large files, deletes what is stored and what waits."""
    path = f"{names()}/stored.bin"
    for status in (201, 409):
        assert await put(cloud, http, path) == status
    assert await delete(cloud, http, path) == 204
    path = await wait_for_sealing(cloud, http)
    assert await delete(cloud, http, path) == 204
    assert not keys(cloud, f"incoming/{path}")


async def put(cloud, http, path: str) -> int:
    address, headers = f"{cloud.base_url}/{path}?{tokens.v1(KEY, path, KIB)}", {"Content-Type": "image/jpeg"}
    async with http.put(address, data=BODY, headers=headers) as answer:
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
    for address in (permanent, f"{cloud.base_url}/{await wait_for_sealing(cloud, http)}"):
        async with http.get(address) as answer:
            assert (answer.status, await answer.read()) == (200, BODY)
    assert not keys(cloud, "incoming/")


async def seal(cloud, http):
    """Seals files of every purpose, which are not there yet, and tidies up."""
    put_url, _ = await slot(cloud, http, "avatar.jpg", KIB, PERMANENT)
    await sent(http, put_url)
    await wait_for_sealing(cloud, http)
    for waits in keys(cloud, "incoming/"):
        found = cloud.client("s3").head_object(Bucket=cloud.outputs["BucketName"], Key=waits)
        created = {"key": waits, "size": found["ContentLength"], "etag": found["ETag"].strip('"')}
        detail = {"bucket": {"name": cloud.outputs["BucketName"]}, "object": created}
        event = json.dumps({"detail-type": "Object Created", "detail": detail})
        answer = cloud.client("lambda").invoke(FunctionName=function_name(cloud, "SealFunction"), Payload=event)
        assert payload(answer).get("sealed") == 1
    assert not keys(cloud, "incoming/")


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


USES = {"ComponentFunction": component, "DownloadFunction": download, "SealFunction": seal, "UploadFunction": upload}


NOT_TRIED = {
    # Of SAM's own making: sqs:SendMessage.
    ("SealFunction", None),
    # Without it S3 answers HeadObject of an unknown key with 403, the emulator with 404.
    ("SealFunction", "TellUnknownFromForbidden"),
    # Needed at the start; later the last secrets stay in force.
    *((function, name) for function in ("ComponentFunction", "UploadFunction") for name in ("ReadParameters", "ReadSecrets")),
}


@pytest.mark.parametrize("function", sorted(USES))
async def test_every_permission_is_needed(cloud, http, unsealed, function):
    await USES[function](cloud, http)
    idle = []
    for role, name, policy, grant in grants(cloud, function):
        put_policy(cloud, role, name, without(policy, grant))
        try:
            await USES[function](cloud, http)
            idle.append(grant)
        except (AssertionError, OSError):
            clear(cloud)
        finally:
            put_policy(cloud, role, name, policy)
    assert not idle, "these permissions do nothing"


def test_every_function_is_tried(cloud):
    functions = cloud.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    deployed = {found["LogicalResourceId"] for found in functions if found["ResourceType"] == "AWS::Lambda::Function"}
    assert deployed == set(USES)


def grants(cloud, function: str):
    """Each pair of an action and a resource in the policies of a function's role."""
    iam = cloud.client("iam")
    role = iam_role(cloud, function)
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in (found for found in policy["Statement"] if (function, found.get("Sid")) not in NOT_TRIED):
            for action in several(statement["Action"]):
                for resource in several(statement["Resource"]):
                    yield role, name, policy, (statement["Sid"], action, resource)


def without(policy: dict, grant: tuple[str, str, str]) -> dict:
    """The policy less one action on one resource."""
    sid, action, resource = grant
    kept = []
    for statement in policy["Statement"]:
        if statement.get("Sid") != sid:
            kept.append(statement)
            continue
        others = [one for one in several(statement["Action"]) if one != action]
        elsewhere = [one for one in several(statement["Resource"]) if one != resource]
        kept += [statement | {"Action": others}] if others else []
        kept += [statement | {"Sid": f"{sid}Too", "Action": action, "Resource": elsewhere}] if elsewhere else []
    return policy | {"Statement": kept}


def put_policy(cloud, role: str, name: str, policy: dict):
    iam = cloud.client("iam")
    if policy["Statement"]:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def several(value) -> list[str]:
    return [value] if isinstance(value, str) else value


def iam_role(cloud, function: str) -> str:
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=function_name(cloud, function))
    return configuration["Role"].rsplit("/", 1)[-1]


def function_name(cloud, function: str) -> str:
    resource = cloud.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=function)
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def clear(cloud):
    """What a failed attempt leaves waiting would confuse the next."""
    for key in keys(cloud, "incoming/"):
        cloud.client("s3").delete_object(Bucket=cloud.outputs["BucketName"], Key=key)
