"""Connections that all lanes share: who gets one when there are few."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from clarion.engine.events.delivering.lane import FAILING, Claim, Item, Lane
from clarion.engine.events.delivering.ports import Answer, Answered
from clarion.engine.events.delivering.posting import Posting
from clarion.engine.events.delivering.record import DeliveryRecorder
from clarion.engine.events.model import (
    AuthenticationType,
    DeliveryConfiguration,
    Destination,
    Event,
    Format,
    Protocol,
)
from clarion.kit import ids
from clarion.settings import Events

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
GOOD = Answer(status=200, text="", milliseconds=1)
BAD = Answer(status=500, text="", milliseconds=1)


class Hands:
    """A courier whose posts are answered by hand."""

    def __init__(self) -> None:
        self.posts: list[tuple[int, Answered]] = []

    def post(
        self, destination: Destination, event: Event, *, attempt: int, answered: Answered
    ) -> None:
        self.posts.append((destination.configuration.id, answered))

    def of(self, id: int) -> int:
        return sum(each == id for each, _ in self.posts)

    def answer(self, id: int, answer: Answer = GOOD) -> None:
        place = next(n for n, (each, _) in enumerate(self.posts) if each == id)
        self.posts.pop(place)[1](answer)

    async def close(self) -> None: ...


class Nobody(DeliveryRecorder):
    """Records nothing."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]


@pytest.fixture
async def hands() -> Hands:
    return Hands()


def a_posting(hands: Hands, *, total: int, lapsed: bool = False) -> Posting:
    settings = Events(connections=16, connections_total=total)
    return Posting(hands, Nobody(), settings, hungry=lambda: None, lapsed=lambda: lapsed)


def a_lane(posting: Posting, id: int, count: int) -> Lane:
    """With so much in hand."""
    lane = posting.lane(1, id)
    lane.destination = Destination(
        configuration=DeliveryConfiguration(
            company_id=1, id=id, name=str(id), protocol=Protocol.REST, address="http://x/",
            format=Format.JSON, active=True, inactive_reason=None, throttling=None, ordered=False,
            cron_expression=None, latest_event_only=False,
            authentication_type=AuthenticationType.NONE, held_until=None, updated_at=NOW, version=1,
        ),
        settings={},
        secrets=(),
    )  # fmt: skip
    claim = Claim(1, ids.new_id(), set())
    made = [
        Event(company_id=1, id=ids.new_id(), external_id=None, topic="T", type="t", key="", at=NOW,
              body="{}")
        for _ in range(count)
    ]  # fmt: skip
    posting.accept(lane, [Item(event, claim, 0, 0, None) for event in made])
    return lane


async def test_a_lane_grows_only_into_what_is_not_kept_back(hands: Hands) -> None:
    posting = a_posting(hands, total=8)
    a_lane(posting, 1, 100)
    for _ in range(60):
        hands.answer(1)
    assert hands.of(1) == 6  # three quarters
    a_lane(posting, 2, 10)
    assert hands.of(2) == 2


async def test_whoever_waits_for_room_is_next(hands: Hands) -> None:
    posting = a_posting(hands, total=2)
    a_lane(posting, 1, 5)
    a_lane(posting, 2, 5)
    a_lane(posting, 3, 5)
    assert (hands.of(1), hands.of(2), hands.of(3)) == (2, 0, 0)
    hands.answer(1)
    assert (hands.of(1), hands.of(2), hands.of(3)) == (1, 1, 0)
    hands.answer(1)
    assert (hands.of(1), hands.of(2), hands.of(3)) == (0, 1, 1)
    hands.answer(2)
    assert (hands.of(1), hands.of(2), hands.of(3)) == (0, 1, 1)  # 2 has waited longer than 1
    hands.answer(3)
    assert (hands.of(1), hands.of(2), hands.of(3)) == (1, 1, 0)


async def test_room_that_a_failing_lane_may_not_use_goes_to_another(hands: Hands) -> None:
    posting = a_posting(hands, total=4)
    failing = a_lane(posting, 1, 0)
    for _ in range(FAILING):
        failing.failed()
    other = a_lane(posting, 4, 0)
    for _ in range(FAILING):
        other.failed()
    a_lane(posting, 1, 10)
    a_lane(posting, 4, 10)  # half of all is used by who fails: it waits
    assert (hands.of(1), hands.of(4)) == (2, 0)
    a_lane(posting, 2, 2)
    a_lane(posting, 3, 5)  # nothing is left: it waits as well, behind the failing one
    assert (hands.of(2), hands.of(3)) == (2, 0)
    hands.answer(2)
    assert (hands.of(3), hands.of(4)) == (1, 0)


async def test_a_failing_lane_rests_between_tries_and_gives_back_what_it_has(
    hands: Hands,
) -> None:
    posting = a_posting(hands, total=100)
    lane = a_lane(posting, 1, 50)
    for _ in range(FAILING):
        hands.answer(1, BAD)
    assert lane.failing
    assert posting.held == 0
    assert lane.rest_until > asyncio.get_running_loop().time()


async def test_nothing_is_posted_by_who_may_be_thought_dead(hands: Hands) -> None:
    posting = a_posting(hands, total=100, lapsed=True)
    a_lane(posting, 1, 5)
    assert hands.posts == []
    assert posting.held == 5
