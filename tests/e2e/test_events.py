"""Every function under AWS's Runtime Interface Emulator, with the event files of infra/events."""

from pathlib import Path

import pytest

import rie
import template
from event_files import FILES, FUNCTIONS, HTTP_SHAPES, understood, world

SHAPES = {"Api": HTTP_SHAPES, "EventBridgeRule": ("s3", "eventbridge"), "ScheduleV2": ("schedule", "dry-run")}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with world(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request, there, tmp_path_factory):
    _, settings = there
    with rie.Function(tmp_path_factory.mktemp(request.param), request.param, settings) as running:
        yield running


def test_each_event_file_is_understood(function, there):
    understood(function, there[0])


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
