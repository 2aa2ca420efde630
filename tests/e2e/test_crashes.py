"""The stack is killed in the middle of all that it does at once, again and again. What it has acknowledged is there."""

import hashlib
import http.client
import json
import random
import signal
import threading
from urllib.parse import urljoin, urlsplit

import tokens
from files import KIB, content
from rosters import APP, AUTHORIZED
from satchel import SECRET, Satchel
from server import HOST
from tus import CHUNK_TYPE

KILLS = 20
ACKNOWLEDGED_BEFORE_A_KILL = range(20, 120)
SIZES = (0, 1, KIB, 40 * KIB, 300 * KIB)
CHUNK = 100 * KIB
UPLOAD = 4 * CHUNK
WORKERS = 2
BLOCK = content(UPLOAD)


def body(name: str, size: int) -> bytes:
    """Bytes that no other file has."""
    return (hashlib.sha256(name.encode()).digest() + BLOCK)[:size]


class Ledger:
    """What was asked for, and what was acknowledged of it. Tells when it is time to kill."""

    def __init__(self):
        self.lock = threading.Lock()
        self.files: dict[str, int] = {}
        self.tried: dict[str, int] = {}
        self.offsets: dict[str, tuple[str, int]] = {}
        self.contacts: set[tuple[str, str]] = set()
        self.begin()

    def begin(self):
        self.left = random.choice(ACKNOWLEDGED_BEFORE_A_KILL)
        self.enough = threading.Event()

    def note(self, act):
        with self.lock:
            act()
            self.left -= 1
            if self.left <= 0:
                self.enough.set()


class Worker(threading.Thread):
    """One client over one connection after another, until the stack is gone."""

    def __init__(self, stack: Satchel, ledger: Ledger, name: str):
        super().__init__(name=name)
        self.stack = stack
        self.ledger = ledger
        self.failure: AssertionError | None = None

    def run(self):
        number = 0
        try:
            while True:
                self.once(f"{self.name}-{number}")
                number += 1
        except (OSError, http.client.HTTPException):
            return
        except AssertionError as failure:
            self.failure = failure
            self.ledger.enough.set()

    def ask(self, method: str, url: str, octets: bytes = b"", headers: dict[str, str] | None = None):
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(HOST, self.stack.port, timeout=120)
        try:
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), octets, headers or {})
            answer = connection.getresponse()
            answer.body = answer.read()
            return answer
        finally:
            connection.close()

    def once(self, name: str):
        raise NotImplementedError


class Uploads(Worker):
    def once(self, name: str):
        size = random.choice(SIZES)
        path = f"files/{name}"
        self.ledger.tried[path] = size
        answer = self.ask("PUT", self.stack.url(path, tokens.v1(SECRET, path, size)), body(path, size))
        assert answer.status == 201, answer.body
        self.ledger.note(lambda: self.ledger.files.update({path: size}))
        assert self.ask("GET", self.stack.url(path)).body == body(path, size)


class Resumes(Worker):
    def once(self, name: str):
        path = f"resumed/{name}"
        self.ledger.tried[path] = UPLOAD
        whole = body(path, UPLOAD)
        endpoint = self.stack.url(path, tokens.v1(SECRET, path, UPLOAD)).replace("/upload/", "/resume/")
        headers = {"Tus-Resumable": "1.0.0"}
        begun = self.ask("POST", endpoint, headers=headers | {"Upload-Length": str(UPLOAD)})
        assert begun.status == 201, begun.body
        url = urljoin(endpoint, begun.headers["Location"])
        for at in range(0, UPLOAD, CHUNK):
            self.ledger.note(lambda at=at: self.ledger.offsets.update({path: (url, at)}))
            chunk = headers | {"Upload-Offset": str(at), "Content-Type": CHUNK_TYPE}
            sent = self.ask("PATCH", url, whole[at : at + CHUNK], chunk)
            assert sent.status == 204, sent.body
        self.ledger.note(lambda: (self.ledger.offsets.pop(path), self.ledger.files.update({path: UPLOAD})))


class Contacts(Worker):
    def once(self, name: str):
        user, contact = f"user{len(name) % 3}", f"{name}@example.org"
        url = f"http://{HOST}:{self.stack.port}/contacts/{user}/{contact}"
        put = self.ask("PUT", url, b"{}", AUTHORIZED | {"Content-Type": "application/json"})
        assert put.status == 201, put.body
        self.ledger.note(lambda: self.ledger.contacts.add((user, contact)))


def check(stack: Satchel, ledger: Ledger):
    client = Worker(stack, ledger, "check")
    for path, size in ledger.tried.items():
        got = client.ask("GET", stack.url(path))
        if path in ledger.files or got.status != 404:
            assert (got.status, got.body) == (200, body(path, size)), path
    for path, (url, offset) in ledger.offsets.items():
        there = client.ask("HEAD", url, headers={"Tus-Resumable": "1.0.0"})
        assert there.status == 200 and int(there.headers["Upload-Offset"]) >= offset, path
    for user in {user for user, _ in ledger.contacts}:
        roster = json.loads(client.ask("GET", f"http://{HOST}:{stack.port}/contacts/{user}", headers=AUTHORIZED).body)
        missing = {contact for known, contact in ledger.contacts if known == user} - roster.keys()
        assert not missing, (user, missing)


def test_nothing_that_was_acknowledged_is_lost(tmp_path, capsys):
    settings = {"SATCHEL_UPLOAD_SECRETS": SECRET, "SATCHEL_ROSTER_CREDENTIALS": APP}
    ledger = Ledger()
    stack = Satchel(tmp_path / "satchel", settings)
    for kill in range(KILLS):
        ledger.begin()
        with stack:
            kinds = (Uploads, Resumes, Contacts)
            workers = [kind(stack, ledger, f"{kind.__name__.lower()}-{kill}-{at}") for kind in kinds for at in range(WORKERS)]
            for worker in workers:
                worker.start()
            assert ledger.enough.wait(120)
            stack.stop(signal.SIGKILL)
            for worker in workers:
                worker.join()
            assert not (failures := [worker.failure for worker in workers if worker.failure]), failures
    with stack:
        check(stack, ledger)
    with capsys.disabled():
        print(f"\n{KILLS} kills: {len(ledger.files)} files, {len(ledger.offsets)} unfinished, {len(ledger.contacts)} contacts")
