"""Upload tokens made as the XMPP servers make them, written out by hand from their sources."""

import base64
import hashlib
import hmac
import json
import time


def v1(secret: str, path: str, size: int) -> str:
    """mod_http_upload_external's first protocol and ejabberd's: path and size, in the query `v`."""
    return "v=" + mac(secret, f"{path} {size}")


def v2(secret: str, path: str, size: int, content_type: str) -> str:
    """mod_http_upload_external's `protocol = "v2"`: the content type is signed, too."""
    return "v2=" + mac(secret, f"{path}\0{size}\0{content_type}")


def metronome_put(secret: str, path: str, size: int, content_type: str) -> str:
    """Metronome's upload token: v2's message, in the query `token`."""
    return "token=" + mac(secret, f"{path}\0{size}\0{content_type}")


def metronome_delete(secret: str, path: str, delete_secret: str) -> str:
    """Metronome's deletion token: the second secret takes the place of size and type."""
    return "token=" + mac(secret, f"{path}\0{delete_secret}")


def bearer(secret: str, slot: str, filename: str, size: int, content_type: str, expires: int | None = None) -> str:
    """The Authorization header of mod_http_file_share: a JWT with HS256. The file expires in a week if not said otherwise."""
    now = int(time.time())
    claims = {
        "sub": "alice@example.com",
        "iat": now,
        "exp": now + 300,
        "expires": now + 7 * 86400 if expires is None else expires,
        "slot": slot,
        "filename": filename,
        "filesize": size,
        "filetype": content_type,
    }
    signed = base64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + base64url(json.dumps(claims).encode())
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"Bearer {signed}.{base64url(signature)}"


def mac(secret: str, message: str) -> str:
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
