"""Disks of one's own, small enough to be filled and free to break."""

import subprocess
from pathlib import Path

MIB = 1024 * 1024


class SmallDisk:
    """A file system in memory, with so many bytes of room."""

    def __init__(self, at: Path, size: int):
        self.at = at
        self.size = size

    def fill(self, leave: int = 0):
        """Takes what room there is, as another program would, but for some bytes."""
        ballast = self.at / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(bytes(64 * 1024))
                    file.flush()
            except OSError:
                pass
        if leave:
            with ballast.open("r+b") as file:
                file.truncate(ballast.stat().st_size - leave)

    def clear(self):
        (self.at / "ballast").unlink()

    def __enter__(self):
        self.at.mkdir()
        mount("-t", "tmpfs", "-o", f"size={self.size}", "none", str(self.at))
        return self

    def __exit__(self, *_):
        unmount(self.at)


class BreakableDisk:
    """An ext4 file system in a file, which the kernel makes read-only when it meets an error."""

    def __init__(self, folder: Path):
        self.image = folder / "disk.img"
        self.at = folder / "disk"

    def break_down(self):
        """An error, as of a bad block. Nothing can be written from then on, by anybody."""
        device = next(line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if f" {self.at} " in line)
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("1")

    def repair(self):
        """What an administrator does then."""
        unmount(self.at)
        checked = subprocess.run(["fsck.ext4", "-fy", str(self.image)], capture_output=True, text=True)
        assert checked.returncode in (0, 1), checked.stdout + checked.stderr
        self.mount()

    def mount(self):
        mount("-o", "loop,errors=remount-ro", str(self.image), str(self.at))

    def __enter__(self):
        with self.image.open("wb") as file:
            file.truncate(256 * MIB)
        subprocess.run(["mkfs.ext4", "-q", str(self.image)], check=True)
        self.at.mkdir()
        self.mount()
        return self

    def __exit__(self, *_):
        unmount(self.at)


def unmount(at: Path):
    subprocess.run(["umount", str(at)], check=True)


def mount(*arguments: str):
    subprocess.run(["mount", *arguments], check=True)
