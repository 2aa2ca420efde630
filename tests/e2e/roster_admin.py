"""Where Prosody's mod_http_roster_admin would take refreshes: notes what it is told, and is content."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server import HOST


class RosterAdmin:
    """A server at `url`; `told` has the lists of user names."""

    def __init__(self):
        self.told: list[list[str]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                report = json.dumps({"status": "ok", "message": "", "updated": len(told[-1]), "errors": 0}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(report)))
                self.end_headers()
                self.wfile.write(report)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}/roster_admin/refresh"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
