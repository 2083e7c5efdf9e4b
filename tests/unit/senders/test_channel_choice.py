"""Which sender id of a channel is picked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from templating import a_sender

from clarion.engine.senders.channels.choice import Destination, choose
from clarion.engine.senders.channels.model import Channel, channel_named, names_channel
from clarion.engine.senders.model import Sender, SenderState
from clarion.kit import ids

PEOPLE = [f"+1555000{n:04}" for n in range(2000)]


def a_channel(*senders: Sender, listed: Sequence[str] = ()) -> Channel:
    return Channel(ids.new_id(), 1000, 1, senders, frozenset(listed))


@dataclass
class Known:
    """What a test knows of the sender ids; by default all can send, and nothing has a price."""

    carried: Callable[[Sender, Destination], bool] = lambda *_: True
    allowed: Callable[[Sender], bool] = lambda _: True
    ready: Callable[[Sender, Destination], bool] = lambda *_: True
    price: Callable[[Sender, Destination], Decimal | None] = lambda *_: None


def picked(
    channel: Channel,
    *,
    capability: str = "SMS",
    country: str | None = "US",
    sort_criteria: Sequence[str] = (),
    recipient: str = PEOPLE[0],
    **known: Any,
) -> Sender | None:
    destination = Destination(recipient, capability, country)
    made = choose(channel, [destination], Known(**known), sort_criteria=sort_criteria)
    return made.sender if made else None


# ---------------------------------------------------------------- what can be used


@pytest.mark.parametrize("state", [s for s in SenderState if s is not SenderState.ACTIVE])
def test_only_active_sender_ids_are_picked(state: SenderState) -> None:
    assert picked(a_channel(a_sender(state=state))) is None
    good = a_sender()
    assert picked(a_channel(a_sender(state=state), good)) is good


def test_the_sender_id_can_carry_the_medium() -> None:
    sms, mms = a_sender(capabilities=("SMS",)), a_sender(capabilities=("SMS", "MMS"))
    assert picked(a_channel(sms, mms), capability="MMS") is mms
    assert picked(a_channel(sms), capability="EMAIL") is None


@pytest.mark.parametrize(
    ("countries", "country", "listed", "fits"),
    [
        (("OTHER",), "US", (), True),
        (("OTHER",), "US", ("DE",), True),
        (("OTHER",), "DE", ("DE",), False),  # DE has classes of its own
        (("DE",), "DE", ("DE",), True),
        (("DE", "AT"), "AT", ("DE", "AT"), True),
        (("DE",), "US", ("DE",), False),
        (("DE", "OTHER"), "US", ("DE",), True),
        (("DE",), None, ("DE",), True),  # an e-mail address is in no country
    ],
)
def test_the_class_is_for_the_recipients_country(
    countries: tuple[str, ...], country: str | None, listed: tuple[str, ...], *, fits: bool
) -> None:
    sender = a_sender(countries=countries)
    assert (picked(a_channel(sender, listed=listed), country=country) is sender) is fits


@pytest.mark.parametrize(("own", "fits"), [(None, True), ("US", True), ("DE", False)])
def test_a_sender_id_that_is_for_one_country_sends_nowhere_else(
    own: str | None, *, fits: bool
) -> None:
    sender = a_sender(country=own)
    assert (picked(a_channel(sender)) is sender) is fits


# ---------------------------------------------------------------- order


def test_the_cheapest_is_picked_and_what_has_no_price_last() -> None:
    senders = [a_sender() for _ in range(3)]
    prices = {senders[0].id: Decimal("0.02"), senders[1].id: Decimal("0.01")}

    def price(sender: Sender, destination: Destination) -> Decimal | None:
        assert (destination.country, destination.capability) == ("US", "SMS")
        return prices.get(sender.id)

    for person in PEOPLE[:20]:
        found = picked(a_channel(*senders), sort_criteria=["PRICE"], price=price, recipient=person)
        assert found is senders[1]


def test_what_nothing_carries_is_not_picked_even_if_no_other_can_send_now() -> None:
    """A connector for texts alone carries no MMS, whatever its sender id's type can."""
    texts, both = a_sender(), a_sender()
    channel = a_channel(texts, both)
    for person in PEOPLE[:20]:
        found = picked(
            channel, recipient=person, carried=lambda s, _: s is both, ready=lambda *_: False
        )
        assert found is both
    assert picked(channel, carried=lambda *_: False) is None


