"""The event files of infra/events: what they need to be there, and what each function makes of them."""

import json
from contextlib import contextmanager

import rie
from roster_admin import RosterAdmin
from s3 import S3
from server import REPOSITORY

BUCKET = "satchel"
GREETING = b"Hello, Romeo\n"
DUE = "uploads/demo/due.txt"
HTTP_SHAPES = ("rest", "http", "url")
FUNCTIONS = sorted(path.parents[1].name for path in (REPOSITORY / "functions").glob("*/src/main.rs"))
FILES = sorted(path.stem for path in rie.EVENTS.glob("*.json") if path.stem not in ("environment", "malformed"))


@contextmanager
def world(folder):
    """S3 with a file for the downloads of each shape, and one that expired long ago; and the settings that lead there."""
    with S3(folder) as running, RosterAdmin() as prosody:
        client = running.client()
        for shape in HTTP_SHAPES:
            client.put_object(Bucket=BUCKET, Key=f"uploads/demo/stored-{shape}.txt", Body=GREETING, ContentType="text/plain")
        client.put_object(Bucket=BUCKET, Key=DUE, Body=GREETING, Metadata={"expires": "1"})
        client.put_object(Bucket=BUCKET, Key=f"expiry/1970-01-01T00/0001/{DUE}")
        yield running, running.settings() | {"SATCHEL_PROSODY_REFRESH_URL": prosody.url}


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
    location = rie.header(answer, "location")
    assert location.startswith("https://") and f"/resume/demo/resumed-{shape}.txt?" in location


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


def understood(function, s3: S3):
    """Sends a function its event files."""
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
