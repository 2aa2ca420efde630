"""Names as Prosody itself prepares them: its own library, asked for every character, and for texts of several.

`python names.py` writes the table of tests/names anew, which Satchel's tests read."""

import subprocess
from itertools import groupby

from debian import BOOKWORM, Debian
from server import REPOSITORY

TABLE = REPOSITORY / "tests/names/prosody.txt"
SURROGATES = range(0xD800, 0xE000)
UNCHANGED, REFUSALS = "=;=", ("-;-", "-;=")
ASK = """
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
local profiles = require "util.encodings".stringprep
for line in io.lines() do
	local text = line:gsub("%x+ ?", function (digits) return utf8.char(tonumber(digits, 16)) end)
	local answers = {}
	for profile in ("nodeprep nameprep"):gmatch("%a+") do
		local prepared = profiles[profile](text)
		local points = {}
		for _, point in utf8.codes(prepared or "") do points[#points + 1] = ("%X"):format(point) end
		answers[#answers + 1] = prepared and table.concat(points, " ") or "-"
	end
	print(table.concat(answers, ";"))
end
"""


def prepared(texts: list[str], debian: Debian = BOOKWORM) -> list[str]:
    """What becomes of each text in nodeprep and nameprep, all of them code points in hexadecimal; `-` where it is refused."""
    command = debian.command("/usr/bin/lua5.4", "-e", ASK)
    asked = subprocess.run(command, input="\n".join(texts) + "\n", text=True, capture_output=True, check=True)
    return asked.stdout.splitlines()


def table(texts: list[str], debian: Debian = BOOKWORM) -> str:
    """A line for each range of characters that are refused, for each other one that is changed, and for each of the texts."""
    points = [f"{point:X}" for point in range(1, 0x110000) if point not in SURROGATES]
    lines = ["# As Prosody prepares them: text or range > nodeprep; nameprep. All other characters stay as they are."]
    for answer, run in groupby(zip(points, prepared(points, debian)), lambda pair: verdict(*pair)):
        run = [point for point, _ in run]
        if answer in REFUSALS:
            lines.append(f"{run[0]}..{run[-1]} > {answer}")
        elif answer != UNCHANGED:
            lines += [f"{point} > {answer}" for point in run]
    lines += [f"{text} > {answer}" for text, answer in zip(texts, prepared(texts, debian))]
    return "\n".join(lines) + "\n"


def verdict(point: str, answer: str) -> str:
    """The answer, with `=` for the very same character."""
    return ";".join("=" if prepared == point else prepared for prepared in answer.split(";"))


def texts() -> list[str]:
    """The texts of the table: what is no single character and no range."""
    inputs = (line.split(" >")[0] for line in TABLE.read_text().splitlines()[1:])
    return list(dict.fromkeys(text for text in inputs if " " in text))


if __name__ == "__main__":
    TABLE.write_text(table(texts()))
