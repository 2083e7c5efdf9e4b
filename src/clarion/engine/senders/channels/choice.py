"""Which sender id of a channel a message leaves from: pure, and the same for the same recipient.

In this order: those that can be used at all (ACTIVE, able to carry the medium and carried, meant
for the country), of those the ones whose type allows what travels along, of those the ones that
can send at once for what it may cost, of those the first by the request's criteria. What is then
still equal shares the recipients among it, each recipient always with the same one, so that a
conversation keeps its number. When a sender id comes or goes, only its own recipients move
(rendezvous hashing).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol

from msgspec import Struct

from clarion.engine.senders.channels.model import Channel
from clarion.engine.senders.model import OTHER_COUNTRIES, Sender, SenderState

_Key = tuple[Decimal, ...]
_UNKNOWN = Decimal("Infinity")  # what no rate is known for comes behind all that one is known for


class Criterion(StrEnum):
    """What `sender_id_sort_criteria` can name (SCG reference, Message Request)."""

    DELIVERY_ADDRESS = "DELIVERY_ADDRESS"  # in the order of the recipient's addresses
    PRICE = "PRICE"  # the cheapest


class Destination(Struct, frozen=True):
    """One of the addresses that a recipient can be reached at."""

    address: str
    capability: str  # what a sender id must be able to carry
    country: str | None = None  # ISO 3166 alpha-2; None: not known, or of no country
    sender_address: str | None = None  # the only one that reaches it: of push, the application


class Choice(Struct, frozen=True):
    """Where a message leaves from, and where it goes."""

    sender: Sender
    destination: Destination


class Facts(Protocol):
    """What is known of a message that would leave from a sender id for a destination."""

    def carried(self, sender: Sender, destination: Destination) -> bool:
        """Whether anything carries it."""

    def allowed(self, sender: Sender) -> bool:
        """Whether its type allows what travels beside the text."""

    def ready(self, sender: Sender, destination: Destination) -> bool:
        """Whether it can leave now, for no more than it may cost."""

    def price(self, sender: Sender, destination: Destination) -> Decimal | None:
        """What it costs; None: nobody knows."""


def choose(
    channel: Channel,
    destinations: Sequence[Destination],
    facts: Facts,
    *,
    sort_criteria: Sequence[str],
    together: str | None = None,
) -> Choice | None:
    """The sender id and the address for a recipient with several addresses, the preferred one
    first. `together`: what stands for all recipients of a message, who get it from one sender id.
    None: none of the channel's can be used."""
    fitting = [
        (place, Choice(sender, destination))
        for place, destination in enumerate(destinations)
        for sender in usable(channel, destination)
        if facts.carried(sender, destination)
    ]
    fitting = [each for each in fitting if facts.allowed(each[1].sender)] or fitting
    ready = [each for each in fitting if facts.ready(each[1].sender, each[1].destination)]
    best = _first([*_keyed(ready or fitting, sort_criteria, facts)])
    return max(best, key=lambda choice: _weight(choice, together), default=None)


def usable(channel: Channel, destination: Destination) -> list[Sender]:
    """The channel's sender ids that can send to this address."""
    return [
        sender
        for sender in channel.senders
        if sender.state is SenderState.ACTIVE
        and destination.capability in sender.capabilities
        and destination.sender_address in (None, sender.address)
        and _serves(sender, destination.country, channel.listed_countries)
    ]


def _serves(sender: Sender, country: str | None, listed: frozenset[str]) -> bool:
    """A class without countries of its own is not for countries that some class names (SCG
    reference, Sender ID Class, `applicable_countries`)."""
    if country is None:
        return True
    if sender.country not in (None, country):
        return False
    if country in listed:
        return country in sender.countries
    return OTHER_COUNTRIES in sender.countries


def _keyed(
    choices: Iterable[tuple[int, Choice]], criteria: Sequence[str], facts: Facts
) -> Iterable[tuple[_Key, Choice]]:
    """What a choice is ranked by; where nobody asked for another order, the addresses' own."""
    for place, choice in choices:
        key = []
        for criterion in criteria:
            if criterion == Criterion.PRICE:
                cost = facts.price(choice.sender, choice.destination)
                key.append(_UNKNOWN if cost is None else cost)
            elif criterion == Criterion.DELIVERY_ADDRESS:
                key.append(Decimal(place))
        yield (*key, Decimal(place)), choice


def _first(keyed: Sequence[tuple[_Key, Choice]]) -> list[Choice]:
    """The best ones: all that share the lowest key."""
    lowest = min((key for key, _ in keyed), default=None)
    return [choice for key, choice in keyed if key == lowest]


def _weight(choice: Choice, together: str | None) -> bytes:
    """By the address: whether it was named, or is a contact's, its conversation has one number."""
    recipient = together or choice.destination.address
    return blake2b(choice.sender.id.bytes + recipient.encode(), digest_size=8).digest()
