"""The functions' binaries, run as Lambda runs them: what they print is what CloudWatch gets."""

import json

import jsonschema
import pytest

import tokens
from emf_schema import SCHEMA
from lambda_runtime import LambdaFunction
from satchel import SECRET

SETTINGS = {
    "SATCHEL_UPLOAD_SECRETS": SECRET,
    "SATCHEL_BUCKET": "bucket",
    "SATCHEL_METRICS_NAMESPACE": "Satchel/test",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "a secret of AWS",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    # Nobody is there: uploads fail.
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
}
ROSTERS = {
    "SATCHEL_PROSODY_REFRESH_URL": "http://127.0.0.1:9/refresh",
    "SATCHEL_ROSTER_CREDENTIALS": "app:a password for rosters",
}
SIZE = 5


def event(path: str, query: str) -> bytes:
    parameter, value = query.split("=", 1)
    return json.dumps(
        {
            "resource": "/upload/{path+}",
            "path": f"/upload/{path}",
            "httpMethod": "PUT",
            "headers": {"Host": "api.example.org"},
            "multiValueHeaders": {"Host": ["api.example.org"]},
            "queryStringParameters": {parameter: value},
            "multiValueQueryStringParameters": {parameter: [value]},
            "requestContext": {"stage": "prod", "requestId": "of the gateway", "identity": {}, "httpMethod": "PUT"},
            "body": "x" * SIZE,
            "isBase64Encoded": False,
        }
    ).encode()


def run(settings: dict[str, str], *events: bytes) -> list[dict]:
    """The lines that the function prints: each is JSON, and one write."""
    with LambdaFunction("upload", SETTINGS | settings) as function:
        for one in events:
            path, _ = function.invoke(one)
            assert path.endswith("/response")
        return parsed(function.ended())


def parsed(writes: list[str]) -> list[dict]:
    assert all(write.count("\n") == 1 and write.endswith("\n") for write in writes), writes
    return [json.loads(write) for write in writes]


REFUSED = event("lambda/file", "v=" + "0" * 64)


def failing() -> bytes:
    return event("lambda/file", tokens.v1(SECRET, "lambda/file", SIZE))


def test_each_request_is_one_line_that_cloudwatch_reads_metrics_from():
    lines = run({}, REFUSED, failing(), REFUSED)
    assert [line["code"] for line in lines] == ["mac_mismatch", "storage_unavailable", "mac_mismatch"]
    assert [line["level"] for line in lines] == ["WARN", "ERROR", "WARN"]
    assert [line["request_id"] for line in lines] == ["request-1", "request-2", "request-3"]
    assert [line["cold_start"] for line in lines] == [True, False, False]
    for line in lines:
        jsonschema.validate(line, SCHEMA)
        assert line["upload_errors"] == 1
        assert {directive["Namespace"] for directive in line["_aws"]["CloudWatchMetrics"]} == {"Satchel/test"}
    assert [line.get("cold_starts") for line in lines] == [1, None, None]
    assert lines[0]["signed_messages"] == [f"lambda/file {SIZE}"]


def test_a_long_line_is_one_write_as_well():
    path = "lambda/" + "x" * 900
    (line,) = run({}, event(path, "v=" + "0" * 64))
    assert line["signed_messages"] == [f"{path} {SIZE}"]


@pytest.mark.parametrize(
    ("level", "codes"),
    [
        ("TRACE", ["mac_mismatch", "storage_unavailable"]),
        ("warn", ["mac_mismatch", "storage_unavailable"]),
        ("ERROR", ["storage_unavailable"]),
        ("FATAL", []),
    ],
)
def test_what_is_below_the_level_is_not_printed(level, codes):
    assert [line["code"] for line in run({"AWS_LAMBDA_LOG_LEVEL": level}, REFUSED, failing())] == codes


