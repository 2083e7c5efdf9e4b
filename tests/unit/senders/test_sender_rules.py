"""Addresses, states and credentials of sender ids, without a database."""

from __future__ import annotations

import json

import pytest

from clarion.engine.senders.catalogue import CLASSES, TYPES
from clarion.engine.senders.credentials import check_credentials, masked, merged
from clarion.engine.senders.model import (
    CLIENT_MOVES,
    OPERATOR_MOVES,
    SenderState,
    check_move,
    plain_address,
    stored_address,
)
from clarion.errors import Conflict, InvalidInput


def test_every_state_is_a_row_of_both_tables() -> None:
    assert set(CLIENT_MOVES) == set(OPERATOR_MOVES) == set(SenderState)


@pytest.mark.parametrize("state", SenderState)
def test_a_state_can_always_stay_as_it_is(state: SenderState) -> None:
    check_move(state, state)
    check_move(state, state, operator=True)


def test_only_the_operator_implements_and_breaks() -> None:
    pairs = [
        (SenderState.PENDING_IMPLEMENTATION, SenderState.IMPLEMENTED),
        (SenderState.ACTIVE, SenderState.BROKEN),
        (SenderState.BROKEN, SenderState.ACTIVE),
    ]
    for now, then in pairs:
        check_move(now, then, operator=True)
        with pytest.raises(Conflict):
            check_move(now, then)


@pytest.mark.parametrize(
    ("written", "stored"),
    [("+4915112345678", "4915112345678"), (" 12345 ", "12345"), ("+Name", "+Name"), ("Ab1", "Ab1")],
)
def test_numbers_are_stored_as_digits(written: str, stored: str) -> None:
    assert plain_address(written) == stored


def test_an_unknown_type_takes_an_account_name() -> None:
    assert stored_address("VIBER", "my-bot") == "my-bot"
    with pytest.raises(InvalidInput):
        stored_address("VIBER", "my bot")


PUSH = ("APN:certificate,topic", "GCM:certificate")


def test_a_provider_that_is_there_needs_all_its_parameters() -> None:
    check_credentials('{"GCM": {"certificate": "x"}}', PUSH)
    check_credentials('[{"GCM": {"certificate": "x"}}]', PUSH)
    for bad in ('{"APN": {"certificate": "x"}}', '{"GCM": {}}', '{"GCM": "x"}'):
        with pytest.raises(InvalidInput, match="credentials"):
            check_credentials(bad, PUSH)


@pytest.mark.parametrize("text", ["", "x", "1", '"a"', "[1]", "{", "[" * 100_000, "x" * 70_000])
def test_credentials_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_credentials(text, ())


def test_masked_values_that_come_back_stand_for_what_is_stored() -> None:
    stored = '{"GCM": {"certificate": "secret", "old": 1}, "n": 7}'
    shown = masked(stored)
    assert "secret" not in shown
    assert json.loads(merged(shown, stored)) == json.loads(stored)
    changed = shown.replace('"n":"***"', '"n":8')
    assert json.loads(merged(changed, stored))["n"] == 8
    assert json.loads(merged('{"new":"***"}', stored)) == {"new": "***"}


def test_the_catalogue_has_no_two_of_one_id() -> None:
    assert len({entry.id for entry in CLASSES}) == len(CLASSES)
    assert len({entry.id for entry in TYPES}) == len(TYPES)
    for entry in CLASSES:
        assert entry.peak <= entry.peak_total
        assert entry.delivery_window is None or json.loads(entry.delivery_window)
