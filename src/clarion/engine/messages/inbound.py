"""MO messages: parts become whole, find their sender id and company, join a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
from msgspec.structs import replace

from clarion import metrics
from clarion.engine.attachments.model import Brought
from clarion.engine.attachments.service import link_brought
from clarion.engine.consent.inbound import Reply
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.messages import store
from clarion.engine.messages.answers import answer, hear
from clarion.engine.messages.flush import EXPANSION_CHANNEL
from clarion.engine.messages.ports import Inbound, Media, Medium
from clarion.engine.messages.prepare import MAX_INDEXED
from clarion.engine.messages.rich import stored_media
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import Sender
from clarion.errors import Unavailable
from clarion.kit import ids
from clarion.kit.dates import to_epoch_ms
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox
from clarion.log import get_logger
from clarion.storage.database import Database

CONVERSATION = timedelta(days=30)
"""An MO continues what was last sent to its number within this time."""

MAX_ADDRESS = 64
MAX_MAIL_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the brackets
GATHER_LIMIT = 500

log = get_logger(__name__)


class InboundDesk:
    """Stores MO messages in batches."""

    def __init__(
        self,
        db: Database,
        senders: SenderDirectory,
        keywords: KeywordDirectory,
        *,
        part_patience: float,
    ) -> None:
        """`part_patience`: seconds to wait for the missing parts of a long message."""
        self._db = db
        self._senders = senders
        self._keywords = keywords
        self._patience = timedelta(seconds=part_patience)

    async def take(self, batch: Sequence[tuple[str, Inbound]]) -> None:
        """Record messages and parts; all of the batch or none of it."""
        whole = [_whole(connector, m) for connector, m in batch if m.reference is None]
        parts = [(connector, m) for connector, m in batch if m.reference is not None]
        senders = await self._senders_of({each.destination for each in whole})

        async def work(tx: asyncpg.Connection) -> bool:
            now = datetime.now(UTC)
            answered = await self._add(tx, whole, senders, now)
            await store.add_inbound_parts(tx, parts, now)
            return answered

        if await self._db.run(work):
            self._db.hint(EXPANSION_CHANNEL)
        for connector, _ in batch:
            metrics.connector(connector).inbound.inc()
        if parts:
            with suppress(Unavailable):  # the parts are stored, and a job gathers them soon
                await self.gather()

    async def gather(self) -> int:
        """Make messages of parts that are complete, or that have waited long enough."""
        now = datetime.now(UTC)
        ready = await store.whole_inbound(self._db, now - self._patience, GATHER_LIMIT)
        if not ready:
            return 0
        senders = await self._senders_of({destination for _, _, destination, _, _ in ready})

        async def work(tx: asyncpg.Connection) -> tuple[int, bool]:
            taken = await store.take_whole_inbound(tx, ready)  # empty where another node was first
            return len(taken), await self._add(tx, taken, senders, now)

        count, answered = await self._db.run(work)
        if answered:
            self._db.hint(EXPANSION_CHANNEL)
        return count

    async def _senders_of(self, destinations: set[str]) -> dict[str, list[Sender]]:
        return {each: await self._senders.find_by_address(each) for each in destinations}

    async def _add(
        self,
        tx: store.Runner,
        batch: Sequence[store.Whole],
        senders: dict[str, list[Sender]],
        now: datetime,
    ) -> bool:
        """Store messages and what they lead to; whether there are answers to be made."""
        strays = [whole for whole in batch if not senders[whole.destination]]
        await store.add_strays(tx, strays)
        for whole in strays:
            metrics.connector(whole.connector).stray.inc()
        homed = [whole for whole in batch if senders[whole.destination]]
        earlier = await _conversations(tx, homed, senders, now)
        made = [
            _made(whole, *_owner(senders[whole.destination], found), now)
            for whole, found in zip(homed, earlier, strict=True)
        ]
        replies = await hear(tx, made, keywords=self._keywords, now=now)
        rows = [_with_keyword(row, reply) for (_, row), reply in zip(made, replies, strict=True)]
        contacts = await store.add_inbound(tx, rows, now)
        pairs = zip(rows, homed, strict=True)
        await link_brought(tx, [each for row, whole in pairs for each in _files(row, whole.media)])
        found = [(sender, row, reply) for (sender, row), reply in zip(made, replies, strict=True)]
        return await answer(tx, found, contacts=contacts, now=now)


async def _conversations(
    tx: store.Runner,
    batch: Sequence[store.Whole],
    senders: dict[str, list[Sender]],
    now: datetime,
) -> list[store.LastSent | None]:
    """For each MO the last message that went from one of its address's senders to its number."""
    since = ids.floor_id(now - CONVERSATION)
    asked = store.by_company(
        (sender.company_id, (sender.id, _peer(whole), position))
        for position, whole in enumerate(batch)
        for sender in senders[whole.destination]
    )
    latest: list[store.LastSent | None] = [None] * len(batch)
    for company_id, rows in asked.items():
        for position, found in await store.last_sent(tx, company_id, rows, since):
            known = latest[position]
            if known is None or known.message_id < found.message_id:
                latest[position] = found
    return latest