def test_without_a_namespace_there_are_no_metrics():
    (line,) = run({"SATCHEL_METRICS_NAMESPACE": ""}, REFUSED)
    assert "_aws" not in line and line["code"] == "mac_mismatch"


def test_a_function_that_cannot_start_says_why_in_one_line():
    with LambdaFunction("upload", SETTINGS | {"SATCHEL_MAX_SIZE": "much", "SATCHEL_BUCKET": ""}) as function:
        assert function.process.wait(120) == 2
        (line,) = parsed(function.ended())
    assert (line["level"], line["code"]) == ("FATAL", "not_started")
    assert "SATCHEL_MAX_SIZE" in line["reason"] and "SATCHEL_BUCKET" in line["reason"]


@pytest.mark.parametrize("name", ["seal", "roster-refresh"])
def test_the_loop_says_what_it_cannot_answer_and_why_it_ends(name):
    with LambdaFunction(name, SETTINGS | ROSTERS) as function:
        path, answer = function.invoke(b"no JSON")
        assert path.endswith("/request-1/error") and "at line 1" in json.loads(answer)["errorMessage"]
        function.status = 410
        path, _ = function.invoke(b"nor this")
        assert path.endswith("/request-2/error")
        function.events.put(None)
        assert function.process.wait(120) == 1
        lines = parsed(function.ended())
    said = [(line["level"], line["code"], line.get("request_id")) for line in lines]
    failed = [("ERROR", "failed", f"request-{number}") for number in (1, 2)]
    assert said == [*failed, ("ERROR", "answer_refused", "request-2"), ("FATAL", "runtime_ended", None)]
    assert "infra/events" in lines[0]["cause"] and "410" in lines[2]["cause"] and "too late" in lines[2]["cause"]
    assert "Lambda starts another" in lines[3]["reason"]


TRACE = "1-5759e988-bd862e3fe1be46a994272793"


def test_a_line_names_the_trace_of_its_event():
    with LambdaFunction("upload", SETTINGS) as function:
        function.trace = f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"
        function.invoke(REFUSED)
        function.trace = None
        function.invoke(REFUSED)
        lines = parsed(function.ended())
    assert [line.get("xray_trace_id") for line in lines] == [TRACE, None]


def test_outside_of_lambda_a_function_says_what_it_is():
    function = LambdaFunction("upload", SETTINGS)
    del function.environment["AWS_LAMBDA_RUNTIME_API"]
    with function:
        assert function.process.wait(120) == 1
        (line,) = parsed(function.ended())
    assert (line["level"], line["code"]) == ("FATAL", "runtime_ended")
    assert "AWS_LAMBDA_RUNTIME_API" in line["reason"] and "cargo lambda watch" in line["reason"]


@pytest.mark.parametrize(
    "headers", [{"Host": "a b"}, {"Host": "a", "X-Forwarded-Proto": "no scheme"}, {"Host": ":port"}]
)
def test_a_request_that_is_none_ends_no_process(headers):
    odd = json.loads(REFUSED) | {"headers": headers}
    with LambdaFunction("upload", SETTINGS) as function:
        path, answer = function.invoke(json.dumps(odd).encode())
        assert path.endswith("/request-1/response") and json.loads(answer)["statusCode"] == 400
        path, _ = function.invoke(REFUSED)
        assert path.endswith("/request-2/response")
        lines = parsed(function.ended())
    assert [line["code"] for line in lines] == ["failed", "mac_mismatch"]


def test_a_refused_answer_to_a_request_is_told_beside_its_line():
    with LambdaFunction("upload", SETTINGS) as function:
        function.status = 413
        function.invoke(REFUSED)
        function.invoke(REFUSED)
        lines = parsed(function.ended())
    assert [line["code"] for line in lines[:3]] == ["mac_mismatch", "answer_refused", "mac_mismatch"]
    assert lines[0]["request_id"] == lines[1]["request_id"] == "request-1" and "413" in lines[1]["cause"]
