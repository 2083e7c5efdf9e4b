"""What people and scripts do with virtual handsets: read them, answer from them, watch them all.

A handset holds a company's messages to its number that a sandbox carrier took and did not report
as lost, and what it sent itself. So do a mailbox and an application behind a token. Nothing is
stored for them: the messages are.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from mimetypes import guess_type
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct

from clarion.engine.handsets import store
from clarion.engine.handsets.model import HandsetMessage, Mark
from clarion.engine.messages.ports import Inbound, Media, Medium
from clarion.engine.senders.directory import SenderDirectory
from clarion.errors import InvalidInput, NotFound, Unavailable
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox
from clarion.kit.segments import segment
from clarion.settings import SandboxConnector, Settings
from clarion.storage.database import Database

LOOK_BACK = timedelta(hours=1)
"""A message is shown to watchers if it was made at most this long before it arrived."""
COMMITTED = timedelta(seconds=0.3)
"""Arrivals are shown this much later, so that one committed late is not passed over."""
PASSED_OVER = timedelta(seconds=30)
"""The mark of a watcher who sees nothing follows the clock at this distance."""
LOOK_EVERY = 0.25  # seconds between looks while a watcher waits
SETTLE_SECONDS = 10.0
OWED_FOR = timedelta(hours=48)
OWED_LIMIT = 100_000

PUSH_PROVIDERS = ("apn", "gcm", "fcm")

_NO_ID = UUID(int=0)


class Reply(Struct, frozen=True):
    """What a handset or mailbox sends."""

    to: str  # a sender address
    text: str
    medium: str = "SMS"
    subject: str | None = None
    media_urls: tuple[str, ...] = ()


class Inbox(Protocol):
    """The part of ports.CarrierEvents that stores what subscribers send."""

    def inbound(
        self, connector: str, batch: Sequence[Inbound], settled: Callable[[bool], None]
    ) -> None: ...


def sandboxes(settings: Settings) -> list[str]:
    """The names of the sandbox carriers. NotFound: this installation has none."""
    names = [n for n, each in settings.connectors.items() if isinstance(each, SandboxConnector)]
    if not names:
        raise NotFound("There are no virtual handsets: no connector is of kind sandbox.")
    return names


def handset_number(text: str) -> str:
    """A handset's number as E.164. InvalidInput says what is wrong with it."""
    try:
        return parse_address(text).e164
    except ValueError as error:
        raise InvalidInput(f"The handset's number: {error}.") from error


def mailbox_address(text: str) -> str:
    """A mailbox's address as it is stored. InvalidInput says what is wrong with it."""
    try:
        return parse_mailbox(text)
    except ValueError as error:
        raise InvalidInput(f"The mailbox's address: {error}.") from error


def pushed_to(token: str) -> list[str]:
    """The addresses of messages to an application's token, with its provider before it or not."""
    provider, _, rest = token.partition(":")
    if rest and provider.lower() in PUSH_PROVIDERS:
        return [f"{provider.lower()}:{rest}"]
    return [f"{provider}:{token}" for provider in PUSH_PROVIDERS]


async def read(
    db: Database,
    company_id: int,
    addresses: Sequence[str],
    *,
    after: UUID | None,
    limit: int,
    connectors: Sequence[str],
) -> list[HandsetMessage]:
    """The newest last: the last `limit` messages, or the first ones after the message `after`."""
    if after is None:
        return await store.latest(db, company_id, addresses, connectors, limit)
    return await store.after(db, company_id, addresses, after, connectors, limit)


async def answer(
    db: Database,
    company_id: int,
    handset: str,
    reply: Reply,
    *,
    inbox: Inbox,
    senders: SenderDirectory,
    connectors: Sequence[str],
) -> UUID | None:
    """Send a reply from a handset or mailbox; the MO message's id, once it is stored.

    None: the address is shared and the message went to the company that wrote last.
    """
    found = await senders.find_by_address(reply.to)
    own = next((sender for sender in found if sender.company_id == company_id), None)
    if own is None:
        raise InvalidInput(f"to: no sender id has the address {reply.to}.", field="to")
    begun = datetime.now(UTC)
    await _store(inbox, connectors[0], _parts(handset, own.address, reply))
    return await store.answer_of(db, company_id, handset, own.address, begun)


async def arrivals(
    db: Database,
    company_id: int,
    mark: Mark,
    *,
    limit: int,
    wait: float,
    connectors: Sequence[str],
) -> tuple[list[HandsetMessage], Mark]:
    """What arrived at any handset after `mark`, in that order, and the mark to go on from. If
    there is nothing yet, it is waited for."""
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        now = datetime.now(UTC)
        found = await store.arrivals(
            db,
            company_id,
            mark,
            made_since=mark.at - LOOK_BACK,
            until=now - COMMITTED,
            connectors=connectors,
            limit=limit,
        )
        if found:
            return found, Mark(found[-1].at, found[-1].id)
        if asyncio.get_running_loop().time() >= deadline:
            return [], max(mark, Mark(now - PASSED_OVER, _NO_ID), key=lambda each: each.at)
        await asyncio.sleep(LOOK_EVERY)


def mark_ago(seconds: float) -> Mark:
    """What has arrived in the last `seconds`, and what arrives from now on, comes after this."""
    return Mark(datetime.now(UTC) - timedelta(seconds=seconds), _NO_ID)


async def owed_receipts(db: Database, connector: str) -> list[str]:
    """The ids of a sandbox carrier's parts that wait for a receipt: it has no memory but this."""
    return await store.owed_receipts(db, connector, datetime.now(UTC) - OWED_FOR, OWED_LIMIT)


async def _store(inbox: Inbox, connector: str, parts: Sequence[Inbound]) -> None:
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def settled(stored: bool) -> None:  # noqa: FBT001 - the port's signature
        if not done.done():
            done.set_result(stored)

    inbox.inbound(connector, parts, settled)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            stored = await done
    except TimeoutError:
        stored = False
    if not stored:
        raise Unavailable("The answer could not be stored; try again.")


def _parts(handset: str, to: str, reply: Reply) -> list[Inbound]:
    if reply.medium != Medium.SMS:
        return [_whole(handset, to, reply)]
    texts = segment(reply.text).parts
    reference = random.randrange(256) if len(texts) > 1 else None  # noqa: S311 - no secret
    return [
        Inbound(
            source=handset.removeprefix("+"),
            destination=to,
            text=part,
            reference=reference,
            total=len(texts),
            number=number,
        )
        for number, part in enumerate(texts, 1)
    ]


def _whole(handset: str, to: str, reply: Reply) -> Inbound:
    return Inbound(
        source=handset.removeprefix("+"),
        destination=to,
        text=reply.text,
        reference=None,
        total=1,
        number=1,
        medium=reply.medium,
        subject=reply.subject,
        media=tuple(_media(url) for url in reply.media_urls),
    )


def _media(url: str) -> Media:
    name = PurePosixPath(urlsplit(url).path).name or "media"
    return Media(name=name, mime_type=guess_type(name)[0], url=url)
