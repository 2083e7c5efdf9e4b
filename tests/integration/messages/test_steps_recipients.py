"""Who a request reaches, in every form that clients name senders and recipients by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stage import Stage

from clarion.engine.contacts.service import delete_contact
from clarion.engine.contacts.tokens.model import Provider
from clarion.engine.messages.model import Options
from clarion.engine.senders.channels.model import Priority
from clarion.engine.senders.model import SenderState
from clarion.errors import InvalidCriteria, InvalidInput
from clarion.kit import ids

ONE, TWO, THREE = "+4915112345678", "+4915112345679", "+12125550123"
UNKNOWN = "AaIBucaOdrWVEtBKJQAAAA"


async def _addresses(stage: Stage, *to: str, **more: object) -> list[str]:
    request = await stage.send(*to, **more)
    return [row["peer_address"] for row in await stage.messages(request)]


# ---------------------------------------------------------------- recipients


async def test_contacts_are_reached_at_their_number(stage: Stage) -> None:
    one, two = await stage.contact(ONE), await stage.contact(TWO)
    request = await stage.send(f"contact:{ids.show(one)}", ids.show(two), f"mdn:{THREE}")
    rows = await stage.messages(request)
    assert [(row["peer_address"], row["contact_id"]) for row in rows] == [
        (ONE, one),
        (TWO, two),
        (THREE, None),
    ]
    assert {row["state"] for row in rows} == {"CREATED"}
    shown = await stage.request(request)
    assert (shown["state"], shown["recipient_count"], shown["pending_count"]) == (
        "TRANSMITTING",
        3,
        3,
    )
    assert len(await stage.place.waiting(stage.tenant)) == 3


async def test_groups_are_their_members(stage: Stage) -> None:
    contacts = [await stage.contact(f"+49151{10_000_000 + n}") for n in range(5)]
    group = await stage.group(*contacts)
    dynamic = await stage.dynamic_group('{"primary_mdn": {"$prefix": "+4915110000003"}}')
    assert await _addresses(stage, f"group:{ids.show(group)}") == [
        f"+49151{10_000_000 + n}" for n in range(5)
    ]
    assert await _addresses(stage, f"group:{ids.show(dynamic)}") == ["+4915110000003"]
    assert len(await _addresses(stage, ids.show(group), ids.show(contacts[0]))) == 5


async def test_criteria_choose_contacts(stage: Stage) -> None:
    await stage.contact(ONE, primary_addr_state="FL")
    await stage.contact(TWO, primary_addr_state="NY")
    options = Options(criteria='{"primary_addr_state": "FL"}')
    assert await _addresses(stage, options=options) == [ONE]


async def test_who_comes_twice_gets_one_message(stage: Stage) -> None:
    one = await stage.contact(ONE)
    group = await stage.group(one, await stage.contact(TWO))
    request = await stage.send(ONE, f"contact:{ids.show(one)}", f"group:{ids.show(group)}", TWO)
    assert [row["peer_address"] for row in await stage.messages(request)] == [ONE, TWO]
    assert (await stage.request(request))["duplicate_count"] == 3


async def test_contacts_that_cannot_be_reached_are_told_if_they_were_named(stage: Stage) -> None:
    nowhere, gone = await stage.contact(first_name="Ann"), await stage.contact(TWO)
    group = await stage.group(nowhere, await stage.contact(ONE))
    await delete_contact(stage.db, stage.caller, gone)
    request = await stage.send(
        f"contact:{ids.show(nowhere)}",
        f"contact:{ids.show(gone)}",
        UNKNOWN,
        f"group:{ids.show(group)}",
    )
    assert await stage.fate(request) == [
        (f"contact:{ids.show(nowhere)}", "FAILED", "1002"),
        (f"contact:{ids.show(gone)}", "FAILED", "1002"),
        (UNKNOWN, "FAILED", "1002"),
        (ONE, "CREATED", None),
    ]


async def test_a_group_without_anybody_is_rejected(stage: Stage) -> None:
    group = await stage.group()
    shown = await stage.request(await stage.send(f"group:{ids.show(group)}"))
    assert (shown["state"], shown["recipient_count"]) == ("REJECTED", 0)
    assert shown["failure_details"] == "There is nobody to send it to."


@pytest.mark.parametrize("ways", [{}, {"consent_requirement": "OPT_OUT"}], ids=["short", "steps"])
@pytest.mark.parametrize("to", [[ONE], [ONE, TWO]], ids=["one", "two"])
async def test_a_request_that_has_expired_when_it_comes_is_rejected(
    stage: Stage, ways: dict[str, Any], to: list[str]
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    shown = await stage.request(await stage.send(*to, expires_at=past, **ways))
    assert (shown["state"], shown["failure_code"]) == ("REJECTED", "1007")
    assert shown["failure_details"].startswith("The expiry time had passed")
    assert shown["failed_count"] == len(to)


async def test_one_bad_number_of_several_rejects_nothing_and_all_of_them_all(stage: Stage) -> None:
    for to, state in ((["nobody", ONE], "TRANSMITTING"), (["nobody", "none"], "REJECTED")):
        shown = await stage.request(await stage.send(*to))
        assert shown["state"] == state
    assert (shown["failure_code"], "nobody" in shown["failure_details"]) == ("1002", True)


async def test_criteria_that_match_nobody_reject(stage: Stage) -> None:
    options = Options(criteria='{"first_name": "Nobody"}')
    shown = await stage.request(await stage.send(options=options))
    assert (shown["state"], shown["failure_code"]) == ("REJECTED", "1002")


async def test_one_that_is_refused_and_one_that_is_not_is_no_rejection(stage: Stage) -> None:
    await stage.status(ONE, "OPTOUT")
    for to, state in (([ONE], "REJECTED"), ([ONE, TWO], "COMPLETED")):
        request = await stage.send(*to, consent_requirement="OPT_OUT", test=True)
        assert (await stage.request(request))["state"] == state


async def test_a_request_that_nobody_gets_says_why(stage: Stage) -> None:
    one, two = await stage.contact(first_name="Ann"), await stage.contact(first_name="Bob")
    request = await stage.send(f"contact:{ids.show(one)}", f"contact:{ids.show(two)}")
    shown = await stage.request(request)
    assert (shown["state"], shown["failure_code"]) == ("REJECTED", "1002")
    assert "no address" in shown["failure_details"]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("group:" + UNKNOWN, "no group"),
        ("group:nonsense", "no such group"),
        ("contact:" + UNKNOWN, "no contact"),
        (UNKNOWN, f"no {UNKNOWN}"),
        ("psh:palm@x@token", "APN, GCM and FCM"),
        ("psh:apn@@token", "sender id is missing"),
        ("psh:apn@x@", "token"),
        ("fb:1@2", "Facebook"),
        ("nobody@nowhere", "domain"),
        ("pigeon:grey", "form of a recipient"),
    ],
)
async def test_a_bad_recipient_alone_is_refused(stage: Stage, to: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        await stage.accept(to)
    assert caught.value.field == "to"


@pytest.mark.parametrize("criteria", ["{", '{"shoe_size": 44}', "[]"])
async def test_criteria_that_mean_nothing_are_refused(stage: Stage, criteria: str) -> None:
    with pytest.raises(InvalidCriteria):
        await stage.accept(options=Options(criteria=criteria))


async def test_criteria_and_recipients_exclude_each_other(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="criteria"):
        await stage.accept(ONE, options=Options(criteria='{"last_name": "x"}'))


async def test_other_companies_contacts_and_groups_are_unknown(stage: Stage) -> None:
    other = Stage(stage.place, stage.gateway, await stage.place.tenant())
    contact = await other.contact(ONE)
    group = await other.group(contact)
    for to in (f"contact:{ids.show(contact)}", f"group:{ids.show(group)}"):
        with pytest.raises(InvalidInput):
            await stage.accept(to)
    request = await stage.send(TWO, f"contact:{ids.show(contact)}")
    assert [row[1] for row in await stage.fate(request)] == ["CREATED", "FAILED"]


# ---------------------------------------------------------------- media


async def test_mail_goes_to_mailboxes(stage: Stage) -> None:
    sender = await stage.sender("EMAIL")
    contact = await stage.contact(ONE, primary_email_addr="Ann@Example.com")
    request = await stage.send(
        "bob@EXAMPLE.org", f"contact:{ids.show(contact)}", ONE, sender=sender, subject="News"
    )
    rows = await stage.messages(request)
    assert [(r["peer_address"], r["medium"], r["failure_code"]) for r in rows] == [
        ("bob@example.org", "EMAIL", None),
        ("Ann@example.com", "EMAIL", None),
        (ONE, "SMS", "1003"),
    ]


async def test_push_goes_to_every_device_that_has_the_application(stage: Stage) -> None:
    sender, other = await stage.sender("PSH"), await stage.sender("PSH")
    contact = await stage.contact(ONE)
    await stage.token(contact, sender, "a1")
    await stage.token(contact, sender, "b2", Provider.FCM)
    await stage.token(contact, other, "c3")
    request = await stage.send(f"contact:{ids.show(contact)}", sender=sender)
    rows = await stage.messages(request)
    assert sorted((r["peer_address"], r["medium"]) for r in rows) == [
        ("apn:a1", "PSH"),
        ("fcm:b2", "PSH"),
    ]


async def test_push_addresses_name_their_application(stage: Stage) -> None:
    sender = await stage.sender("PSH")
    application = await stage.address_of(sender)
    request = await stage.send(
        f"psh:apn@{ids.show(sender)}@a1",
        f"push:b2@{application}@FCM",
        f"psh:gcm@{UNKNOWN}@c3",
        sender=sender,
    )
    assert await stage.fate(request) == [
        ("apn:a1", "CREATED", None),
        ("fcm:b2", "CREATED", None),
        ("gcm:c3", "FAILED", "1003"),
    ]


async def test_what_cannot_be_reached_has_the_medium_that_was_asked_for(stage: Stage) -> None:
    push = await stage.sender("PSH")
    channel = await stage.channel(await stage.sender("SMS"), push, await stage.sender("EMAIL"))
    nobody = f"contact:{ids.show(await stage.contact(first_name='Ann'))}"
    unreadable = "psh:zzz@x@y"
    for to, sender, more, medium in (
        (unreadable, push, {}, "PSH"),
        (unreadable, channel, {}, "PSH"),
        (nobody, push, {}, "PSH"),
        (nobody, channel, {}, "SMS"),
        (nobody, channel, {"contact_delivery_address_priority": ["EMAIL", "MDN"]}, "EMAIL"),
        ("no@mail@box", channel, {}, "EMAIL"),
        ("fb:me@page", stage.tenant.address, {}, "SMS"),
        ("nobody", channel, {"media_urls": ["https://example.com/a.png"]}, "MMS"),
    ):
        options = Options(**more)
        request = await stage.send(to, "none", sender=sender, options=options)
        failed, _ = await stage.messages(request)
        assert (failed["state"], failed["medium"]) == ("FAILED", medium), to


async def test_media_make_it_an_mms(stage: Stage) -> None:
    sender = await stage.sender("SMS", "MMS")
    options = Options(media_urls=["https://example.com/a.png"])
    request = await stage.send(ONE, sender=sender, body="", options=options)
    (row,) = await stage.messages(request)
    assert (row["medium"], row["fragments"]) == ("MMS", 1)
    assert (await stage.request(request))["media"] == [
        {"name": "a.png", "url": "https://example.com/a.png"}
    ]


# ---------------------------------------------------------------- channels


async def test_a_channel_sends_from_whatever_carries_the_message(stage: Stage) -> None:
    text, mail = await stage.sender("SMS"), await stage.sender("EMAIL")
    channel = await stage.channel(text, mail)
    for written in (channel, channel.replace(":", ": "), channel.replace(":", "-")):
        request = await stage.send(ONE, "bob@example.org", sender=written)
        assert [(r["sender_id"], r["medium"]) for r in await stage.messages(request)] == [
            (text, "SMS"),
            (mail, "EMAIL"),
        ]
    shown = await stage.request(request)
    assert (shown["sender_id"], ids.show(shown["channel_id"])) == (None, channel[8:])


async def test_a_channels_senders_share_recipients_and_keep_them(stage: Stage) -> None:
    senders = {await stage.sender("SMS") for _ in range(3)}
    channel = await stage.channel(*senders)
    numbers = [f"+49151{10_000_000 + n}" for n in range(40)]
    first = await stage.messages(await stage.send(*numbers, sender=channel))
    assert {row["sender_id"] for row in first} == senders
    again = await stage.messages(await stage.send(*numbers, sender=channel))
    assert [row["sender_id"] for row in again] == [row["sender_id"] for row in first]


@pytest.mark.parametrize(
    ("wishes", "medium"),
    [
        ([], "SMS"),
        (["MDN", "PUSH"], "SMS"),
        (["PUSH", "MDN"], "PSH"),
        (["EMAIL", "PUSH"], "PSH"),
    ],
)
async def test_contacts_are_reached_where_the_client_wishes(
    stage: Stage, wishes: list[str], medium: str
) -> None:
    text, push = await stage.sender("SMS"), await stage.sender("PSH")
    contact = await stage.contact(ONE)
    await stage.token(contact, push, "a1")
    request = await stage.send(
        f"contact:{ids.show(contact)}",
        sender=await stage.channel(text, push),
        options=Options(contact_delivery_address_priority=wishes),
    )
    assert (await stage.message(request))["medium"] == medium


@pytest.mark.parametrize(
    ("priority", "turn"), [(Priority.HIGH, 0), (Priority.NORMAL, 1), (Priority.LOW, 2)]
)
async def test_a_channels_priority_is_its_messages_place_in_the_queue(
    stage: Stage, priority: Priority, turn: int
) -> None:
    channel = await stage.channel(await stage.sender(), priority=priority)
    await stage.send(ONE, sender=channel)
    (queued,) = await stage.place.waiting(stage.tenant)
    assert queued["priority"] == turn


async def test_a_class_has_its_place_in_the_queue_too(stage: Stage) -> None:
    await stage.send(ONE, sender=await stage.sender(class_id="ALERTS"), consent_requirement="NONE")
    (queued,) = await stage.place.waiting(stage.tenant)
    assert queued["priority"] == 0


async def test_nothing_that_can_send_makes_a_failed_message(stage: Stage) -> None:
    channel = await stage.channel(await stage.sender("EMAIL"))
    request = await stage.send("bob@example.org", ONE, sender=channel)
    assert [row[1:] for row in await stage.fate(request)] == [("CREATED", None), ("FAILED", "1003")]


async def test_a_channel_needs_an_active_sender(stage: Stage) -> None:
    sender = await stage.sender()
    channel = await stage.channel(sender)
    await stage.db.execute(
        "update sender_id set state = $3 where company_id = $1 and id = $2",
        stage.company_id,
        sender,
        SenderState.INACTIVE,
    )
    with pytest.raises(InvalidInput, match="no sender id of the channel is ACTIVE"):
        await stage.accept(ONE, sender=channel)
    with pytest.raises(InvalidInput, match="no such channel"):
        await stage.accept(ONE, sender=f"channel:{UNKNOWN}")


async def test_a_channel_that_is_gone_meanwhile_rejects_the_request(stage: Stage) -> None:
    channel = await stage.channel(await stage.sender())
    request = await stage.accept(ONE, sender=channel)
    await stage.db.execute(
        "update channel set deleted_at = now() where company_id = $1", stage.company_id
    )
    stage.gateway.means.channels.forget()
    await stage.expand()
    shown = await stage.request(request)
    assert (shown["state"], shown["failure_code"]) == ("REJECTED", "1015")
