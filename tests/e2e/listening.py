"""Where a process listens, as the kernel has it."""

import os
import re
import socket
from pathlib import Path


def addresses(pid: int) -> set[tuple[str, int]]:
    """Its listening TCP sockets, as address and port."""
    links = [link for descriptor in Path(f"/proc/{pid}/fd").iterdir() if (link := target(descriptor))]
    inodes = {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    return {where for table in ("tcp", "tcp6") for where, inode in listening(pid, table) if inode in inodes}


def target(descriptor: Path) -> str | None:
    """What it is; nothing where it has been closed meanwhile."""
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return None


def listening(pid: int, table: str):
    for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
        _, local, _, state, *_ = fields = line.split()
        if state == "0A":
            yield read(local), fields[9]


def read(local: str) -> tuple[str, int]:
    """The kernel writes an address as numbers of four bytes, each in this machine's order, in hexadecimal."""
    address, port = local.split(":")
    octets = b"".join(bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8))
    family = socket.AF_INET if len(octets) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, octets), int(port, 16)
