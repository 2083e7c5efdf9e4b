"""What subscribers' messages lead to: keywords change consent, and are answered.

All of it is part of the transaction that stores the messages. An answer is a message request of the
company like any other, which is expanded after the commit, save that it waits for no delivery
window and asks for no consent: the subscriber has just written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clarion.engine.accounts.model import Caller
from clarion.engine.consent.inbound import Heard, Reply, consider
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.keywords.rules import Keyword
from clarion.engine.consent.store import first_template
from clarion.engine.events.announcing import announce
from clarion.engine.events.model import Happening
from clarion.engine.messages import store
from clarion.engine.messages.model import NewRequest, Options
from clarion.engine.messages.planning import answer_request
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.prepared import Prepared
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
    prepared: dict[UUID, Prepared] = {}
    for sender, row, reply in batch:
        if reply is None or not reply.answers:
            continue
        contact = contacts.get(row.id)
        if made := await _answer(tx, sender, row, reply, contact=contact):
            prepared[row.id] = made
    await store.accept_planned(tx, list(prepared.values()), now)
    heard = [(row, reply.keyword) for _, row, reply in batch if reply is not None]
    await _announce(tx, heard, prepared, now)
    return bool(prepared)


async def _announce(
    tx: store.Runner,
    heard: Sequence[tuple[store.NewInbound, Keyword]],
    answered: Collection[UUID],
    now: datetime,
) -> None:
    """Keywords, for those who subscribed to them. ESS reference, SCG-Keyword."""
    found = store.by_company(
        (row.company_id, _keyword_heard(row, keyword, answered=row.id in answered))
        for row, keyword in heard
    )
    for company_id, happenings in found.items():
        await announce(tx, company_id, happenings, at=now)


def _keyword_heard(row: store.NewInbound, keyword: Keyword, *, answered: bool) -> Happening:
    owner = {} if row.application_id is None else {"application_id": row.application_id}
    return Happening(
        topic="SCG-Keyword",
        type="keyword_message_received",
        key=row.peer_address,
        fields=owner
        | {
            "keyword_id": ids.show(keyword.id),
            "keyword_value": keyword.value,
            "keyword_action": ",".join(keyword.actions),
            "keyword_campaign_id": keyword.campaign_id or "",
            "associated_info": keyword.associated_info or "",
            "sender_id_id": ids.show(row.sender_id),
            "recipient_address": row.peer_address,
            "reply_sent": answered,
        },
    )


async def _answer(
    tx: store.Runner,
    sender: Sender,
    row: store.NewInbound,
    reply: Reply,
    *,
    contact: UUID | None,
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
    after = ids.created_at(row.id) + timedelta(milliseconds=2)  # in every list by id
    return answer_request(Caller(row.company_id, application), new, sender, after)


async def _body(tx: store.Runner, company_id: int, reply: Reply) -> str | None:
    name = await first_template(tx, company_id, reply.templates) if reply.templates else None
    if name is None:
        if reply.text is None:
            log.warning(ANSWER_WITHOUT_TEMPLATE, company_id=company_id, keyword=reply.keyword.id)
        return reply.text
    quote = "'" if '"' in name else '"'
    return f"#parse({quote}{name}{quote})"
