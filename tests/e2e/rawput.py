"""A PUT on a bare socket: the head and each part of the body go out when the test says so."""

import socket
import struct
from urllib.parse import urlsplit

SECONDS = 120
ABORT = struct.pack("ii", 1, 0)


class RawPut:
    """Sends the head at once. With `expect` it asks the server to say when (or whether) it wants the body.

    `connection` is one to the URL's host that is there already."""

    def __init__(self, url: str, length: int, expect: bool = False, connection: socket.socket | None = None):
        parts = urlsplit(url)
        self.socket = connection or socket.create_connection((parts.hostname, parts.port), SECONDS)
        self.answers = self.socket.makefile("rb")
        head = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {length}"]
        if expect:
            head.append("Expect: 100-continue")
        self.send("\r\n".join([*head, "", ""]).encode())

    def send(self, octets: bytes):
        self.socket.sendall(octets)

    def status(self) -> int:
        """Reads the head of the next answer, an interim one included."""
        status = self.answers.readline().split(b" ")[1]
        while self.answers.readline().strip():
            pass
        return int(status)

    def abort(self):
        """Dies: the connection is reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self.close()

    def close(self):
        self.answers.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
