"""Which options of a push there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion.engine.messages.push_options import NUMBERED, PUSH_OPTIONS, check_push_options
from clarion.errors import InvalidInput

PAGE = Path(__file__).parents[3] / "docs" / "scg.md"


def test_every_option_may_have_a_text_a_number_or_a_truth() -> None:
    for value in ("1", 1, 0.5, True, ""):
        check_push_options(dict.fromkeys(PUSH_OPTIONS, value))
    check_push_options({name.replace("<n>", "12"): "x" for name in NUMBERED})


@pytest.mark.parametrize(
    "name",
    ["badge", "push:", "push:bagde", "push:Badge", "push:alert", "push:alert:loc-arg",
     "push:alert:loc-arg:", "push:alert:loc-arg:x", "push:alert:title:0", "sms:badge", ""],
)  # fmt: skip
def test_an_option_that_is_unknown_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match="unknown") as raised:
        check_push_options({"push:badge": "1", name: "1"})
    assert raised.value.message.startswith(f"options: {name!r} is unknown")


def test_a_slip_is_told_what_was_meant() -> None:
    with pytest.raises(InvalidInput, match="push:badge is an option"):
        check_push_options({"push:bagde": "1"})


@pytest.mark.parametrize("value", [None, [], ["a"], {}, {"a": 1}])
def test_an_option_has_one_value(value: object) -> None:
    with pytest.raises(InvalidInput, match="push:badge is a text"):
        check_push_options({"push:badge": value})


def test_all_are_in_the_documents() -> None:
    page = PAGE.read_text()
    assert [name for name in (*PUSH_OPTIONS, *NUMBERED) if f"`{name}`" not in page] == []
