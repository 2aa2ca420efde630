"""Satchel's own S3 server as a process, for functions that run without the stack."""

import boto3
from pathlib import Path

from satchel import BINARY, clean_environment
from server import HOST, REPOSITORY, Server, accepts_connections, free_port

BUCKETS = ("satchel", "satchel-rosters")
KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "the tester's secret"}


class S3(Server):
    name = "s3"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.port = free_port()
        self.endpoint = f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        return [str(REPOSITORY / BINARY.with_name("satchel-s3")), str(self.folder / "data"), f"{HOST}:{self.port}"]

    def environment(self) -> dict[str, str]:
        return clean_environment() | KEYS

    def is_ready(self) -> bool:
        return accepts_connections(self.port)

    def start(self):
        super().start()
        for bucket in BUCKETS:
            self.client().create_bucket(Bucket=bucket)
        return self

    def client(self):
        keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def settings(self) -> dict[str, str]:
        """The environment that leads a function here."""
        return KEYS | {"AWS_ENDPOINT_URL_S3": self.endpoint, "SATCHEL_S3_PATH_STYLE": "true"}
