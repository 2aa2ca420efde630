"""Debian's Chromium, headless, driven through chromedriver's WebDriver protocol (W3C)."""

import json
import urllib.request
from pathlib import Path

from satchel import clean_environment
from server import HOST, Server, answers_http, free_port

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
]
SCRIPT_SECONDS = 120


class Browser(Server):
    """chromedriver with one session: one Chromium with a fresh profile."""

    name = "chromedriver"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.port = free_port()
        self.session = ""

    def command(self) -> list[str]:
        return ["/usr/bin/chromedriver", f"--port={self.port}", "--allowed-ips=127.0.0.1"]

    def environment(self) -> dict[str, str]:
        return clean_environment() | {"HOME": str(self.folder), "TMPDIR": str(self.folder)}

    def is_ready(self) -> bool:
        return answers_http(f"http://{HOST}:{self.port}/status")

    def start(self):
        super().start()
        options = {"binary": "/usr/bin/chromium", "args": [*FLAGS, f"--user-data-dir={self.folder / 'profile'}"]}
        wanted = {"goog:chromeOptions": options, "timeouts": {"script": SCRIPT_SECONDS * 1000}}
        created = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{created['sessionId']}"
        return self

    def stop(self, *how) -> int:
        if self.session and not self.exited():
            self.call("DELETE", self.session)
        return super().stop(*how)

    def open(self, url: str):
        self.call("POST", f"{self.session}/url", {"url": url})

    def run(self, script: str, *arguments):
        """Runs the body of an async JavaScript function in the open page and gives what it returns."""
        asynchronous = f"""
            const done = arguments[arguments.length - 1];
            (async (...parameters) => {{ {script} }})(...Array.from(arguments).slice(0, -1))
                .then(value => done({{value}}), error => done({{error: String(error)}}));
        """
        result = self.call("POST", f"{self.session}/execute/async", {"script": asynchronous, "args": list(arguments)})
        assert "error" not in result, result["error"]
        return result.get("value")

    def devtools(self, command: str, **parameters):
        """A command of the Chrome DevTools Protocol; what it evaluates is not under the page's own policy."""
        body = {"cmd": command, "params": parameters}
        return self.call("POST", f"{self.session}/goog/cdp/execute", body)

    def evaluate(self, expression: str):
        """The value of a JavaScript expression in the open page."""
        result = self.devtools("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def call(self, method: str, path: str, parameters: dict | None = None):
        body = None if parameters is None else json.dumps(parameters).encode()
        request = urllib.request.Request(f"http://{HOST}:{self.port}{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=SCRIPT_SECONDS + 30) as answer:
            return json.load(answer)["value"]
