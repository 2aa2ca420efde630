"""template.yaml as plain data: CloudFormation's short tags written out, `!Ref x` as `{"Ref": "x"}`."""

import yaml

from server import REPOSITORY


class Loader(yaml.SafeLoader):
    pass


def tagged(loader: Loader, tag: str, node: yaml.Node):
    read = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    value = read.get(type(node), loader.construct_mapping)(node, *([] if isinstance(node, yaml.ScalarNode) else [True]))
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", tagged)

TEMPLATE = yaml.load((REPOSITORY / "template.yaml").read_text(), Loader)


def functions() -> dict[str, dict]:
    """Properties of the functions, by the folder of their sources."""
    found = [resource for resource in TEMPLATE["Resources"].values() if resource["Type"] == "AWS::Serverless::Function"]
    defaults = TEMPLATE["Globals"]["Function"]
    return {resource["Properties"]["CodeUri"].removeprefix("functions/"): defaults | resource["Properties"] for resource in found}


def routes(properties: dict) -> set[tuple[str, str]]:
    """Methods and paths of a function."""
    events = [event["Properties"] for event in properties["Events"].values() if event["Type"] == "Api"]
    return {(event["Method"].upper(), event["Path"]) for event in events}


def grants(properties: dict) -> set[tuple[str, str]]:
    """Actions, and what they are granted on: a prefix of the bucket, the bucket, or the name of a secret."""
    statements = [statement for policy in properties["Policies"] for statement in policy["Statement"]]
    chosen = [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in statements]
    return {(action, on(to)) for grant in chosen for action in several(grant["Action"]) for to in several(grant["Resource"])}


def on(resource: dict) -> str:
    if "Fn::GetAtt" in resource:
        return "the bucket"
    text = resource["Fn::Sub"]
    return text.rsplit("Bucket.Arn}/")[-1].rsplit("${AWS::StackName}/")[-1].removesuffix("-??????")


def several(value) -> list:
    return value if isinstance(value, list) else [value]
