"""Debian's Prometheus, scraping one address every second."""

import json
import urllib.parse
import urllib.request
from pathlib import Path

from server import HOST, Server, free_port

CONFIGURATION = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: satchel
    static_configs: [{{ targets: ["{target}"] }}]
"""


class Prometheus(Server):
    name = "prometheus"

    def __init__(self, folder: Path, target: str):
        super().__init__(folder)
        self.port = free_port()
        (self.folder / "prometheus.yml").write_text(CONFIGURATION.format(target=target))

    def command(self) -> list[str]:
        return [
            "/usr/bin/prometheus",
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
        ]

    def environment(self) -> dict[str, str]:
        return {}

    def is_ready(self) -> bool:
        """It answers 503 until it is."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def query(self, expression: str) -> list[dict]:
        """The result of an instant query; a wrong expression raises HTTPError."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/api/v1/query?{query}", timeout=120) as answer:
            return json.load(answer)["data"]["result"]
