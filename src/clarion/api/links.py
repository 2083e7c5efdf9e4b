"""`/t/{code}`: where the short links of messages lead. Open to everybody who has one.

Answers people, not programs: a redirect to exactly the stored address, or a line of text. HEAD and
machines are redirected and not counted.
"""

from __future__ import annotations

from clarion.api.call import Answer, Call, Door, Header, Route
from clarion.api.errors import problem
from clarion.api.wire import PLAIN
from clarion.engine.messages.links.service import PATH
from clarion.engine.messages.links.visitors import is_person

_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
_UNKNOWN = Answer(
    404,
    b"This link is not known, or has expired.\n",
    (*_HEADERS, (b"content-type", b"text/plain; charset=utf-8")),
)


async def follow(call: Call) -> Answer:
    """Send a visitor on, and note that somebody came."""
    links = call.services.links
    if links is None:
        return _UNKNOWN
    link = await links.open(call.params["code"])
    if link is None:
        return _UNKNOWN
    if is_person(call.scope["method"], _headers(call)):
        await links.count(link)
    return Answer(302, b"", (*_HEADERS, (b"location", link.url.encode("ascii"))))


def _headers(call: Call) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1") for name, value in call.scope["headers"]
    }


def door() -> Door:
    """Tracked links."""
    return Door("links", PATH, (Route("GET", "/{code}", follow, open=True),), problem, PLAIN)
