"""Bodies with calls for tracking become bodies with short links."""

from __future__ import annotations

from collections.abc import Sequence
from socket import socket
from uuid import UUID

from msgspec.structs import replace

from clarion.engine.messages.links import store
from clarion.engine.messages.links.model import (
    NewLink,
    find_track_calls,
    has_track_calls,
    new_code,
    show_code,
)
from clarion.errors import BadTrackingUrl
from clarion.settings import Settings

PATH = "/t"


def public_url(settings: Settings) -> str:
    """Where recipients' phones find this installation, without a slash at the end."""
    return settings.links.public_url.rstrip("/") or settings.http.address


def listening_at(settings: Settings, listener: socket) -> Settings:
    """The settings of a process that listens there, on whatever port it was given."""
    host, port = listener.getsockname()[:2]
    listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return replace(settings, http=replace(settings.http, listen=listen))


def preview(body: str, company_id: int, base: str) -> str:
    """The body with links as long as the real ones, for counting its fragments. Raises
    BadTrackingUrl."""
    return _shorten(body, company_id, None, base)[0]


async def make_links(
    tx: store.Runner, company_id: int, bodies: Sequence[tuple[UUID, str]], base: str
) -> list[str | BadTrackingUrl]:
    """For each (message, body) the body with its short links, or what is wrong with a call in it.

    All links of a company's batch are stored by one statement, in the caller's transaction. The
    same address and label twice in one message share a link. `base` is `public_url`.
    """
    done: list[str | BadTrackingUrl] = []
    links: list[NewLink] = []
    for message_id, body in bodies:
        if not has_track_calls(body):
            done.append(body)
            continue
        try:
            text, found = _shorten(body, company_id, message_id, base)
        except BadTrackingUrl as error:
            done.append(error)
            continue
        done.append(text)
        links += found
    if links:
        await store.add_links(tx, company_id, links)
    return done


def _shorten(
    body: str, company_id: int, message_id: UUID | None, base: str
) -> tuple[str, list[NewLink]]:
    made: dict[tuple[str, str | None], int] = {}
    pieces, place = [], 0
    for call in find_track_calls(body):
        code = made.setdefault((call.url, call.label), new_code())
        pieces += [body[place : call.start], base, PATH, "/", show_code(company_id, code)]
        place = call.end
    pieces.append(body[place:])
    if message_id is None:
        return "".join(pieces), []
    links = [NewLink(message_id, code, url, label) for (url, label), code in made.items()]
    return "".join(pieces), links
