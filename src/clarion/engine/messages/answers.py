"""What subscribers' messages lead to: keywords change consent, and are answered.

All of it is part of the transaction that stores the messages. An answer is a message request of the
company like any other, which is expanded after the commit, save that it waits for no delivery
window and asks for no consent: the subscriber has just written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from clarion.engine.accounts.model import Caller
from clarion.engine.consent.inbound import Heard, Reply, consider
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.store import first_template
from clarion.engine.messages import store
from clarion.engine.messages.model import NewRequest, Options
from clarion.engine.messages.planning import answer_request
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.prepare import Prepared
from clarion.engine.messages.recipients import read
from clarion.engine.senders.model import Sender
from clarion.kit import ids
from clarion.log import get_logger

ANSWER_WITHOUT_TEMPLATE = "answer.without_template"

log = get_logger(__name__)

_TYPES = {Medium.EMAIL.value: "EMAIL", Medium.PSH.value: "PUSH"}


async def hear(
    tx: store.Runner,
    batch: Sequence[tuple[Sender, store.NewInbound]],
    *,
    keywords: KeywordDirectory,
    now: datetime,
) -> list[Reply | None]:
    """What each message's keyword has led to; None: there is none in it."""
    heard = [
        Heard(
            company_id=row.company_id,
            sender=sender,
            peer=row.peer_address,
            text=row.body,
            at=now,
            message_id=row.id,
            address_type=_TYPES.get(row.medium or "", "MDN"),
            country=row.country,
        )
        for sender, row in batch
    ]
    return await consider(tx, heard, keywords=keywords) if heard else []


async def answer(
    tx: store.Runner,
    batch: Sequence[tuple[Sender, store.NewInbound, Reply | None]],
    *,
    contacts: Mapping[UUID, UUID],
    now: datetime,
) -> bool:
    """Store the answers; whether there are any. `contacts`: who wrote, of those who are known."""
    prepared = [
        made
        for sender, row, reply in batch
        if reply is not None and reply.answers
        if (made := await _answer(tx, sender, row, reply, contact=contacts.get(row.id), now=now))
        is not None
    ]
    await store.accept_planned(tx, prepared, now)
    return bool(prepared)


async def _answer(
    tx: store.Runner,
    sender: Sender,
    row: store.NewInbound,
    reply: Reply,
    *,
    contact: UUID | None,
    now: datetime,
) -> Prepared | None:
    """None: there is nothing to say, or nobody to say it to."""
    body = await _body(tx, row.company_id, reply)
    if not body or read(row.peer_address).wrong:
        return None
    application = row.application_id or await store.any_application(tx, row.company_id)
    if application is None:
        return None
    new = NewRequest(
        sender=ids.show(sender.id),
        recipients=[row.peer_address],
        body=body,
        conversation_id=row.conversation_id,
        campaign_id=reply.keyword.campaign_id,
        reply_to=row.id,
        options=Options(auto_reply=True, contact=ids.show(contact) if contact else None),
    )
    return answer_request(Caller(row.company_id, application), new, sender, now)


async def _body(tx: store.Runner, company_id: int, reply: Reply) -> str | None:
    name = await first_template(tx, company_id, reply.templates) if reply.templates else None
    if name is None:
        if reply.text is None:
            log.warning(ANSWER_WITHOUT_TEMPLATE, company_id=company_id, keyword=reply.keyword.id)
        return reply.text
    quote = "'" if '"' in name else '"'
    return f"#parse({quote}{name}{quote})"
