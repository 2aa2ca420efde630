"""A tus client that sends each request when the test says so, and knows what was acknowledged."""

import http.client
from urllib.parse import urljoin, urlsplit

SECONDS = 120
CHUNK_TYPE = "application/offset+octet-stream"


class Line:
    """One connection. A request may be sent in pieces, and left without waiting for its answer."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self.target = f"{parts.path}?{parts.query}"
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)

    def begin(self, method: str, headers: dict[str, str]):
        self.connection.putrequest(method, self.target)
        for name, value in ({"Tus-Resumable": "1.0.0", "Content-Length": "0"} | headers).items():
            self.connection.putheader(name, value)
        self.connection.endheaders()

    def send(self, octets: bytes):
        self.connection.send(octets)

    def answer(self) -> http.client.HTTPResponse:
        answer = self.connection.getresponse()
        answer.body = answer.read()
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def request(method: str, url: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
    with Line(url) as line:
        line.begin(method, headers or {})
        return line.answer()


def create(endpoint: str, length: int) -> str:
    """Begins an upload and gives its URL."""
    answer = request("POST", endpoint, {"Upload-Length": str(length)})
    assert answer.status == 201, answer.body
    return urljoin(endpoint, answer.headers["Location"])


def offset(url: str) -> int:
    answer = request("HEAD", url)
    assert answer.status == 200
    return int(answer.headers["Upload-Offset"])


def begin_patch(line: Line, offset: int, length: int):
    """The head of a PATCH; its chunk is the caller's to send."""
    chunk = {"Content-Type": CHUNK_TYPE, "Content-Length": str(length), "Upload-Offset": str(offset)}
    line.begin("PATCH", chunk)


def patch(url: str, offset: int, chunk: bytes) -> int:
    """Sends a chunk that must be taken; gives the new offset."""
    with Line(url) as line:
        begin_patch(line, offset, len(chunk))
        line.send(chunk)
        return appended(line)


def appended(line: Line) -> int:
    """The new offset, once a chunk that must be taken is sent."""
    answer = line.answer()
    assert answer.status == 204, answer.body
    return int(answer.headers["Upload-Offset"])
