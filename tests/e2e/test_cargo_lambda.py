"""cargo-lambda as the README has it: `watch` and `invoke` with the routes of CargoLambda.toml, and `deploy`."""

import json
import re
import tomllib
from pathlib import Path

import pytest

import rie
import sam
from event_files import FUNCTIONS, GREETING, understood, world
from ministack import KEYS, REGION, payload
from satchel import clean_environment
from server import HOST, REPOSITORY, Server, accepts_connections, free_port
from uses import function_name

PACKAGES = REPOSITORY / "target/lambda"
"""What `tests/sam-build` has had cargo-lambda build."""


class Watch(Server):
    """The emulator, which compiles a function when it is first asked for. `tests/e2e/run` has done so."""

    name = "cargo-lambda"

    def __init__(self, folder: Path, settings: dict[str, str]):
        super().__init__(folder)
        self.port = free_port()
        self.settings = settings

    def command(self) -> list[str]:
        return [str(sam.VENV / "bin/cargo-lambda"), "lambda", "watch", *self.address(), "--ignore-changes"]

    def directory(self) -> Path:
        return REPOSITORY

    def environment(self) -> dict[str, str]:
        return clean_environment() | {"AWS_REGION": "us-east-1"} | self.settings

    def is_ready(self) -> bool:
        return accepts_connections(self.port)

    def address(self) -> list[str]:
        return ["-A", HOST, "-P", str(self.port)]


class Watched:
    """One of its functions, invoked by name."""

    def __init__(self, watch: Watch, name: str):
        self.watch, self.name = watch, name

    def invoke(self, event):
        file = self.watch.folder / "event.json"
        file.write_text(json.dumps(event))
        return json.loads(sam.run("cargo-lambda", "lambda", "invoke", *self.watch.address(), self.name, "--data-file", str(file)))


@pytest.fixture
def there(tmp_path):
    with world(tmp_path / "s3") as running:
        yield running


@pytest.fixture
def watch(tmp_path, there, request):
    settings = rie.ENVIRONMENT[rie.logical_id(request.param)] | there[1]
    with Watch(tmp_path / "watch", settings) as running:
        yield running


@pytest.mark.parametrize(("watch", "name"), [(name, name) for name in FUNCTIONS], indirect=["watch"], ids=FUNCTIONS)
def test_every_function_is_invoked_by_its_name(watch, name, there):
    understood(Watched(watch, name), there[0])


@pytest.mark.parametrize("watch", ["upload"], indirect=True, ids=["upload"])
async def test_the_routes_of_the_api_lead_to_functions(watch, http):
    assert Watched(watch, "upload").invoke(rie.event("upload-rest"))["statusCode"] == 201
    async with http.get(f"http://{HOST}:{watch.port}/upload/demo/rest.txt") as answer:
        assert (answer.status, await answer.read()) == (200, GREETING)
    async with http.put(f"http://{HOST}:{watch.port}/upload/demo/other.txt", data=GREETING) as answer:
        assert answer.status == 403, await answer.text()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_deployed_by_itself(cloud, name):
    client, alone = cloud.client("lambda"), f"alone-{name}"
    role = client.get_function(FunctionName=function_name(cloud, rie.logical_id(name)))["Configuration"]["Role"]
    variables = rie.ENVIRONMENT[rie.logical_id(name)] | {"SATCHEL_BUCKET": cloud.outputs["BucketName"]}
    options = ["--endpoint-url", cloud.endpoint, "--region", REGION, "--role", role, "--lambda-dir", str(PACKAGES)]
    options += [part for key, value in variables.items() for part in ("--env-var", f"{key}={value}")]
    manifest = REPOSITORY / f"functions/{name}/Cargo.toml"
    trust = KEYS | {"SSL_CERT_FILE": str(cloud.certificate)}
    command = ["cargo-lambda", "lambda", "deploy", alone, "--binary-name", name, "--manifest-path", str(manifest)]
    sam.run(*command, *options, **trust)
    try:
        deployed = client.get_function_configuration(FunctionName=alone)
        wanted = tomllib.loads(manifest.read_text())["package"]["metadata"]["lambda"]["deploy"]
        assert (deployed["MemorySize"], deployed["Timeout"]) == (wanted["memory"], wanted["timeout"]), deployed
        assert deployed["Runtime"] == "provided.al2023", deployed
        event = {"dry_run": True} if name == "expire" else {"Records": []}
        answer = payload(client.invoke(FunctionName=alone, Payload=json.dumps(event)))
        # Whatever it says of the event, it has started and understood its configuration.
        assert not re.search("exit|timed out", str(answer), re.IGNORECASE), answer
        assert {"dry_run", "statusCode", "errorType", "sealed", "usernames"} & set(answer), answer
    finally:
        client.delete_function(FunctionName=alone)
        logs = cloud.client("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{alone}")["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])
