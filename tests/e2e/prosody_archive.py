"""What Prosody remembers of the slots that it has given: its archive `uploads`, in either of two stores."""

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from prosody import Prosody, stored

DAY = 24 * 60 * 60


class SqlArchive:
    """In SQLite, as infra/xmpp has it."""

    def __init__(self, prosody: Prosody):
        self.file = prosody.folder / "data/prosody.sqlite"

    def ages(self) -> list[int]:
        """The ages of what is there, in days, oldest first."""
        with closing(sqlite3.connect(self.file)) as database:
            times = database.execute("""SELECT "when" FROM prosodyarchive WHERE store = 'uploads' ORDER BY "when" """)
            return [round((time.time() - when) / DAY) for (when,) in times]

    def multiply(self, count: int, days: int):
        """Puts `count` more beside each slot, as old as that."""
        copy = """
            INSERT INTO prosodyarchive (host, user, store, key, "when", "with", type, value)
            WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
            SELECT host, user, store, 'copy-' || number, "when" - ?, "with", type, value
            FROM prosodyarchive, numbers WHERE store = 'uploads'
        """
        with closing(sqlite3.connect(self.file)) as database, database:
            database.execute(copy, (count, days * DAY))


class ListArchive:
    """In a file of Lua, Prosody's default."""

    def __init__(self, prosody: Prosody, service: str):
        self.file: Path = prosody.folder / "data" / stored(service) / "uploads.list"

    def multiply(self, count: int, days: int):
        """Puts `count` more beside the one slot, as old as that."""
        [item] = re.findall(r"^item\(\{.*?^\}\);\n", self.file.read_text(), re.MULTILINE | re.DOTALL)
        older = re.sub(r'(?<=\["when"\] = )\d+', lambda when: str(int(when[0]) - days * DAY), item)
        keyed = [re.sub(r'(?<=\["key"\] = ")[^"]+', f"copy-{number}", older) for number in range(count)]
        self.file.write_text("".join(keyed) + item)
        self.file.with_suffix(".lidx").unlink(missing_ok=True)
