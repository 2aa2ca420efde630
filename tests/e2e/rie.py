"""A function's binary under AWS's own Runtime Interface Emulator, which comes with the SAM CLI."""

import base64
import json
import os
import urllib.request
from pathlib import Path

import server
from satchel import BINARY, clean_environment
from secrets_in import assert_no_secrets
from server import HOST, REPOSITORY, Server, accepts_connections, free_port

SAM = REPOSITORY / "target/sam-venv"
EVENTS = REPOSITORY / "infra/events"
BINARIES = REPOSITORY / BINARY.parent
ENVIRONMENT = json.loads((EVENTS / "environment.json").read_text())
"""What the event files are signed with, by logical id, as `sam local invoke --env-vars` takes it."""


class Function(Server):
    """One function, warm after the first event, with settings of the test's beside those of the event files."""

    def __init__(self, folder: Path, name: str, settings: dict[str, str]):
        self.name = name
        super().__init__(folder)
        self.port, self.runtime_port = free_port(), free_port()
        self.settings = settings

    def command(self) -> list[str]:
        emulator = next(SAM.glob("lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
        addresses = ["--runtime-interface-emulator-address", f"{HOST}:{self.port}"]
        addresses += ["--runtime-api-address", f"{HOST}:{self.runtime_port}"]
        return [str(emulator), *addresses, str(BINARIES / self.name)]

    def environment(self) -> dict[str, str]:
        lambdas = {"AWS_LAMBDA_FUNCTION_NAME": self.name, "AWS_LAMBDA_FUNCTION_TIMEOUT": "29", "AWS_REGION": "eu-central-1"}
        return clean_environment() | lambdas | ENVIRONMENT[logical_id(self.name)] | self.settings

    def is_ready(self) -> bool:
        return accepts_connections(self.port)

    def wait(self) -> int:
        code = super().wait()
        assert_no_secrets(self.log.read_text(errors="replace"), ENVIRONMENT[logical_id(self.name)] | self.settings)
        return code

    def invoke(self, event) -> dict:
        """Sends an event and gives what the function answers."""
        url = f"http://{HOST}:{self.port}/2015-03-31/functions/function/invocations"
        with urllib.request.urlopen(url, json.dumps(event).encode(), server.START_SECONDS) as answer:
            return json.load(answer)


def logical_id(function: str) -> str:
    """`roster-fetch` is RosterFetchFunction."""
    return "".join(word.capitalize() for word in function.split("-")) + "Function"


def event(name: str):
    """An event file of infra/events."""
    return json.loads((EVENTS / f"{name}.json").read_text())


def body(answer: dict) -> bytes:
    """The body of an answer to an HTTP event."""
    text = answer.get("body") or ""
    return base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()


def header(answer: dict, name: str) -> str | None:
    """A header of an answer, in whichever of API Gateway's two forms it came."""
    several = {key.lower(): values[0] for key, values in (answer.get("multiValueHeaders") or {}).items()}
    single = {key.lower(): value for key, value in (answer.get("headers") or {}).items()}
    return (several | single).get(name)
