"""`cargo lambda watch` and `cargo lambda invoke`, as the README has them: the stack's S3, the routes of CargoLambda.toml."""

import json
from pathlib import Path

import pytest

import rie
import sam
from satchel import Satchel, clean_environment
from server import HOST, REPOSITORY, Server, accepts_connections, free_port

GREETING = b"Hello, Romeo\n"


class Watch(Server):
    """The emulator, which compiles a function when it is first asked for. `tests/e2e/run` has done so."""

    name = "cargo-lambda"

    def __init__(self, folder, settings: dict[str, str]):
        super().__init__(folder)
        self.port = free_port()
        self.settings = settings

    def command(self) -> list[str]:
        return [str(sam.VENV / "bin/cargo-lambda"), "lambda", "watch", *self.address(), "--ignore-changes"]

    def directory(self) -> Path:
        return REPOSITORY

    def environment(self) -> dict[str, str]:
        return clean_environment() | self.settings

    def is_ready(self) -> bool:
        return accepts_connections(self.port)

    def address(self) -> list[str]:
        return ["-A", HOST, "-P", str(self.port)]

    def invoke(self, function: str, event: str):
        file = str(rie.EVENTS / f"{event}.json")
        return json.loads(sam.run("cargo-lambda", "lambda", "invoke", *self.address(), function, "--data-file", file))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Satchel(tmp_path_factory.mktemp("satchel")) as running:
        yield running


@pytest.fixture(scope="module")
def watch(tmp_path_factory, stack):
    s3 = {"AWS_ENDPOINT_URL_S3": f"http://{HOST}:{stack.s3_port}", "SATCHEL_S3_PATH_STYLE": "true"}
    secret = (stack.folder / "data/s3-secret").read_text().strip()
    keys = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "satchel", "AWS_SECRET_ACCESS_KEY": secret}
    with Watch(tmp_path_factory.mktemp("watch"), rie.ENVIRONMENT["UploadFunction"] | s3 | keys) as running:
        yield running


@pytest.mark.timeout(900)
async def test_functions_are_invoked_by_name_and_by_route(watch, http):
    answer = watch.invoke("upload", "upload-rest")
    assert answer["statusCode"] == 201, answer
    assert watch.invoke("upload", "upload-rest")["statusCode"] == 409
    async with http.get(f"http://{HOST}:{watch.port}/upload/demo/rest.txt") as answer:
        assert (answer.status, await answer.read()) == (200, GREETING)
    async with http.put(f"http://{HOST}:{watch.port}/upload/demo/other.txt", data=GREETING) as answer:
        assert answer.status == 403, await answer.text()
