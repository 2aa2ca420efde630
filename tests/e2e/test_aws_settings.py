"""AWS's own settings, as functions and program take them from the SDK: traces, certificates, TLS, profiles, roles."""

import json
import threading
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from lambda_runtime import LambdaFunction, QuietHandler
from ministack import make_certificate
import tokens
from s3 import BUCKETS, KEYS, S3
from satchel import SECRET, Satchel, clean_environment
from server import HOST, Server, accepts_connections, free_port
from test_lambda_logs import SETTINGS, TRACE, failing

# All that RFC 7905 and RFC 8422 have in common with AWS's own client where AES and the NIST's curves are missing: in TLS 1.3
# it offers AES alone.
CHACHA20, CURVE25519 = "ECDHE-RSA-CHACHA20-POLY1305", "X25519"


NGINX = """
daemon off;
user root;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ }}
http {{
	access_log off;
	server {{
		listen {host}:{port} ssl;
		ssl_certificate {folder}/certificate.pem;
		ssl_certificate_key {folder}/key.pem;
		ssl_protocols {protocols};
		ssl_ciphers {ciphers};
		ssl_ecdh_curve {curve};
		location / {{
			proxy_pass {endpoint};
			proxy_set_header X-Cipher $ssl_cipher;
			proxy_set_header X-Curve $ssl_curve;
		}}
	}}
}}
"""


class Peer:
    """A server in this process, for as long as it is needed."""

    def __init__(self):
        self.server = ThreadingHTTPServer((HOST, 0), self.handler())
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.endpoint = f"http://{HOST}:{self.server.server_port}"

    def handler(self):
        raise NotImplementedError

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Recorder(Peer):
    """An S3 that takes every object, and keeps the headers that it came with."""

    def __init__(self):
        self.requests: list[dict[str, str]] = []
        super().__init__()

    def handler(self):
        recorder = self

        class Handler(QuietHandler):
            def do_PUT(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                recorder.requests.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(200)
                self.send_header("ETag", '"0"')
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler


class TlsFront(Server):
    """Debian's nginx before it, which knows the ciphers and curves that it is told and no others."""

    name = "tls"

    def __init__(self, folder: Path, s3: Recorder, protocols: str = "TLSv1.2 TLSv1.3", ciphers: str = "HIGH", curve: str = "auto"):
        super().__init__(folder)
        self.port = free_port()
        self.endpoint, self.certificate = f"https://{HOST}:{self.port}", folder / "certificate.pem"
        make_certificate(self.certificate, folder / "key.pem")
        terms = {"protocols": protocols, "ciphers": ciphers, "curve": curve, "endpoint": s3.endpoint}
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, host=HOST, port=self.port, **terms))

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf")]

    def environment(self) -> dict[str, str]:
        return clean_environment()

    def is_ready(self) -> bool:
        return accepts_connections(self.port)


