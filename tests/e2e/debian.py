"""The releases of Debian whose servers are tested: this machine's, and a newer one unpacked into a folder to chroot into."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from server import REPOSITORY


@dataclass(frozen=True)
class Debian:
    """A release. What runs in it finds the folder of a server at the same path as the tests do, and nothing else of theirs."""

    name: str
    root: Path = Path("/")

    def folder(self, folder: Path) -> Path:
        """A folder for a server, in or below this one."""
        if self.root == Path("/"):
            return folder
        seen = folder / self.name
        kept = self.root / seen.relative_to("/")
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        folder.mkdir(parents=True, exist_ok=True)
        seen.symlink_to(kept)
        return seen

    def command(self, *arguments: str) -> list[str]:
        if self.root == Path("/"):
            return list(arguments)
        return ["/usr/sbin/chroot", str(self.root), *arguments]

    def find(self, pattern: str) -> Path:
        """The first path that there is, as what runs in it sees it."""
        found = next(self.root.glob(pattern.removeprefix("/")))
        return Path("/") / found.relative_to(self.root)


BOOKWORM = Debian("bookworm")
TRIXIE = Debian("trixie", REPOSITORY / "target/e2e-trixie")
