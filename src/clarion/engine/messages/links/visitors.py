"""Who opens a link: a person, or a machine that looks what is behind it.

Messaging applications fetch links for a preview, security products to judge them, browsers ahead
of time. None of them is a click. Told by what they say of themselves; a machine that claims to be
a browser cannot be told from one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_AGENT = 500

_MACHINE = re.compile(
    r"(?<!cu)bot(?![a-z0-9])|crawl|spider|slurp|preview|headless|prerender|lighthouse|^viber"
    r"|facebookexternalhit|facebookcatalog|^whatsapp|embedly|iframely|vkshare|google-(?!chrome)"
    r"|googleimageproxy|safebrowsing|mediapartners|proofpoint|mimecast|barracuda|urldefense"
    r"|curl/|wget|libwww|httpie|python|aiohttp|httpx|okhttp|^java|go-http|\bnode\b|axios|ruby/"
    r"|perl|guzzle|apache-http|postman|insomnia|winhttp|cfnetwork"
)
"""Applications that open links within themselves name themselves too (Telegram-Android, FBAN):
they are people. CUBOT is a make of phones."""

_AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def is_person(method: str, headers: Mapping[str, str]) -> bool:
    """Whether this request is somebody following a link. `headers` by lower-case name."""
    if method != "GET":
        return False
    if any(_AHEAD.search(headers.get(name, "")) for name in _PURPOSES):
        return False
    if headers.get("sec-fetch-dest", "document") != "document":
        return False
    agent = headers.get("user-agent", "")[:MAX_AGENT].lower()
    return bool(agent) and not _MACHINE.search(agent)