def test_a_type_that_allows_what_travels_along_comes_before_throughput() -> None:
    strict, lax = a_sender(), a_sender()
    channel = a_channel(strict, lax)
    refused: dict[str, Any] = {"allowed": lambda s: s is not strict}
    for person in PEOPLE[:20]:
        assert picked(channel, recipient=person, **refused) is lax
        full = picked(channel, recipient=person, ready=lambda s, _: s is strict, **refused)
        assert full is lax  # it waits for its turn, where the other would fail
    assert picked(a_channel(strict), **refused) is strict


def test_throughput_left_comes_before_the_order() -> None:
    cheap, dear = a_sender(class_id="ALERTS"), a_sender(class_id="COMMERCIAL")
    prices = {cheap.id: Decimal(1), dear.id: Decimal(2)}
    asked: dict[str, Any] = {
        "sort_criteria": ["PRICE"],
        "price": lambda sender, _: prices[sender.id],
    }
    channel = a_channel(cheap, dear)
    assert picked(channel, ready=lambda s, _: s is not cheap, **asked) is dear
    assert picked(channel, ready=lambda *_: False, **asked) is cheap  # it waits for its turn


SMS = Destination("+15550001111", "SMS", "US")
PUSH = Destination("apn:token", "PSH", None, sender_address="my.app")


@pytest.mark.parametrize(
    ("criteria", "order", "expected"),
    [
        ((), (PUSH, SMS), "my.app"),
        ((), (SMS, PUSH), "15550001000"),
        (("DELIVERY_ADDRESS",), (PUSH, SMS), "my.app"),
        (("PRICE",), (PUSH, SMS), "15550001000"),
        (("PRICE", "DELIVERY_ADDRESS"), (PUSH, SMS), "15550001000"),
        (("DELIVERY_ADDRESS", "PRICE"), (PUSH, SMS), "my.app"),
        (("SOMETHING",), (PUSH, SMS), "my.app"),
    ],
)
def test_of_several_addresses_the_criteria_decide(
    criteria: tuple[str, ...], order: tuple[Destination, ...], expected: str
) -> None:
    text = a_sender()
    push = a_sender(address="my.app", capabilities=("PSH",))
    other = a_sender(address="other.app", capabilities=("PSH",))
    made = choose(
        a_channel(other, push, text),
        order,
        Known(price=lambda sender, _: Decimal(1 if sender is text else 2)),
        sort_criteria=criteria,
    )
    assert made is not None
    assert made.sender.address == expected
    assert made.destination is (SMS if expected == text.address else PUSH)


def test_an_address_that_nothing_reaches_is_passed_over() -> None:
    text = a_sender()
    made = choose(a_channel(text), [PUSH, SMS], Known(), sort_criteria=())
    assert made is not None
    assert made.destination is SMS


# ---------------------------------------------------------------- sharing


def test_equals_share_the_recipients_and_each_keeps_its_own() -> None:
    senders = [a_sender() for _ in range(4)]
    channel = a_channel(*senders)
    first = {person: picked(channel, recipient=person) for person in PEOPLE}
    shares = Counter(found.id for found in first.values() if found)
    assert len(shares) == 4
    assert all(350 < share < 650 for share in shares.values())
    again = a_channel(*reversed(senders))
    assert all(picked(again, recipient=p) is found for p, found in first.items())


def test_all_who_are_together_have_one_sender_id() -> None:
    channel = a_channel(*(a_sender() for _ in range(4)))
    made = {
        choose(channel, [Destination(p, "SMS", "US")], Known(), sort_criteria=(), together="one")
        for p in PEOPLE[:50]
    }
    assert len({choice.sender.id for choice in made if choice}) == 1


def test_when_a_sender_id_goes_only_its_recipients_move() -> None:
    senders = [a_sender() for _ in range(4)]
    before = {p: picked(a_channel(*senders), recipient=p) for p in PEOPLE}
    after = {p: picked(a_channel(*senders[1:]), recipient=p) for p in PEOPLE}
    moved = {p for p in PEOPLE if before[p] is not after[p]}
    assert moved == {p for p in PEOPLE if before[p] is senders[0]}


def test_nothing_is_picked_from_nothing() -> None:
    assert picked(a_channel()) is None


# ---------------------------------------------------------------- names


def test_a_from_names_a_channel_in_several_ways() -> None:
    id = ids.new_id()
    for text in ("channel:{}", "channel-{}", " Channel : {} ", "CHANNEL:{}"):
        assert channel_named(text.format(ids.show(id))) == id
        assert names_channel(text.format(ids.show(id)))
    assert names_channel("channel:nonsense")
    assert channel_named("channel:nonsense") is None
    for other in (
        ids.show(id),
        f"sender_id:{ids.show(id)}",
        "15550001000",
        "channel",
        "channels:1",
    ):
        assert not names_channel(other)
