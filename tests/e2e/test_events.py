"""Every function under AWS's Runtime Interface Emulator, with the event files of infra/events."""

import json
from pathlib import Path

import pytest

import rie
import template
from roster_admin import RosterAdmin
from s3 import S3
from server import REPOSITORY

BUCKET = "satchel"
GREETING = b"Hello, Romeo\n"
DUE = "uploads/demo/due.txt"
HTTP_SHAPES = ("rest", "http", "url")
SHAPES = {"Api": HTTP_SHAPES, "EventBridgeRule": ("s3", "eventbridge"), "ScheduleV2": ("schedule", "dry-run")}
FUNCTIONS = sorted(path.parents[1].name for path in (REPOSITORY / "functions").glob("*/src/main.rs"))
FILES = sorted(path.stem for path in rie.EVENTS.glob("*.json") if path.stem not in ("environment", "malformed"))


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """With a file for the downloads of each shape, and one that expired long ago."""
    with S3(tmp_path_factory.mktemp("s3")) as running:
        client = running.client()
        for shape in HTTP_SHAPES:
            client.put_object(Bucket=BUCKET, Key=f"uploads/demo/stored-{shape}.txt", Body=GREETING, ContentType="text/plain")
        client.put_object(Bucket=BUCKET, Key=DUE, Body=GREETING, Metadata={"expires": "1"})
        client.put_object(Bucket=BUCKET, Key=f"expiry/1970-01-01T00/0001/{DUE}")
        yield running


@pytest.fixture(scope="module")
def prosody():
    with RosterAdmin() as running:
        yield running


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request, s3, prosody, tmp_path_factory):
    settings = s3.settings() | {"SATCHEL_PROSODY_REFRESH_URL": prosody.url}
    with rie.Function(tmp_path_factory.mktemp(request.param), request.param, settings) as running:
        yield running


def uploaded(answer: dict, s3: S3, shape: str):
    assert answer["statusCode"] == 201, answer
    stored = s3.client().get_object(Bucket=BUCKET, Key=f"uploads/demo/{shape}.txt")
    assert stored["Body"].read() == GREETING


def downloaded(answer: dict, s3: S3, shape: str):
    assert answer["statusCode"] == 307, answer
    assert rie.header(answer, "location").startswith(f"{s3.endpoint}/{BUCKET}/uploads/demo/stored-{shape}.txt?")


def slot_granted(answer: dict, s3: S3, shape: str):
    assert answer["statusCode"] == 200, answer
    assert f'put url="{s3.endpoint}/{BUCKET}/incoming/' in json.loads(rie.body(answer))["stanza"].replace("\\", "")


def sealed(answer: dict, s3: S3, shape: str):
    assert answer["sealed"] == 1, answer
    assert s3.client().get_object(Bucket=BUCKET, Key=f"uploads/demo/{shape}.txt")["Body"].read() == GREETING


def resumable(answer: dict, s3: S3, shape: str):
    assert answer["statusCode"] == 201, answer
    assert f"/demo/resumed-{shape}.txt?" in rie.header(answer, "location")


def fetched(answer: dict, s3: S3, shape: str):
    assert (answer["statusCode"], json.loads(rie.body(answer))) == (200, {}), answer


def refreshed(answer: dict, s3: S3, shape: str):
    if shape in HTTP_SHAPES:
        assert answer["statusCode"] == 200, answer
        answer = json.loads(rie.body(answer))
    assert answer["updated"] == 1, answer


def expired(answer: dict, s3: S3, shape: str):
    """One file is due, and stays in a dry run."""
    dry = shape == "dry-run"
    assert (answer["dry_run"], answer["expired"]["objects"], answer["errors"]) == (dry, 1, 0), answer
    assert s3.client().list_objects_v2(Bucket=BUCKET, Prefix=DUE)["KeyCount"] == dry


EXPECTED = {
    "component": slot_granted,
    "download": downloaded,
    "expire": expired,
    "resume": resumable,
    "roster-fetch": fetched,
    "roster-refresh": refreshed,
    "seal": sealed,
    "upload": uploaded,
}
"""What each function makes of its event files."""


def test_each_event_file_is_understood(function, s3):
    for name in FILES:
        if name.startswith(f"{function.name}-"):
            shape = name.removeprefix(f"{function.name}-")
            event = rie.event(name)
            lay_out(event, s3)
            EXPECTED[function.name](function.invoke(event), s3, shape)


def lay_out(event: dict, s3: S3):
    """Puts there what an S3 event says has arrived."""
    keys = [record["s3"]["object"]["key"] for record in event.get("Records", [])]
    keys += [event["detail"]["object"]["key"]] if "detail" in event else []
    for key in (key for key in keys if key.startswith("incoming/")):
        s3.client().put_object(Bucket=BUCKET, Key=key, Body=GREETING)


def test_there_is_a_file_for_every_shape(function):
    kinds = {event["Type"] for event in template.functions()[function.name]["Events"].values()}
    wanted = {shape for kind in kinds for shape in SHAPES[kind]}
    shapes = {name.removeprefix(f"{function.name}-") for name in FILES if name.startswith(f"{function.name}-")}
    assert shapes == wanted


MALFORMED = [rie.event("malformed"), {}, [], None, 7, "text", {"httpMethod": 7}, {"Records": [{"s3": 7}]}, {"detail": {}}]
UNCLEAR = [{"dry_run": unclear} for unclear in ("true", 1, None, [], {})]
"""What `expire` refuses. It runs at any other event, as a schedule may send what it likes."""


def test_what_is_no_event_is_answered_and_the_function_lives_on(function):
    function.invoke(rie.event("malformed"))
    process = bootstrap_of(function)
    for event in UNCLEAR if function.name == "expire" else MALFORMED:
        answer = function.invoke(event)
        if "statusCode" in answer:
            assert answer["statusCode"] in (400, 404), answer
        elif "errorType" not in answer:
            assert event == {"detail": {}} and not any(answer.values()), "an event of another kind, of which nothing is made"
        else:
            assert answer["errorType"].endswith("Error"), answer
            subject = "dry_run is " if function.name == "expire" else "the event "
            assert answer["errorMessage"].startswith(subject), answer
    assert bootstrap_of(function) == process, "it has died and was started again"


def bootstrap_of(function: rie.Function) -> int:
    """The process id of the function itself."""
    threads = Path(f"/proc/{function.process.pid}/task").iterdir()
    [pid] = [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
    return pid
