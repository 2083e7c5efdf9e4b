"""Signatures of bodies, by the Standard Webhooks specification (symmetric, v1).

The bytes that are signed are the bytes that are sent. With two secrets, while one takes the place
of the other, there are two signatures, and a receiver that knows either is content.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def keys_of(secrets: Sequence[str]) -> tuple[bytes, ...]:
    """What signs: the bytes behind whsec_. Text that is no base64 signs as it is."""
    return tuple(_key(secret) for secret in secrets)


def signature_lines(keys: Sequence[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The three headers. `id` is as it will be sent."""
    signed = f"{id}.{timestamp}.".encode() + body
    signatures = " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    )
    return (
        f"webhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: {signatures}\r\n"
    )


def _key(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
