"""Lambda's runtime API (AWS: "Lambda runtime API") for one function at a time: hands it events, takes its answers, and
keeps what it prints, write by write."""

import os
import queue
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from satchel import BINARY, clean_environment
from secrets_in import assert_no_secrets
from server import HOST, REPOSITORY

NEXT = "/2018-06-01/runtime/invocation/next"


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections, and says nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing."""


class LambdaFunction:
    """A function's binary, run as Lambda runs it."""

    def __init__(self, name: str, settings: dict[str, str]):
        self.settings = settings
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.status = 202  # What answers are answered.
        self.trace = None  # X-Ray's header of the events.
        self.server = ThreadingHTTPServer((HOST, 0), self.handler())
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.command = [str((REPOSITORY / BINARY).parent / name)]
        self.environment = clean_environment() | settings | {
            "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        }

    def handler(self):
        function = self

        class Handler(QuietHandler):
            def do_GET(self):
                event = function.events.get()
                if event is None:
                    self.close_connection = True
                    return
                number, body = event
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{number}")
                self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:1:function:f")
                if function.trace:
                    self.send_header("Lambda-Runtime-Trace-Id", function.trace)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                status, answer = function.status, self.rfile.read(int(self.headers["Content-Length"]))
                function.answers.put((self.path, answer))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler

    def __enter__(self):
        self.thread.start()
        # A pipe in packet mode keeps writes apart, up to 4,096 bytes each (pipe(2), O_DIRECT); 16 of them can wait.
        self.output, writing = os.pipe2(os.O_DIRECT)
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.STDOUT
        )
        os.close(writing)
        return self

    def invoke(self, event: bytes) -> tuple[str, bytes]:
        """Path and body of what the function posts."""
        self.count = getattr(self, "count", 0) + 1
        self.events.put((self.count, event))
        return self.answers.get(timeout=120)

    def ended(self) -> list[str]:
        """What each of its writes has printed, once it has been stopped."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=120)
        writes = []
        while write := os.read(self.output, 65_536):
            writes.append(write.decode())
        assert_no_secrets("".join(writes), self.settings)
        return writes

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=120)
        os.close(self.output)
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
