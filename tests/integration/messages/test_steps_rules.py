"""Who may be written to, when, and who pays: consent, windows, schedules, prices, wishes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pipeline import Place
from stage import Stage

from clarion.engine.messages import service
from clarion.engine.messages.model import Options
from clarion.engine.senders.windows import service as windows
from clarion.errors import InvalidInput, NotEnoughCredit
from clarion.kit import ids

ONE, TWO, THREE = "+4915112345678", "+4915112345679", "+4915112345670"
US = "+12125550123"


async def _states(stage: Stage, *to: str, **more: Any) -> list[tuple[str, str | None]]:
    return [(state, code) for _, state, code in await stage.fate(await stage.send(*to, **more))]


# ---------------------------------------------------------------- consent


@pytest.mark.parametrize(
    ("requirement", "refused"),
    [
        ("NONE", set()),
        ("OPT_OUT", {"OPTOUT", "BLACKLIST"}),
        ("OPT_IN", {"NONE", "OPTOUT", "BLACKLIST"}),
    ],
)
async def test_consent_is_what_the_request_requires(
    stage: Stage, requirement: str, refused: set[str]
) -> None:
    statuses = ["NONE", "OPTIN", "OPTOUT", "BLACKLIST", "WHITELIST"]
    numbers = [f"+49151{10_000_000 + n}" for n in range(len(statuses))]
    for number, status in zip(numbers, statuses, strict=True):
        await stage.status(number, status)
    request = await stage.send(*numbers, consent_requirement=requirement)
    rows = await stage.messages(request)
    failed = {s for row, s in zip(rows, statuses, strict=True) if row["failure_code"] == "1005"}
    assert failed == refused
    assert {row["state"] for row in rows if row["failure_code"] is None} == {"CREATED"}


async def test_it_is_said_why_somebody_gets_nothing(stage: Stage) -> None:
    white = await stage.sender(check_white_list=True)
    for status in ("OPTOUT", "BLACKLIST"):
        await stage.status(f"+49151{20_000_000 + len(status)}", status)

    async def why(to: str, **more: Any) -> str:
        return str((await stage.message(await stage.send(to, **more)))["failure_details"])

    said = [
        await why("+4915120000006", consent_requirement="OPT_OUT"),
        await why("+4915120000009", consent_requirement="OPT_IN"),
        await why(ONE, consent_requirement="OPT_IN"),
        await why(ONE, sender=white),
    ]
    assert said == [
        "The recipient has refused messages from the sender id.",
        "The recipient is on the sender id's black list.",
        "The recipient has not agreed to it.",
        "The recipient is not on the sender id's white list.",
    ]


async def test_a_recipient_who_is_new_gets_a_status(stage: Stage) -> None:
    await stage.send(ONE, consent_requirement="OPT_OUT")
    row = await stage.db.fetchrow(
        "select address, consent_status from contact_address_status where company_id = $1",
        stage.company_id,
    )
    assert row is not None
    assert tuple(row) == (ONE, "NONE")


async def test_a_sender_with_a_white_list_writes_to_nobody_else(stage: Stage) -> None:
    sender = await stage.sender(check_white_list=True)
    await stage.status(TWO, "WHITELIST", sender=sender)
    assert await _states(stage, ONE, TWO, sender=sender) == [("FAILED", "1005"), ("CREATED", None)]


# ---------------------------------------------------------------- times


async def test_a_local_time_is_each_recipients_own(stage: Stage) -> None:
    day = (datetime.now(UTC) + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    denver = await stage.contact(US, primary_addr_zip="80202", primary_addr_country="US")
    request = await stage.send(
        ONE, f"contact:{ids.show(denver)}", "+5511912345678", scheduled_at=day,
        scheduled_zone="LOCAL",
    )  # fmt: skip
    rows = await stage.messages(request)
    assert {row["state"] for row in rows} == {"SCHEDULED"}
    hours = [row["scheduled_at"].hour for row in rows]
    assert hours[0] in (7, 8)  # Berlin
    assert hours[1] in (15, 16)  # Denver, by the postal code
    assert hours[2] == 12  # São Paulo
    queued = await stage.place.waiting(stage.tenant)
    assert {row["due_at"] for row in queued} == {row["scheduled_at"] for row in rows}
    assert (await stage.request(request))["scheduled_at"] == day


async def _class(stage: Stage, name: str, window: dict[str, dict[str, str]]) -> None:
    await stage.db.execute(
        """insert into sender_id_class (id, name, description, designation,
            applicable_countries, delivery_window, created_at, updated_at)
            values ($1, $1, '', $1, '{OTHER}', $2::jsonb::text, now(), now())
            on conflict (id) do update set delivery_window = excluded.delivery_window""",
        name, window,
    )  # fmt: skip


def _in_fourteen_hours() -> dict[str, dict[str, str]]:
    """A window that opens then, in UTC or an hour before it."""
    hour = datetime.now(UTC).hour
    return {"DEFAULT": {"OTH": f"{(hour + 14) % 24:02}:00-{(hour + 16) % 24:02}:00"}}


async def test_a_class_sends_within_its_hours(stage: Stage) -> None:
    opened = {"DEFAULT": {"OTH": "00:00-24:00"}}
    for name, window in (("NIGHT", _in_fourteen_hours()), ("DAY", opened)):
        await _class(stage, name, window)
    night = await stage.sender(class_id="NIGHT")
    request = await stage.send("+441212345678", sender=night)  # in UTC, or an hour before it
    (row,) = await stage.messages(request)
    assert row["state"] == "SCHEDULED"
    assert timedelta(hours=11) < row["scheduled_at"] - datetime.now(UTC) < timedelta(hours=15)
    assert await _states(stage, ONE, sender=await stage.sender(class_id="DAY")) == [
        ("CREATED", None)
    ]
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert await _states(stage, "+441212345678", sender=night, expires_at=soon) == [
        ("EXPIRED", "1007")
    ]


async def test_what_waited_until_its_window_closed_waits_for_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it came to wait: here nothing was dispatched while the window was open."""
    monkeypatch.setattr(windows, "MAX_AGE", 0.0)
    gateway = place.gateway()
    await gateway.membership.renew()
    gateway.intake.start()
    stage = Stage(place, gateway, await place.tenant())
    name = f"HOURS {stage.company_id}"
    await _class(stage, name, {"DEFAULT": {"OTH": "00:00-24:00"}})
    sender = await stage.sender(class_id=name)
    plain = await stage.send("+441212345679", sender=stage.tenant.address)
    request = await stage.send("+441212345678", sender=sender)
    soon = await stage.send(
        "+441212345678", sender=sender, expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    assert [row["state"] for row in await stage.messages(request)] == ["CREATED"]
    await _class(stage, name, _in_fourteen_hours())
    await gateway.intake.stop()
    await gateway.start()
    await place.until(stage.tenant, plain, "DELIVERED")
    await place.until(stage.tenant, request, "SCHEDULED")
    row = await stage.message(request)
    assert timedelta(hours=10) < row["scheduled_at"] - datetime.now(UTC) < timedelta(hours=15)
    assert {r["due_at"] for r in await place.waiting(stage.tenant)} == {row["scheduled_at"]}
    assert (await stage.request(request))["state"] == "TRANSMITTING"
    await place.until(stage.tenant, soon, "EXPIRED")
    await _class(stage, name, {"DEFAULT": {"OTH": "00:00-24:00"}})
    await place.make_due(stage.tenant)
    await place.until(stage.tenant, request, "DELIVERED")


async def test_what_has_expired_when_it_is_prepared_goes_nowhere(stage: Stage) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    wishes = {"consent_requirement": "OPT_OUT", "expires_at": past}
    assert await _states(stage, ONE, TWO, **wishes) == [("EXPIRED", "1007")] * 2


@pytest.mark.parametrize(
    ("wishes", "message", "request_state"),
    [
        ({"test": True}, "TEST", "COMPLETED"),
        ({"pause_before_transmit": True}, "PAUSED", "PAUSED"),
        (
            {"scheduled_at": datetime.now(UTC) + timedelta(hours=1)},
            "SCHEDULED",
            "TRANSMITTING",
        ),
    ],
)
async def test_what_the_client_wished_holds_for_steps(
    stage: Stage, wishes: dict[str, Any], message: str, request_state: str
) -> None:
    request = await stage.send(ONE, TWO, consent_requirement="OPT_OUT", **wishes)
    assert {row[1] for row in await stage.fate(request)} == {message}
    assert (await stage.request(request))["state"] == request_state
    waiting = await stage.place.waiting(stage.tenant)
    assert len(waiting) == (2 if message == "SCHEDULED" else 0)


async def test_a_paused_request_of_a_channel_resumes_by_each_senders_carrier(stage: Stage) -> None:
    text, mail = await stage.sender("SMS"), await stage.sender("EMAIL")
    channel = await stage.channel(text, mail)
    request = await stage.send(ONE, "bob@example.org", sender=channel, pause_before_transmit=True)
    gateway = stage.gateway
    connectors = gateway.settings.connectors
    resumed = await service.resume_request(
        stage.db, gateway.senders, connectors, stage.company_id, request
    )
    assert resumed == [next(iter(connectors))]
    queued = await stage.place.waiting(stage.tenant)
    assert {row["sender_id"] for row in queued} == {text, mail}
    assert {row[1] for row in await stage.fate(request)} == {"CREATED"}


# ---------------------------------------------------------------- prices


async def test_messages_are_charged_by_fragment_and_country(billed: Stage) -> None:
    await billed.credit("10")
    request = await billed.send(ONE, US, body="x" * 200)
    assert [row["price"] for row in await billed.messages(request)] == [
        Decimal("0.04"),
        Decimal("1.0"),
    ]
    assert (await billed.request(request))["price"] == Decimal("1.04")
    assert await billed.balance() == Decimal("8.96")


async def test_a_company_without_credit_is_told(billed: Stage) -> None:
    with pytest.raises(NotEnoughCredit):
        await billed.accept(ONE)
    await billed.credit("0.03")
    with pytest.raises(NotEnoughCredit):
        await billed.accept(ONE, TWO)
    group = await billed.group(await billed.contact(ONE))
    assert await _states(billed, f"group:{ids.show(group)}") == [("CREATED", None)]


async def test_what_the_credit_does_not_cover_fails(billed: Stage) -> None:
    await billed.credit("0.05")
    contacts = [await billed.contact(f"+49151{10_000_000 + n}") for n in range(4)]
    group = await billed.group(*contacts)
    request = await billed.send(f"group:{ids.show(group)}")
    assert sorted(row[1:] for row in await billed.fate(request)) == [
        ("CREATED", None),
        ("CREATED", None),
        ("FAILED", "4020"),
        ("FAILED", "4020"),
    ]
    assert await billed.balance() == Decimal("0.01")
    assert (await billed.request(request))["price"] == Decimal("0.04")


async def test_what_was_never_sent_is_paid_back(billed: Stage) -> None:
    await billed.credit("1")
    paused = await billed.send(ONE, TWO, pause_before_transmit=True)
    assert await billed.balance() == Decimal("0.96")
    await service.cancel_request(billed.db, billed.company_id, paused)
    assert await billed.balance() == Decimal("1")
    assert {row["price"] for row in await billed.messages(paused)} == {None}
    assert (await billed.request(paused))["price"] == 0
    await service.cancel_request(billed.db, billed.company_id, paused)  # twice pays once
    assert await billed.balance() == Decimal("1")


async def test_a_test_costs_nothing(billed: Stage) -> None:
    request = await billed.send(ONE, test=True)
    row = await billed.message(request)
    assert (row["state"], row["price"]) == ("TEST", None)
    assert await billed.balance() == 0


async def test_what_is_over_the_threshold_is_not_sent(billed: Stage) -> None:
    await billed.credit("10")
    options = Options(price_threshold=0.1)
    assert await _states(billed, ONE, US, options=options) == [
        ("CREATED", None),
        ("FAILED", "1003"),
    ]
    assert await billed.balance() == Decimal("9.98")


async def test_the_cheapest_sender_sends_where_the_client_wishes(billed: Stage) -> None:
    await billed.credit("10")
    cheap, dear = await billed.sender("EMAIL"), await billed.sender("SMS")
    contact = await billed.contact(US, primary_email_addr="ann@example.com")
    request = await billed.send(
        f"contact:{ids.show(contact)}", sender=await billed.channel(dear, cheap),
        options=Options(sender_id_sort_criteria=["PRICE"]),
    )  # fmt: skip
    assert (await billed.message(request))["sender_id"] == cheap


# ---------------------------------------------------------------- wishes that cannot be


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (Options(sender_id_sort_criteria=["BEAUTY"], translate=True), "sender_id_sort_criteria"),
        (Options(contact_delivery_address_priority=["PIGEON"], translate=True), "contact_delivery"),
        (Options(translate=True, dst_language="the language of birds"), "dst_language"),
        (Options(media_urls=["https://a.example/b"], attachments=["x"]), "media_urls"),
        (Options(media_urls=[f"https://a.example/{n}" for n in range(11)]), "media_urls"),
        (Options(media_urls=["file:///etc/passwd"]), "media_urls"),
        (Options(attachments=["nonsense"]), "attachments"),
        (Options(failover="SMS"), "failover"),
        (Options(group_mms=True), "group_mms"),
        (Options(price_threshold=-1.0, translate=True), "price_threshold"),
    ],
)
async def test_wishes_that_cannot_be_are_refused(
    stage: Stage, options: Options, field: str
) -> None:
    with pytest.raises(InvalidInput, match=field):
        await stage.accept(ONE, options=options)


