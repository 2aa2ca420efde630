"""Slot requests and answers as XML (XEP-0363), in both namespaces, and the PUT that follows."""

from html import escape
from xml.etree.ElementTree import Element

import aiohttp

from files import KIB

CURRENT, LEGACY = "urn:xmpp:http:upload:0", "urn:xmpp:http:upload"
PURPOSES = "urn:xmpp:http:upload:purpose:0"


def request(namespace: str = CURRENT, purpose: str = "", **values) -> str:
    """A slot request; without one of the values where it is None."""
    values = {"filename": "photo.jpg", "size": str(KIB), "content-type": "image/jpeg"} | values
    given = {name: escape(value) for name, value in values.items() if value is not None}
    if namespace == CURRENT:
        attributes = "".join(f' {name}="{value}"' for name, value in given.items())
        return f'<request xmlns="{CURRENT}"{attributes}>{purpose}</request>'
    return f'<request xmlns="{LEGACY}">' + "".join(f"<{name}>{value}</{name}>" for name, value in given.items()) + "</request>"


def urls(answer: Element, namespace: str = CURRENT) -> tuple[str, str]:
    """Where to PUT and GET; there is nothing else in the answer."""
    [slot] = answer
    assert (answer.get("type"), slot.tag) == ("result", f"{{{namespace}}}slot")
    assert [child.tag for child in slot] == [f"{{{namespace}}}put", f"{{{namespace}}}get"]
    return tuple(child.get("url") if namespace == CURRENT else child.text for child in slot)


def refusal(answer: Element) -> tuple[str, str]:
    """The error's type and condition; a client finds both in the namespace of its stream."""
    assert (answer.tag, answer.get("type")) == ("{jabber:client}iq", "error")
    error = answer.find("{jabber:client}error")
    return error.get("type"), error[0].tag.removeprefix("{urn:ietf:params:xml:ns:xmpp-stanzas}")


async def put(http: aiohttp.ClientSession, url: str, body: bytes, content_type: str = "image/jpeg"):
    """What a client does with a slot's URL."""
    async with http.put(url, data=body, headers={"Content-Type": content_type}) as answer:
        assert answer.status == 200, await answer.text()
