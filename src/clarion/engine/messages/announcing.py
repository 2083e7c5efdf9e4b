"""Describes what has happened to messages and message requests, for those who subscribed to it.

The statements that change them announce only ids and states; the rest is read here, after the
commit and for many at once, and only if somebody wants it. ESS reference, SCG-Message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, repeat
from uuid import UUID

import asyncpg

from clarion.engine.events.announcing import Runner
from clarion.engine.events.matching.model import Announcement
from clarion.engine.events.model import Happening, Value
from clarion.engine.messages.model import Direction, RequestState
from clarion.engine.messages.rich import read_media
from clarion.engine.messages.store.rows import SQL
from clarion.kit import ids

TOPIC = "SCG-Message"
MESSAGE_MOVED = "message_state_change"
REQUEST_MOVED = "message_request_state_change"
RECEIVED = "mo_message_received"

MAX_BODY = 10_000
"""Characters of an MO message that its event carries; an e-mail can be longer."""

PLAIN = "text/plain"
Rows = Mapping[UUID, asyncpg.Record]
Change = tuple[UUID, str, str, str, str]
"""What has changed, its states before and after, the code and the words of the reason."""


async def describe(
    on: Runner, company_id: int, batch: Sequence[Announcement]
) -> list[Sequence[Happening]]:
    """For each announcement what has happened to its subjects; those that are gone are left out."""
    requests = await _requests(on, company_id, _subjects(batch, wanted={REQUEST_MOVED}))
    messages = await _messages(on, company_id, _subjects(batch, wanted={MESSAGE_MOVED, RECEIVED}))
    found: list[Sequence[Happening]] = []
    for each in batch:
        rows = requests if each.type == REQUEST_MOVED else messages
        fields = _FIELDS[each.type]
        found.append(
            [
                Happening(
                    topic=TOPIC,
                    type=each.type,
                    key=_key(row),
                    fields={"company-id": company_id} | fields(row, change),
                )
                for change in _changes(each)
                if (row := rows.get(change[0])) is not None
            ]
        )
    return found


def _subjects(batch: Sequence[Announcement], wanted: set[str]) -> list[UUID]:
    return sorted({id for each in batch if each.type in wanted for id in each.subjects})


async def _messages(on: Runner, company_id: int, found: Sequence[UUID]) -> Rows:
    if not found:
        return {}
    rows = await on.fetch(
        SQL["messages_for_events"], company_id, found, found[0], found[-1], MAX_BODY
    )
    return {row["id"]: row for row in rows}


async def _requests(on: Runner, company_id: int, found: Sequence[UUID]) -> Rows:
    if not found:
        return {}
    rows = await on.fetch(SQL["requests_for_events"], company_id, found, found[0], found[-1])
    return {row["id"]: row for row in rows}


def _changes(each: Announcement) -> Iterator[Change]:
    """Where nothing is said of states or reasons, with empty texts."""
    blank = repeat("")
    return zip(
        each.subjects,
        chain(each.befores, blank),
        chain(each.afters, blank),
        chain(each.codes, blank),
        chain(each.details, blank),
        strict=False,
    )


# ---------------------------------------------------------------- fields


def _key(row: asyncpg.Record) -> str:
    """The subscriber's address; of a request its id."""
    peer: str | None = row.get("peer_address")
    return ids.show(row["id"]) if peer is None else peer


def _moved(row: asyncpg.Record, change: Change) -> dict[str, Value]:
    return _message(row) | _states(change[1], change[2], change)


def _request_moved(row: asyncpg.Record, change: Change) -> dict[str, Value]:
    ended = RequestState.CANCELED if row["canceled"] else RequestState.COMPLETED
    return {
        "application_id": row["application_id"],
        "message_request_id": ids.show(row["id"]),
        "external_id": row["external_id"],
        "external_message_request_id": row["external_id"],
        "mt_price": _price(row["price"]),
    } | _states(change[1], change[2] or ended.value, change)


def _states(before: str, after: str, change: Change) -> dict[str, Value]:
    return {
        "previous_state": before,
        "new_state": after,
        "reason_code": change[3],
        "reason_description": change[4],
    }


def _received(row: asyncpg.Record, _: Change) -> dict[str, Value]:
    return _message(row) | {
        "message_body": row["body"][:MAX_BODY],
        "message_body_truncated": len(row["body"]) > MAX_BODY,
        "message_body_content_type": PLAIN,
        "has_attachment": bool(row["all_media"] or row["attachments"]),
    }


def _message(row: asyncpg.Record) -> dict[str, Value]:
    """What both sides of a conversation have in common. What there is none of is null."""
    sides = row["sender_address"], row["peer_address"]
    is_mt = row["direction"] == Direction.MT
    source, destination = sides if is_mt else reversed(sides)
    return {
        "application_id": row["application_id"],
        "message_id": ids.show(row["id"]),
        "message_request_id": row["request_id"] and ids.show(row["request_id"]),
        "external_id": row["external_request_id"],
        "external_message_request_id": row["external_request_id"] if is_mt else None,
        "from_address": source,
        "to_address": destination,
        "sender_id_id": ids.show(row["sender_id"]),
        "sender_id_alias": row["sender_name"],
        "fragments_count": row["fragments"],
        "mt_price": _price(row["price"]),
    } | _beside(row)


def _beside(row: asyncpg.Record) -> dict[str, Value]:
    """What travels beside the text."""
    if not row["all_media"] and not row["attachments"]:
        return {}
    return {
        "media_urls": ",".join(m.url for m in read_media(row["all_media"]) if m.url) or None,
        "attachment_ids": ",".join(map(ids.show, row["attachments"])) or None,
    }


def _price(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


_FIELDS: Mapping[str, Callable[[asyncpg.Record, Change], dict[str, Value]]] = {
    MESSAGE_MOVED: _moved,
    REQUEST_MOVED: _request_moved,
    RECEIVED: _received,
}
