"""Satchel as a component of Prosody: the stack's settings, and the section of infra/xmpp."""

from prosody import DOMAIN, filled
from satchel import SECRET
from server import HOST

SERVICE = f"upload.{DOMAIN}"
PASSWORD = "f81d4fae7dec11d0a76500a0c91e6bf6"


def settings(**more: str) -> dict[str, str]:
    """The environment of a stack with the component switched on."""
    return {"SATCHEL_UPLOAD_SECRETS": SECRET, "SATCHEL_COMPONENT_CREDENTIALS": f"satchel:{PASSWORD}"} | more


def section(address: str, port: int, password: str = PASSWORD) -> str:
    """The component that an admin configures, without TLS."""
    credentials = "satchel:PASTE-THE-PASSWORD-HERE"
    values = {
        "upload.example.com": address,
        f"https://{credentials}@files.example.com/": f"http://satchel:{password}@{HOST}:{port}/",
    }
    return filled("prosody-component.cfg.lua", values)
