"""The page on the criteria of subscriptions says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clarion.engine.events.configurations.model import MAX_CONFIGURATIONS
from clarion.engine.events.criteria import InvalidCriteria, check, parse
from clarion.engine.events.criteria.model import MAX_DEPTH, MAX_LENGTH, MAX_TERMS
from clarion.engine.events.model import Value
from clarion.engine.events.subscriptions.model import MAX_OF_KEY, MAX_SUBSCRIPTIONS, MAX_UNKEYED
from clarion.engine.events.types.catalogue import TYPES

PAGE = (Path(__file__).parents[3] / "docs/event-criteria.md").read_text("utf-8")
EXAMPLES = re.search(r"## What can be written\s+```\n(.+?)```", PAGE, re.DOTALL)


def test_the_examples_can_be_written() -> None:
    assert EXAMPLES is not None
    lines = EXAMPLES[1].splitlines()
    assert len(lines) == 5
    for line in lines:
        check(parse(line), list(TYPES.values()))
        assert not parse(line).matches({})


def test_the_fault_is_as_it_is_shown() -> None:
    with pytest.raises(InvalidCriteria) as caught:
        check(parse("company-id = '123'"), [TYPES["porting_event"]])
    assert caught.value.message in PAGE


def test_what_is_not_there_is_as_the_table_says() -> None:
    rows = re.findall(r"^\| `(.*to_address.+?)` \| (is(?: not)? delivered) \|$", PAGE, re.MULTILINE)
    event: dict[str, Value] = {"new_state": "SENT"}
    assert len(rows) == 4
    for text, answer in rows:
        assert parse(text).matches(event) is (answer == "is delivered"), text


def test_limits_are_as_they_are_enforced() -> None:
    words = f"{MAX_LENGTH:,} characters, {MAX_TERMS:,} values, and {MAX_DEPTH} parentheses"
    assert words in PAGE
    limits = re.findall(r"^\| ([0-9,]+) \| (\w+ \w+ \w+ \w+)", PAGE, re.MULTILINE)
    assert limits == [
        (f"{MAX_SUBSCRIPTIONS:,}", "subscriptions of a company"),
        (f"{MAX_UNKEYED:,}", "subscriptions to a topic"),
        (f"{MAX_OF_KEY:,}", "subscriptions to a topic"),
        (f"{MAX_CONFIGURATIONS:,}", "delivery configurations of a"),
    ]
