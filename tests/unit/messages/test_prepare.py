"""From what a client asked to rows: one test for each reason to stop, and what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import a_request

from clarion.engine.messages.model import MessageState, NewRequest, Route
from clarion.engine.messages.prepare import measure, prepare, resolve_recipients
from clarion.engine.messages.prepared import Prepared, count_states
from clarion.engine.messages.wishes import MAX_PAUSE
from clarion.errors import ClarionError, InvalidInput, MessageTooLong, ValueTooLong
from clarion.kit import ids
from clarion.settings import Intake

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LIMITS = Intake(max_recipients=20, direct_recipients=5, max_fragments=3, max_schedule_days=30)
ROUTE = Route(sender_id=UUID(int=7), sender_address="12125550100", connector="carrier")
LATEST = NOW + timedelta(days=30)
FAR = NOW + timedelta(days=31)
SOON = NOW + timedelta(hours=1)
ONE, TWO = "+4915112345678", "+4915112345679"
STATE, RECIPIENT_COUNT, DUPLICATES, PENDING, FAILED = 2, 8, 9, 10, 11  # in Prepared.kind
SOLO, RECIPIENTS, BODY, PAUSE_ENDS = 1, 2, 3, 10  # in Prepared.request


def _prepare(new: NewRequest, **more: Any) -> Prepared:
    return prepare(
        new, company_id=1, application_id=2, route=ROUTE,
        **{"latin1": False, "limits": LIMITS, "now": NOW, **more},
    )  # fmt: skip


def _states(prepared: Prepared) -> list[object]:
    return [message[2] for message in prepared.messages]


# ---------------------------------------------------------------- reasons to stop


@pytest.mark.parametrize(
    ("words", "new", "error", "field"),
    [
        ("nobody to send to", NewRequest(sender="1", recipients=[], body="x"), InvalidInput, "to"),
        ("too many", a_request(*[f"+49151{n:08}" for n in range(21)]), InvalidInput, "to"),
        ("one recipient, and no number", a_request("nobody"), InvalidInput, "to"),
        ("an impossible number", a_request("+1212"), InvalidInput, "to"),
        ("the same bad one twice", a_request("nobody", "nobody"), InvalidInput, "to"),
        ("no text", a_request(ONE, body=""), InvalidInput, "body"),
        ("a NUL in the text", a_request(ONE, body="a\0b"), InvalidInput, "body"),
        ("a NUL in a name", a_request(ONE, external_id="a\0b"), InvalidInput, "external_id"),
        ("one letter over three parts", a_request(ONE, body="x" * 460), MessageTooLong, "body"),
        ("a text without end", a_request(ONE, body="x" * 5_000_000), MessageTooLong, "body"),
        ("too far", a_request(ONE, scheduled_at=FAR), InvalidInput, "scheduled_delivery_time"),
        ("a long pause", a_request(ONE, pause_expires_at=FAR), InvalidInput, "pause_expiry_time"),
    ],
)  # fmt: skip
def test_a_request_is_refused_for(
    words: str, new: NewRequest, error: type[ClarionError], field: str
) -> None:
    with pytest.raises(error) as caught:
        _prepare(new)
    assert caught.value.field == field, words
    assert type(caught.value) is error
    assert caught.value.message


@pytest.mark.parametrize(
    "name", ["subject", "external_id", "conversation_id", "campaign_id", "program_id"]
)
def test_names_have_a_length(name: str) -> None:
    _prepare(a_request(ONE, **{name: "x" * 255}))
    with pytest.raises(ValueTooLong) as caught:
        _prepare(a_request(ONE, **{name: "x" * 256}))
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("alphabet", "letter", "alone", "part"),
    [("GSM 03.38", "x", 160, 153), ("its extension", "€", 80, 76), ("UCS-2", "я", 70, 67)],
)
def test_the_limit_counts_fragments_in_every_alphabet(
    alphabet: str, letter: str, alone: int, part: int
) -> None:
    fragments = {
        length: measure(letter * length, latin1=False, limits=LIMITS).fragments
        for length in (1, alone, alone + 1, 2 * part, 2 * part + 1, 3 * part)
    }
    assert list(fragments.values()) == [1, 1, 2, 2, 3, 3], alphabet
    with pytest.raises(MessageTooLong, match="4 fragments, at most 3"):
        measure(letter * (3 * part + 1), latin1=False, limits=LIMITS)


def test_latin1_is_used_only_where_the_connector_has_it() -> None:
    assert measure("ç" * 140, latin1=True, limits=LIMITS).encoding == 1
    assert measure("ç" * 140, latin1=False, limits=LIMITS).encoding == 2


# ---------------------------------------------------------------- what is stored


def test_one_message_that_leaves_now_is_a_row_alone() -> None:
    prepared = _prepare(a_request(ONE))
    message = ids.message_id(prepared.request_id, 1)
    assert prepared.alone is not None
    assert prepared.alone[:4] == (prepared.request_id, message, ONE, "DE")
    assert not prepared.request
    assert not prepared.messages
    assert (prepared.queued, prepared.refused, prepared.connector) == (1, 0, "carrier")
    assert prepared.ready is not None
    assert prepared.ready.leaving == ((message, ONE, "DE"),)


@pytest.mark.parametrize(
    "wishes",
    [
        {"test": True},
        {"scheduled_at": SOON},
        {"pause_before_transmit": True},
        {"pause_expires_at": SOON},
        {"expires_at": NOW},
    ],
)
def test_one_message_that_does_not_leave_now_makes_a_solo_request(wishes: dict[str, Any]) -> None:
    prepared = _prepare(a_request(ONE, **wishes))
    assert prepared.alone is None
    message = ids.message_id(prepared.request_id, 1)
    assert [row[0] for row in prepared.messages] == [message]
    assert prepared.request[SOLO] == message


def test_messages_are_numbered_in_the_order_of_recipients() -> None:
    prepared = _prepare(a_request(TWO, ONE))
    assert [row[3] for row in prepared.messages] == [TWO, ONE]
    assert [row[0] for row in prepared.messages] == [
        ids.message_id(prepared.request_id, n) for n in (1, 2)
    ]
    assert prepared.request[SOLO] is None


def test_a_recipient_who_is_named_twice_gets_one_message() -> None:
    prepared = _prepare(a_request(ONE, ONE[1:], f"mdn:{ONE}", TWO, ONE))
    assert [row[3] for row in prepared.messages] == [ONE, TWO]
    assert (prepared.kind[RECIPIENT_COUNT], prepared.kind[DUPLICATES]) == (2, 3)


def test_a_recipient_who_is_named_twice_and_alone_makes_a_solo_request() -> None:
    prepared = _prepare(a_request(ONE, ONE))
    assert prepared.alone is None
    assert prepared.request[SOLO] is not None
    assert prepared.kind[DUPLICATES] == 1


def test_a_bad_recipient_among_good_ones_fails_by_itself() -> None:
    prepared = _prepare(a_request(ONE, "nobody", TWO))
    assert _states(prepared) == ["CREATED", "FAILED", "CREATED"]
    assert prepared.messages[1][5] == "1002"
    assert "nobody" in str(prepared.messages[1][6])
    assert (prepared.queued, prepared.refused) == (2, 1)
    assert prepared.kind[STATE] == "TRANSMITTING"


def test_a_request_with_bad_recipients_only_is_rejected() -> None:
    prepared = _prepare(a_request("nobody", "no one"))
    assert _states(prepared) == ["FAILED", "FAILED"]
    assert prepared.kind[STATE] == "REJECTED"


def test_what_is_stored_of_a_bad_recipient_is_bounded_and_can_be_stored() -> None:
    prepared = _prepare(a_request(ONE, "\0" * 10 + "x" * 1000))
    assert prepared.messages[1][3] == "x" * 54
    assert "\0" not in str(prepared.messages[1][6])


def test_many_recipients_are_left_to_the_expander() -> None:
    prepared = _prepare(a_request(*[f"+4915112345{n:03}" for n in range(6)]))
    assert not prepared.messages
    assert prepared.kind[STATE] == "PREPARING"
    assert prepared.kind[RECIPIENT_COUNT] == 0
    assert prepared.queued == 6


@pytest.mark.parametrize(
    ("words", "wishes", "message", "request_state", "queued"),
    [
        ("nothing special", {}, "CREATED", "TRANSMITTING", 2),
        ("a test", {"test": True}, "TEST", "COMPLETED", 0),
        ("later", {"scheduled_at": SOON}, "SCHEDULED", "TRANSMITTING", 2),
        ("at the latest", {"scheduled_at": LATEST}, "SCHEDULED", "TRANSMITTING", 2),
        ("a time that has passed", {"scheduled_at": NOW}, "CREATED", "TRANSMITTING", 2),
        ("paused", {"pause_before_transmit": True}, "PAUSED", "PAUSED", 0),
        ("both", {"pause_before_transmit": True, "scheduled_at": SOON}, "PAUSED", "PAUSED", 0),
        ("a paused test", {"pause_before_transmit": True, "test": True}, "TEST", "COMPLETED", 0),
        ("still good", {"expires_at": NOW + timedelta(seconds=1)}, "CREATED", "TRANSMITTING", 2),
    ],
)  # fmt: skip
def test_messages_begin_in_the_state_that_the_client_wishes(
    words: str, wishes: dict[str, Any], message: str, request_state: str, queued: int
) -> None:
    prepared = _prepare(a_request(ONE, TWO, **wishes))
    assert _states(prepared) == [message] * 2, words
    assert (prepared.kind[STATE], prepared.queued) == (request_state, queued), words


def test_an_expiry_in_the_past_expires_every_message() -> None:
    prepared = _prepare(a_request(ONE, expires_at=NOW))
    assert _states(prepared) == ["EXPIRED"]
    assert prepared.messages[0][5] == "1007"
    assert (prepared.queued, prepared.kind[FAILED]) == (0, 1)


@pytest.mark.parametrize(
    ("given_end", "stored"), [(None, NOW + MAX_PAUSE), (NOW + MAX_PAUSE, NOW + MAX_PAUSE)]
)
def test_a_pause_ends_within_a_day(given_end: datetime | None, stored: datetime) -> None:
    prepared = _prepare(a_request(ONE, pause_before_transmit=True, pause_expires_at=given_end))
    assert prepared.request[PAUSE_ENDS] == stored


@given(
    st.lists(st.sampled_from([ONE, TWO, "nobody", "no one", ONE[1:]]), min_size=2, max_size=5),
    st.sampled_from([{}, {"test": True}, {"pause_before_transmit": True}, {"expires_at": NOW}]),
)
def test_counters_are_what_the_messages_say(to: list[str], wishes: dict[str, Any]) -> None:
    try:
        prepared = _prepare(a_request(*to, **wishes))
    except InvalidInput:
        assert set(to) <= {"nobody", "no one"}
        return
    states = _states(prepared)
    kind = prepared.kind
    assert kind[RECIPIENT_COUNT] == len(states)
    assert len(states) + int(str(kind[DUPLICATES])) == len(to)
    assert kind[PENDING] == sum(s in ("CREATED", "SCHEDULED", "PAUSED") for s in states)
    assert kind[FAILED] == sum(s in ("FAILED", "EXPIRED") for s in states)
    assert prepared.refused == kind[FAILED]


def test_counting_knows_every_state_that_preparing_makes() -> None:
    counts = {
        state.value: count_states(resolve_recipients([ONE], state=state))
        for state in (
            MessageState.CREATED, MessageState.SCHEDULED, MessageState.PAUSED, MessageState.TEST,
            MessageState.EXPIRED,
        )
    }  # fmt: skip
    assert counts == {
        "CREATED": (1, 0, 1),
        "SCHEDULED": (1, 0, 1),
        "PAUSED": (1, 0, 0),
        "TEST": (0, 0, 0),
        "EXPIRED": (0, 1, 0),
    }
