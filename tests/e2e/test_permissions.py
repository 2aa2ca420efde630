"""Least privilege: with any one permission less, each function fails at something it is there for."""

import json

import pytest

from cloud import keys
from ministack import STACK
from uses import USES, function_name


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


NOT_TRIED = {
    # Of SAM's own making: sqs:SendMessage.
    None,
    # Without it S3 answers HeadObject of an unknown key with 403, the emulator with 404.
    "TellUnknownFromForbidden",
    # For what is a day old.
    "ClearLeftovers",
    "AbortUploads",
    # Needed at the start; later the last secrets stay in force.
    "ReadParameters",
    "ReadSecrets",
}
"""Names of statements."""


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
        for statement in (found for found in policy["Statement"] if found.get("Sid") not in NOT_TRIED):
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


def clear(cloud):
    """What a failed attempt leaves waiting would confuse the next."""
    for key in keys(cloud, "incoming/"):
        cloud.client("s3").delete_object(Bucket=cloud.outputs["BucketName"], Key=key)
