"""Identifiers: their order, their stem, their spelling."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit import ids

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def test_an_id_is_a_uuid_of_version_seven_and_knows_its_time() -> None:
    made = uuid.UUID(str(ids.new_id(at_ms=AT_MS)))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert ids.created_at(made) == AT


def test_the_ids_of_a_request_and_its_messages_are_one_range() -> None:
    request = ids.new_request_id(at_ms=AT_MS)
    messages = [ids.message_id(request, n) for n in (1, 2, 100_000, ids.MAX_SEQUENCE)]
    assert messages == sorted(messages)
    assert all(request < message <= ids.last_message_id(request) for message in messages)
    assert all(ids.request_id_of(message) == request for message in messages)


@pytest.mark.parametrize("sequence", [0, -1, ids.MAX_SEQUENCE + 1])
def test_a_sequence_out_of_range_is_refused(sequence: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        ids.message_id(ids.new_request_id(), sequence)


def test_the_floor_of_an_instant_divides_older_from_newer() -> None:
    floor = ids.floor_id(AT)
    assert ids.new_id(at_ms=AT_MS - 1) < floor <= ids.new_id(at_ms=AT_MS)
    assert ids.floor_id(AT - timedelta(seconds=1)) < floor


@given(st.uuids())
def test_an_id_is_read_as_it_is_shown(id: uuid.UUID) -> None:
    shown = ids.show(id)
    assert len(shown) == 22
    assert ids.parse(shown) == id


@given(st.text(max_size=30))
def test_any_text_shows_one_id_or_none(text: str) -> None:
    found = ids.parse(text)
    assert found is None or ids.show(found) == text


def test_ids_of_one_millisecond_ascend() -> None:
    made = [ids.new_request_id(at_ms=1_795_000_000_000) for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_a_secret_id_tells_its_time_and_nothing_else() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = [ids.new_secret_id() for _ in range(100)]
    assert all(before <= ids.created_at(id) <= datetime.now(UTC) for id in made)
    assert all(id.version == 7 and ids.parse(ids.show(id)) == id for id in made)
    assert len({id.int & (1 << 62) - 1 for id in made}) == 100
