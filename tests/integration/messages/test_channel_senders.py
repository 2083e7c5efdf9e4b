"""Which sender id of a channel a message leaves from, by rates and limits as they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pipeline import Place
from stage import Stage
from tests.waiting import eventually

from clarion.engine.billing.model import ANY, Rate
from clarion.engine.billing.rates import load_rates
from clarion.engine.messages.model import Options
from clarion.engine.senders.throughput.model import Flow, Limits
from clarion.engine.senders.throughput.service import set_limits
from clarion.kit import ids

AMERICANS = [f"+1212555{n:04}" for n in range(100, 120)]
GERMANS = [f"+49151{40_000_000 + n}" for n in range(20)]
GERMANS_TOO = [f"+49151{50_000_000 + n}" for n in range(20)]


async def _rates(stage: Stage, *rates: tuple[str, str, str, str]) -> None:
    """The company's own: (sender type, medium, country, price)."""
    await load_rates(
        stage.db,
        [Rate(stage.company_id, type_id, medium, country, ANY, Decimal(price))
         for type_id, medium, country, price in rates],
        starts_at=datetime.now(UTC) - timedelta(milliseconds=500),
        source="test",
    )  # fmt: skip


async def _senders_of(stage: Stage, request: UUID) -> set[UUID | None]:
    return {row["sender_id"] for row in await stage.messages(request)}


async def test_a_channel_sends_from_what_costs_no_more_than_the_threshold(billed: Stage) -> None:
    """By the rate for the recipient's country: a price list need have no other."""
    await billed.credit("10")
    await _rates(billed, ("LONGCODE", "SMS", "US", "0.01"), ("TOLLFREE", "SMS", "US", "0.005"))
    dear, cheap = await billed.sender(), await billed.sender(type_id="TOLLFREE")
    channel = await billed.channel(dear, cheap)
    request = await billed.send(*AMERICANS, sender=channel, options=Options(price_threshold=0.007))
    assert await _senders_of(billed, request) == {cheap}
    assert await _senders_of(billed, await billed.send(*AMERICANS, sender=channel)) == {dear, cheap}


async def test_the_cheapest_is_the_one_for_the_medium_that_is_sent(billed: Stage) -> None:
    await billed.credit("10")
    await _rates(
        billed,
        ("LONGCODE", "SMS", "US", "0.01"), ("LONGCODE", "MMS", "US", "0.05"),
        ("TOLLFREE", "SMS", "US", "0.02"), ("TOLLFREE", "MMS", "US", "0.03"),
    )  # fmt: skip
    texts = await billed.sender("SMS", "MMS")
    media = await billed.sender("SMS", "MMS", type_id="TOLLFREE")
    channel = await billed.channel(texts, media)
    cheapest = {"sender_id_sort_criteria": ["PRICE"]}
    request = await billed.send(*AMERICANS, sender=channel, options=Options(**cheapest))
    assert await _senders_of(billed, request) == {texts}
    pictured = Options(**cheapest, media_urls=["https://a.example/b.png"])
    request = await billed.send(*AMERICANS, sender=channel, options=pictured)
    assert await _senders_of(billed, request) == {media}


# ---------------------------------------------------------------- throughput


async def _class(place: Place, limits: Limits) -> str:
    """A sender id class of this test's own."""
    name = f"a few {place.name}"
    await place.db.execute(
        "insert into sender_id_class (id, name, description, designation, applicable_countries, "
        "created_at, updated_at) values ($1, $1, '', 'ALL', '{OTHER}', now(), now())",
        name,
    )
    await set_limits(place.db, name, limits)
    return name


async def test_a_channel_sends_from_a_class_that_has_throughput_left(place: Place) -> None:
    """The day of one class is used up for one country, and for no other."""
    name = await _class(place, Limits(peak=None, peak_total=None, daily=5))
    gateway = await place.started()
    stage = Stage(place, gateway, await place.tenant())
    few, many = await stage.sender(class_id=name), await stage.sender()
    channel = await stage.channel(few, many)
    await stage.send(*GERMANS, sender=few)
    flow = Flow(stage.company_id, name, await stage.address_of(few), "DE")
    await eventually(lambda: gateway.throughput.when_next(flow) > 1)
    assert await _senders_of(stage, await stage.send(*GERMANS, sender=channel)) == {many}
    assert await _senders_of(stage, await stage.send(*AMERICANS, sender=channel)) == {few, many}


async def test_a_channel_waits_for_a_class_whose_second_is_used_up(place: Place) -> None:
    """The next second has room again, so recipients keep their sender id."""
    name = await _class(place, Limits(peak=5.0, peak_total=None, daily=None))
    gateway = await place.started()
    stage = Stage(place, gateway, await place.tenant())
    slow, other = await stage.sender(class_id=name), await stage.sender()
    channel = await stage.channel(slow, other)
    await stage.send(*GERMANS, *GERMANS_TOO, sender=slow)
    flow = Flow(stage.company_id, name, await stage.address_of(slow), "DE")
    await eventually(lambda: gateway.throughput.when_next(flow) > 0)
    assert await _senders_of(stage, await stage.send(*GERMANS, sender=channel)) == {slow, other}


# ---------------------------------------------------------------- conversations


async def test_a_number_has_one_sender_id_whoever_names_it(stage: Stage) -> None:
    """By itself, as a contact's, as a group's, in an SMS or an MMS."""
    senders = [await stage.sender("SMS", "MMS") for _ in range(4)]
    channel = await stage.channel(*senders)
    contacts = [await stage.contact(number) for number in AMERICANS]
    group = await stage.group(*contacts)

    async def used(*to: str, **more: Any) -> dict[str, UUID]:
        rows = await stage.messages(await stage.send(*to, sender=channel, **more))
        return {row["peer_address"]: row["sender_id"] for row in rows}

    by_number = await used(*AMERICANS)
    assert set(by_number) == set(AMERICANS)
    assert len(set(by_number.values())) > 1
    assert await used(*(f"contact:{ids.show(each)}" for each in contacts)) == by_number
    assert await used(f"group:{ids.show(group)}") == by_number
    pictured = Options(media_urls=["https://a.example/b.png"])
    assert await used(*AMERICANS, options=pictured) == by_number
