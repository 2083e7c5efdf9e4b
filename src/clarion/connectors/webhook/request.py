"""The request that carries an event: what is the same for a configuration, and what is not."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from urllib.parse import quote

from clarion import __version__
from clarion.connectors.webhook.signing import signature_lines
from clarion.connectors.webhook.target import Target
from clarion.engine.events.bodies import body, media_type, shown_id, timestamp
from clarion.engine.events.model import AuthenticationType, Destination, Event, Format

MAX_HEADER = 1000  # characters of a value that others choose
_HEADER_SAFE = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"


def head_of(destination: Destination, target: Target) -> bytes:
    """Request line and headers that every request to a configuration begins with."""
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.shown_host}",
        f"User-Agent: Clarion/{__version__}",
        f"Content-Type: {media_type(destination.configuration.format)}",
    ]
    if destination.configuration.authentication_type is AuthenticationType.BASIC:
        settings = destination.settings
        pair = f"{settings.get('username', '')}:{settings.get('password', '')}"
        lines.append(f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    return "\r\n".join([*lines, ""]).encode()


def bearer(token: bytes) -> bytes:
    return b"Authorization: Bearer " + token + b"\r\n"


def rest_of(event: Event, *, attempt: int, form: Format, keys: Sequence[bytes]) -> bytes:
    """The headers of one event, and its body."""
    content = body(event, attempt, form)
    signatures = ""
    if keys:
        signatures = signature_lines(keys, plain(shown_id(event)), int(time.time()), content)
    headers = (
        f"X-ESS-EVENT-KEY: {plain(event.key)}\r\n"
        f"X-ESS-EVENT-TIMESTAMP: {timestamp(event.at)}\r\n"
        f"Content-Length: {len(content)}\r\n{signatures}\r\n"
    )
    return headers.encode("ascii") + content


def plain(text: str) -> str:
    """As a header's value: what is not printable ASCII is percent-encoded, so that nobody writes
    headers of his own."""
    if text.isascii() and text.isprintable():
        return text[:MAX_HEADER].strip()
    return quote(text, safe=_HEADER_SAFE)[:MAX_HEADER].strip()