async def test_media_need_a_sender_that_carries_them(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="cannot send media"):
        await stage.accept(ONE, options=Options(media_urls=["https://a.example/b"]))


async def test_failover_is_a_text_from_a_channel_without_media(stage: Stage) -> None:
    channel = await stage.channel(await stage.sender("SMS"), await stage.sender("PSH"))
    media = ["https://a.example/b"]
    await stage.accept(ONE, sender=channel, options=Options(failover="SMS"))
    for sender, options in (
        (channel, Options(failover="SMS", media_urls=media)),
        (await stage.channel(await stage.sender("SMS")), Options(failover="SMS")),
    ):
        with pytest.raises(InvalidInput):
            await stage.accept(ONE, sender=sender, options=options)


async def test_a_group_mms_is_for_a_few_numbers_of_one_country(stage: Stage) -> None:
    sender = await stage.sender("MMS", "SMS")
    numbers = [f"+1212555{n:04}" for n in range(11)]
    group = Options(group_mms=True)
    request = await stage.send(*numbers[:10], sender=sender, options=group)
    assert {row["medium"] for row in await stage.messages(request)} == {"MMS"}
    for to in (numbers, [*numbers[:2], ONE], ["ann@example.com"]):
        with pytest.raises(InvalidInput, match="group_mms"):
            await stage.accept(*to, sender=sender, options=group)
    with pytest.raises(InvalidInput, match="group_mms"):
        await stage.accept(*numbers[:2], options=group)


async def test_small_requests_of_a_company_are_made_together(stage: Stage) -> None:
    requests = await asyncio.gather(
        *(stage.accept(f"+49151{10_000_000 + n}", consent_requirement="OPT_OUT") for n in range(40))
    )
    await stage.expand()
    transactions = await stage.db.fetch(
        "select distinct xmin::text from message where company_id = $1", stage.company_id
    )
    assert len(transactions) < 5
    for request in requests:
        assert (await stage.request(request))["recipient_count"] == 1
