"""Secrets at rest: AES-256-GCM under one key of the installation.

A sealed value is bound to the row it belongs to, so it cannot be moved to another one. All nodes
of an installation need the same key: the setting security.secret_key, or the file that a single
node makes in its data directory.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12


class SealedForAnother(Exception):
    """The value was sealed under another key, for another row, or is damaged."""


class Vault:
    """Seals and opens short values."""

    def __init__(self, secret: str) -> None:
        """`secret`: text of high entropy, such as `openssl rand -base64 32` prints."""
        self._cipher = AESGCM(sha256(b"clarion vault 1\0" + secret.encode()).digest())

    def seal(self, plain: str, *, owner: str) -> bytes:
        """`plain`, readable only by `open` with the same owner."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain.encode(), owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> str:
        """The text that was sealed for `owner`."""
        if sealed[:1] != _VERSION:
            raise SealedForAnother
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, body, owner.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealedForAnother from error


def secret_from_file(path: Path) -> str:
    """The secret in this file, which is made, for its owner's eyes only, if it is not there."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    made = os.urandom(32).hex()
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(made + "\n", "ascii")
    draft.chmod(0o600)
    try:
        path.hardlink_to(draft)  # the first of several processes wins, and wins whole
    except FileExistsError:
        return path.read_text("ascii").strip()
    finally:
        draft.unlink()
    return made
