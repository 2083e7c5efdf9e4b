"""docs/templates.md: every example says what the page says, every figure is the code's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from templating import a_sender, a_validator, own, patterns

from clarion.engine.senders.templates import Limits, TemplateError, render, validate
from clarion.engine.senders.templates.expressions import MAX_OPERATORS
from clarion.engine.senders.templates.model import MAX_PATTERN, MAX_TEMPLATES
from clarion.engine.senders.templates.parsing import MAX_NESTING
from clarion.engine.senders.templates.values import METHODS

PAGE = (Path(__file__).parents[3] / "docs/templates.md").read_text("utf-8")
NAMED = dict(re.findall(r"^Template `(\w+)`:\n\n```velocity\n(.*?)\n```", PAGE, re.M | re.S))
EXAMPLES = re.findall(
    r"^```velocity\n((?:(?!```).)*)\n```\n```(text|error)\n(.*?)\n```", PAGE, re.M | re.S
)
CONTACT = json.loads(re.findall(r"^```json\n(.*?)\n```", PAGE, re.M | re.S)[0])


def test_no_example_is_left_out() -> None:
    assert len(EXAMPLES) + len(NAMED) == PAGE.count("```velocity") > 8


@pytest.mark.parametrize(("body", "kind", "expected"), EXAMPLES)
def test_an_example_says_what_the_page_says(body: str, kind: str, expected: str) -> None:
    if kind == "text":
        assert render(body, patterns(**NAMED), {"contact": CONTACT}) == expected
        return
    with pytest.raises(TemplateError, match=re.escape(expected)):
        render(body, patterns(**NAMED), {"contact": CONTACT})


def test_the_bodies_of_requests_can_be_sent() -> None:
    posted = [json.loads(text) for text in re.findall(r"-d '(\{.*?\})'\n", PAGE, re.S)]
    assert len(posted) == 5
    (first, request, *_) = posted
    assert first["pattern"] == NAMED[first["name"]]
    assert render(request["body"], patterns(**NAMED), {}) in PAGE


def test_validators_take_and_refuse_what_the_page_says() -> None:
    table = PAGE[PAGE.index("| pattern | takes | refuses |") :].split("\n\n")[0]
    rows = [re.findall("`(.*?)`", row) for row in table.splitlines()[2:]]
    assert len(rows) == 3
    for pattern, good, bad in rows:
        sender = a_sender(message_templates=("v",))
        validate(sender, good, own(a_validator("v", pattern)))
        with pytest.raises(TemplateError):
            validate(sender, bad, own(a_validator("v", pattern)))


def test_the_limits_are_those_of_the_code() -> None:
    limits = Limits()
    expected = [
        MAX_PATTERN, MAX_TEMPLATES, limits.output, limits.items, limits.loops, limits.depth,
        MAX_NESTING, MAX_OPERATORS, limits.steps, round(limits.seconds * 1000),
    ]  # fmt: skip
    table = PAGE[PAGE.index("## Limits") : PAGE.index("## What differs")]
    assert [int(n) for n in re.findall(r"\| (\d+)[^|]*\|$", table, re.M)] == expected


def test_every_method_is_on_the_page() -> None:
    assert set(re.findall(r"`(\w+)\(", PAGE)) >= METHODS.keys()
