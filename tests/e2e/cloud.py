"""The deployed stack as its clients use it."""

import base64
import json
import time
from xml.etree import ElementTree

import slots
import tokens
from ministack import STACK
from satchel import SECRET

KEY = SECRET
TYPE = "application/octet-stream"
KEPT_IN = f"/{STACK}/upload-secrets"
COMPONENT_CALLER = "prosody:a-password-of-the-tests"
ROSTER_CALLER = "app:a-password-of-the-tests"
PARAMETERS = {
    "UploadSecrets": f"ssm:{KEPT_IN}",
    "SecretsRefresh": "1",
    "MetronomeDeleteSecret": "another-secret-of-the-tests",
    "ComponentCredentials": f"ssm:/{STACK}/component-credentials",
    "SlotCredentials": "a-secret-segment",
    "DailyQuota": "1000000000",
    "RosterCredentials": f"secretsmanager:{STACK}/roster-credentials",
    "ProsodyRefreshUrl": f"ssm:/{STACK}/prosody-refresh-url",
    "Architecture": "x86_64",
    # The emulator has no alarms on several metrics.
    "Alarms": "false",
}


def keep(cloud, *secrets: str, name: str = KEPT_IN):
    """Puts secrets into Parameter Store, as README.md has it."""
    parameter = {"Name": name, "Type": "SecureString", "Value": "\n".join(secrets)}
    cloud.client("ssm").put_parameter(**parameter, Overwrite=True)


def keep_all(cloud, prosody_url: str):
    """The secrets that the parameters refer to, in both of AWS's services."""
    keep(cloud, KEY)
    keep(cloud, COMPONENT_CALLER, name=f"/{STACK}/component-credentials")
    keep(cloud, prosody_url, name=f"/{STACK}/prosody-refresh-url")
    cloud.client("secretsmanager").create_secret(Name=f"{STACK}/roster-credentials", SecretString=ROSTER_CALLER)


def names(prefix: str = "") -> str:
    """A name that nobody has used."""
    return f"{prefix}{time.time_ns():x}"


async def waiting(cloud, http, path: str, size: int) -> str:
    """Where a front sends the body of an upload."""
    headers = expiring(path, size) | {"Content-Type": TYPE, "X-Upload-Length": str(size)}
    async with http.put(f"{cloud.base_url}/{path}", headers=headers, allow_redirects=False) as answer:
        assert answer.status == 307, await answer.text()
        return answer.headers["Location"]


def expiring(path: str, size: int) -> dict[str, str]:
    """Allows an upload that expires long before its lifecycle rule."""
    return {"Authorization": tokens.bearer(KEY, *path.split("/"), size, TYPE)}


def is_indexed(cloud, path: str) -> bool:
    """Whether `expire` will find the file."""
    return any(key.endswith(f"/uploads/{path}") for key in keys(cloud, "expiry/"))


def keys(cloud, prefix: str) -> list[str]:
    """What is in the bucket."""
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["BucketName"], Prefix=prefix)
    return [found["Key"] for found in listed.get("Contents", [])]


async def slot(cloud, http, name: str, size: int, purpose: str = "") -> tuple[str, str]:
    """Where the component has a file PUT, and where it will be found."""
    request = slots.request(purpose=purpose, filename=name, size=str(size))
    stanza = f'<iq xmlns="jabber:client" type="get" id="i" from="romeo@example.org/r" to="upload.example.org">{request}</iq>'
    answer = await posted(cloud, http, {"kind": "iq", "stanza": stanza})
    return slots.urls(ElementTree.fromstring(answer["stanza"]))


async def said(cloud, http, text: str) -> str:
    """What the chat bot replies."""
    stanza = '<message xmlns="jabber:client" type="chat"><body>as in the envelope</body></message>'
    return (await posted(cloud, http, {"kind": "message", "body": text, "stanza": stanza}))["body"]


async def posted(cloud, http, envelope: dict) -> dict:
    """As mod_component_http posts."""
    envelope = {"to": "upload.example.org", "from": "romeo@example.org/r"} | envelope
    credentials = base64.b64encode(COMPONENT_CALLER.encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
    address = cloud.base_url.removesuffix("upload") + "component"
    async with http.post(address, data=json.dumps(envelope), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return json.loads(await answer.text())
