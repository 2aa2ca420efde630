"""What must never be in any output: secrets, tokens, presigned URLs, whole JIDs."""

import base64
import re
from urllib.parse import urlsplit

# Not SATCHEL_SECRETS_REFRESH, which is a number.
SECRET_SETTINGS = re.compile(r"SECRETS?$|SECRET_ACCESS_KEY$|CREDENTIALS$")
MARKS = {
    "a presigned URL": re.compile(r"X-Amz-\w+"),
    "a JWT": re.compile(r"eyJ[\w-]{8,}"),
    "an Authorization header": re.compile(r"\b(?:Bearer|Basic) \S"),
    "a MAC": re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])"),
    "a JID": re.compile(r"[\w.+-]+@(?:localhost|[\w-]+(?:\.[\w-]+)+)"),
}
# File names may look like anything, and are what was signed.
SIGNED = re.compile(r'"?signed_messages"?[=:] ?\[.*?\](?=[ ,}]|$)', re.MULTILINE)


def secrets_of(name: str, value: str) -> list[str]:
    if SECRET_SETTINGS.search(name):
        return [line for line in value.splitlines() if line]
    password = urlsplit(value).password if "://" in value else None
    return [password] if password else []


def assert_no_secrets(output: str, settings: dict[str, str]):
    # A placeholder in the lines to paste, which reads like an address.
    output = output.replace("USER:PASSWORD@", "")
    output = SIGNED.sub("", output)
    for name, value in settings.items():
        for secret in secrets_of(name, value):
            encoded = base64.b64encode(secret.encode()).decode()
            assert secret not in output and encoded not in output, f"{name} in:\n{output}"
    for what, mark in MARKS.items():
        found = mark.search(output)
        assert not found, f"{what}, {found[0]!r}, in:\n{output}"
