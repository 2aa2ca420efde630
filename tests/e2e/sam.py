"""The SAM CLI, in the Python environment of its own that tests/e2e/run makes."""

import os
import subprocess
from pathlib import Path

from satchel import clean_environment
from server import REPOSITORY

VENV = REPOSITORY / "target/sam-venv"
TEMPLATE = REPOSITORY / "template.yaml"
BUILD = REPOSITORY / "target/sam-build"
"""Where `tests/sam-build` leaves what `sam deploy` takes."""


def run(*command: str, **settings: str) -> str:
    """Runs a program of the environment, which must succeed, and gives what it prints."""
    ended = subprocess.run(
        [str(VENV / "bin" / command[0]), *command[1:]],
        env=environment() | settings,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, f"{' '.join(command)}:\n{ended.stdout}"
    return ended.stdout


def environment() -> dict[str, str]:
    quiet = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}
    return clean_environment() | quiet | {"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def functions() -> dict[str, Path]:
    """The logical ids of what was built, and the folders of the packages."""
    assert (BUILD / "template.yaml").exists(), "nothing is built: run tests/sam-build"
    return {folder.name: folder for folder in BUILD.iterdir() if (folder / "bootstrap").exists()}
