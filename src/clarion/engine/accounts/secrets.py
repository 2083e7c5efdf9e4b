"""Keys, secrets and tokens: how they are made, hashed and compared.

Tokens and consumer secrets hold 122 random bits and more, so one SHA-256 protects them at rest;
slow hashing is for what people choose, see users.py.
"""

from __future__ import annotations

import hmac
import re
import secrets
import uuid
from hashlib import sha256

_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_consumer_key() -> str:
    return secrets.token_urlsafe(21)


def new_consumer_secret() -> str:
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A random uuid, the form that clients of the SCG API know tokens in."""
    return str(uuid.uuid4())


def successor(consumer_secret: str, old_token: str, turn: int) -> str:
    """The token number `turn` that follows `old_token`.

    Only hashes are stored, yet whoever refreshes the same token twice must get the same answer.
    The refresh brings the secret and the old token, and from both this makes the new one again.
    """
    words = f"clarion token successor\0{old_token}\0{turn}".encode()
    made = hmac.digest(consumer_secret.encode(), words, "sha256")
    return str(uuid.UUID(bytes=made[:16], version=4))


def is_token(text: str) -> bool:
    """Whether it could be a token: what cannot be is refused without asking the database."""
    return _TOKEN.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """What is stored in place of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def matches(secret: str, stored: bytes) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(digest(secret), stored)