def at(endpoint: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_S3": endpoint, "SATCHEL_S3_PATH_STYLE": "true"}


def stored(settings: dict[str, str], trace: str | None = None):
    """Has the function store an upload."""
    with LambdaFunction("upload", SETTINGS | settings) as function:
        function.trace = trace
        path, answer = function.invoke(failing())
        assert path.endswith("/response") and json.loads(answer)["statusCode"] == 201, (answer, function.ended())


def test_the_trace_of_an_event_reaches_s3():
    header = f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"
    with Recorder() as s3:
        stored(at(s3.endpoint), header)
        stored(at(s3.endpoint))
    assert [request.get("x-amzn-trace-id") for request in s3.requests] == [header, None]


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_an_s3_that_has_nothing_but_chacha20_and_x25519(tmp_path: Path, variable: str):
    with Recorder() as s3, TlsFront(tmp_path / "tls", s3, "TLSv1.2", CHACHA20, CURVE25519) as tls:
        stored(at(tls.endpoint) | {variable: str(tls.certificate)})
    assert [(request["x-cipher"], request["x-curve"]) for request in s3.requests] == [(CHACHA20, CURVE25519)]


def test_another_ones_certificate_is_not_trusted(tmp_path: Path):
    make_certificate(tmp_path / "another.pem", tmp_path / "another.key")
    with Recorder() as s3, TlsFront(tmp_path / "tls", s3) as tls:
        settings = SETTINGS | at(tls.endpoint) | {"AWS_CA_BUNDLE": str(tmp_path / "another.pem")}
        with LambdaFunction("upload", settings) as function:
            _, answer = function.invoke(failing())
            assert json.loads(answer)["statusCode"] == 503
    assert s3.requests == []


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"AWS_REGION": ""}, "AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_CA_BUNDLE": "/nowhere/at-all.pem"}, "AWS_CA_BUNDLE"),
        ({"AWS_ENDPOINT_URL_S3": "no url"}, "AWS_ENDPOINT_URL_S3"),
    ],
)
def test_settings_that_cannot_work_are_named_at_the_start(settings: dict[str, str], part: str):
    with LambdaFunction("upload", SETTINGS | settings) as function:
        assert function.process.wait(120) == 2
        (line,) = [json.loads(write) for write in function.ended()]
    assert (line["level"], line["code"]) == ("FATAL", "not_started") and part in line["reason"], line


@pytest.fixture(scope="module")
def keyed_s3(tmp_path_factory):
    """An S3 that answers 403 to whoever signs with other keys."""
    with S3(tmp_path_factory.mktemp("s3")) as running:
        yield running


class RoleCredentials(Peer):
    """What a container asks for the credentials of its role (AWS: "Container credential provider")."""

    def handler(self):
        access_key, secret_key = KEYS.values()
        role = {"AccessKeyId": access_key, "SecretAccessKey": secret_key, "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}

        class Handler(QuietHandler):
            def do_GET(self):
                body = json.dumps(role).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


def uploads_and_expires(folder: Path, s3: S3, settings: dict[str, str]):
    own = {"SATCHEL_UPLOAD_SECRETS": SECRET, "SATCHEL_BUCKET": BUCKETS[0]} | at(s3.endpoint)
    with Satchel(folder, own | settings) as stack:
        url = stack.url("a file", tokens.v1(SECRET, "a file", 5))
        with urllib.request.urlopen(urllib.request.Request(url, b"hello", method="PUT"), timeout=120) as answer:
            assert answer.status == 201
        with urllib.request.urlopen(stack.url("a file"), timeout=120) as answer:
            assert answer.read() == b"hello", "by the URL that it was redirected to"
        assert stack.expire().returncode == 0


def test_a_profile_counts(tmp_path: Path, keyed_s3: S3):
    (tmp_path / "config").write_text("[profile files]\nregion = us-east-1\n")
    keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), KEYS.values(), strict=True))
    lines = "\n".join(f"{name} = {value}" for name, value in keys.items())
    (tmp_path / "credentials").write_text(f"[default]\naws_access_key_id = no\naws_secret_access_key = no\n[files]\n{lines}\n")
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    uploads_and_expires(tmp_path / "stack", keyed_s3, files | {"AWS_PROFILE": "files"})


def test_a_containers_role_counts(tmp_path: Path, keyed_s3: S3):
    with RoleCredentials() as role:
        settings = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": role.endpoint, "AWS_REGION": "us-east-1"}
        uploads_and_expires(tmp_path / "stack", keyed_s3, settings)


def test_without_credentials_the_program_does_not_start_and_says_what_to_set(tmp_path: Path, keyed_s3: S3):
    none = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    settings = at(keyed_s3.endpoint) | none | {"SATCHEL_BUCKET": BUCKETS[0], "AWS_REGION": "us-east-1"}
    stack = Satchel(tmp_path, settings)
    with pytest.raises(AssertionError, match="AWS_ACCESS_KEY_ID"):
        stack.start()
    assert stack.process.returncode == 2