def _owner(
    senders: Sequence[Sender], earlier: store.LastSent | None
) -> tuple[Sender, store.LastSent | None]:
    """Where several companies share an address, the one that last wrote to the number."""
    if earlier is None:
        return senders[0], None
    return next(s for s in senders if s.id == earlier.sender_id), earlier


def _made(
    whole: store.Whole, sender: Sender, earlier: store.LastSent | None, now: datetime
) -> tuple[Sender, store.NewInbound]:
    peer = _peer(whole)
    return sender, store.NewInbound(
        company_id=sender.company_id,
        id=ids.new_id(at_ms=to_epoch_ms(now)),
        application_id=earlier.application_id if earlier else sender.application_id,
        sender_id=sender.id,
        sender_address=sender.address,
        peer_address=peer,
        country=_country(peer),
        body=whole.text,
        conversation_id=earlier.conversation_id if earlier else None,
        reply_to=earlier.message_id if earlier else None,
        fragments=whole.fragments,
        medium=None if whole.medium == Medium.SMS else whole.medium,
        subject=whole.subject,
        media=stored_media(whole.media),
    )


def _files(row: store.NewInbound, brought: Sequence[Media]) -> Iterator[Brought]:
    """What is in the file store of what it has brought."""
    for position, media in enumerate(brought):
        if media.key is not None:
            yield Brought(
                company_id=row.company_id,
                message_id=row.id,
                position=position,
                application_id=row.application_id,
                key=media.key,
                name=media.name[:MAX_INDEXED],
                mime_type=media.mime_type,
                size=media.size,
            )


def _with_keyword(row: store.NewInbound, reply: Reply | None) -> store.NewInbound:
    if reply is None:
        return row
    keyword = reply.keyword
    return replace(row, keyword=keyword.name, campaign_id=keyword.campaign_id)


def _whole(connector: str, m: Inbound) -> store.Whole:
    limit = MAX_MAIL_ADDRESS if m.medium == Medium.EMAIL else MAX_ADDRESS
    return store.Whole(
        connector=connector,
        source=_clean(m.source, limit),
        destination=_clean(m.destination, limit),
        text=m.text.replace("\x00", ""),
        fragments=1,
        medium=m.medium,
        subject=m.subject and m.subject[:MAX_INDEXED].replace("\x00", ""),
        media=m.media,
    )


def _clean(address: str, limit: int) -> str:
    return address.strip()[:limit].replace("\x00", "")


def _peer(whole: store.Whole) -> str:
    """The subscriber in the one spelling of a number or mailbox, else as the carrier has it."""
    try:
        if whole.medium == Medium.EMAIL:
            return parse_mailbox(whole.source)
        return parse_address(whole.source).e164
    except ValueError:
        return whole.source


def _country(peer: str) -> str | None:
    try:
        return parse_address(peer).country
    except ValueError:
        return None
