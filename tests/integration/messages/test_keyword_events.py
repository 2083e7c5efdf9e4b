"""keyword_message_received: what a subscriber writes becomes an event with what was found in it."""

from __future__ import annotations

from stage import Stage
from tests.subscribers import a_subscriber, announced, without_owner

from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.keywords.model import Action, NewKeyword
from clarion.engine.consent.keywords.service import create_keyword
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.ports import Inbound
from clarion.kit import ids

TOPIC = "SCG-Keyword"
ME, STRANGER = "+4915112345678", "nobody"


async def write(stage: Stage, *texts: str, source: str = ME) -> None:
    desk = InboundDesk(stage.db, stage.gateway.senders, KeywordDirectory(), part_patience=60)
    address = stage.tenant.address
    batch = [Inbound(source, address, text, None, 1, 1) for text in texts]
    await desk.take([(stage.place.name, each) for each in batch])


async def test_a_keyword_is_told_with_what_belongs_to_it(stage: Stage) -> None:
    by = await a_subscriber(stage.db, stage.tenant.caller, TOPIC)
    new = NewKeyword(
        value="pizza",
        name="orders",
        actions=[Action.OPTIN, Action.STORE],
        associated_info="shop 12",
        campaign_id="autumn",
    )
    keyword_id = await create_keyword(stage.db, stage.tenant.caller, new)
    await write(stage, "Pizza", "what?")
    (event,) = await by.told()
    assert event.key == ME
    assert without_owner(event.fields) == {
        "keyword_id": ids.show(keyword_id),
        "keyword_value": "pizza",
        "keyword_action": "OPTIN,STORE",
        "keyword_campaign_id": "autumn",
        "associated_info": "shop 12",
        "sender_id_id": ids.show(stage.tenant.sender_id),
        "recipient_address": ME,
        "reply_sent": False,
    }
    assert event.fields["application_id"] == stage.tenant.caller.application_id


async def test_reply_sent_says_whether_something_was_answered(stage: Stage) -> None:
    await stage.db.execute(
        "update sender_id set consent_managed_by = 'SCG' where company_id = $1", stage.company_id
    )
    stage.gateway.senders.forget()
    by = await a_subscriber(stage.db, stage.tenant.caller, TOPIC)
    await write(stage, "STOP")
    await write(stage, "STOP")
    await write(stage, "STOP", source=STRANGER)
    assert [(e.key, e.fields["reply_sent"]) for e in await by.told()] == [
        (ME, True), (ME, False), (STRANGER, False),
    ]  # fmt: skip


async def test_where_nobody_has_subscribed_nothing_is_written(stage: Stage) -> None:
    await write(stage, "STOP")
    assert await announced(stage.db, stage.company_id) == 0
