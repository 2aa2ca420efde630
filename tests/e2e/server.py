"""Real servers as child processes: each with a folder, a log and free ports of its own, stopped by its process id."""

import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 120
STOP_SECONDS = 120

started: list["Server"] = []
"""Every server of this test run, for the logs of a failed test."""


class Server:
    """A child process whose output goes to `<folder>/<name>.log`."""

    name = "server"

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{self.name}.log"
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def directory(self) -> Path:
        """Where it is started."""
        return self.folder

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self):
        """Starts the process and waits until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment(), cwd=self.directory(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if self not in started:
            started.append(self)
        wait_until(lambda: self.exited() or self.is_ready(), START_SECONDS, f"{self.name} to answer")
        assert not self.exited(), f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}"
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signals the process (if it still runs), waits for its end and gives its exit code."""
        if not self.exited():
            self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Waits for the end of the process and gives its exit code."""
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end:\n{self.log_tail()}") from None

    def exited(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            if self.process is not None:
                self.stop()
            raise

    def __exit__(self, *_):
        self.stop()


def wait_until(condition, seconds: float, what: str):
    """Polls until the condition holds and gives its value; fails after that many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return value


# Below the range that the system takes ports of outgoing connections from: nothing takes one of these by chance before
# the server that it was chosen for has it.
FREE_PORTS = range(10_000, 32_000)
given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that this process has given to no other server."""
    while True:
        port = random.choice(FREE_PORTS)
        with socket.socket() as listener:
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
        if port not in given:
            given.add(port)
            return port


def accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((HOST, port)) == 0


def answers_http(url: str) -> bool:
    """Whether anything answers there, with any status."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        return False
    return True
