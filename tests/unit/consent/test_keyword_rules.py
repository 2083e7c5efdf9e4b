"""Which keyword a text is: the order, the whole text and the first word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.waiting import cpu_seconds

from clarion.engine.consent.keywords.model import MAX_EXPRESSIONS, Action, Type, read_actions
from clarion.engine.consent.keywords.rules import Keyword, Rules
from clarion.kit.ids import new_id

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HERE, THERE = new_id(), new_id()


def keyword(value: str, *actions: str, id: UUID | None = None, **more: Any) -> Keyword:
    return Keyword(
        id or new_id(), value, value, Type.COMPANY, tuple(Action(each) for each in actions), **more
    )


def found(text: str, *keywords: Keyword, sender: UUID = HERE, at: datetime = NOW) -> str | None:
    hit = Rules(keywords).find(text, sender, at)
    return hit.name if hit else None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("SPORTS", "sports"),
        ("SPORTS", "  Sports  "),
        ("SPORTS", "sports!"),
        ("SPORTS", '"SPORTS".'),
        ("SPORTS", "sports please"),
        ("SPORTS", "Sports, please"),
        ("two words", "Two   words"),
        ("GO!", "go!"),
        ("straße", "STRASSE"),
        ("vote [0-9]+", "VOTE 12"),
        ("(a|b)", "B!"),
        ("ÉTÉ", "été"),
    ],
)
def test_a_keyword_is_found(value: str, text: str) -> None:
    assert found(text, keyword(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("SPORTS", "more sports"),
        ("SPORTS", "sportsman"),
        ("GO!", "go"),
        ("vote [0-9]+", "vote now"),
        ("SPORTS", ""),
        ("two words", "two words more"),
        ("x+", "x" * 161),
    ],
)
def test_a_keyword_is_not_found(value: str, text: str) -> None:
    assert found(text, keyword(value)) is None


@pytest.mark.parametrize("action", ["OPTIN", "OPTOUT"])
def test_consent_takes_the_whole_text(action: str) -> None:
    rule = keyword("JOIN", action, "STORE")
    assert found("join!", rule) == "JOIN"
    assert found("join the club", rule) is None
    assert found("join the club", keyword("JOIN", "STORE")) == "JOIN"


def test_case_can_matter() -> None:
    for value in ("Sports", "Sport[s]"):
        rule = keyword(value, case_sensitive=True)
        assert found("Sports", rule) == value
        assert found("SPORTS", rule) is None


def test_reserved_words_come_first() -> None:
    hit = Rules([keyword(".*", "STORE"), keyword("stop")]).find("stop", HERE, NOW)
    assert hit is not None
    assert (hit.type, hit.actions) == (Type.RESERVED, (Action.OPTOUT,))
    assert found("stop it", keyword(".*")) == ".*"


def test_the_sender_ids_own_come_before_everybodys() -> None:
    old, mine = keyword("n.*"), keyword("news", sender_id=HERE)
    assert found("news", old, mine) == "news"
    assert found("news", old, mine, sender=THERE) == "n.*"


def test_the_older_comes_before_the_newer() -> None:
    first, second = keyword("ne.*"), keyword("n.*")
    assert found("news", second, first) == "ne.*"
    word, expression = keyword("news"), keyword("n.*")
    assert found("news", expression, word) == "news"
    later_word = keyword("news")
    assert found("news", later_word, expression) == "n.*"


def test_the_whole_text_comes_before_its_first_word() -> None:
    older, newer = keyword("vote"), keyword("vote now")
    assert found("vote now", older, newer) == "vote now"
    assert found("vote later", older, newer) == "vote"


def test_a_keyword_holds_from_and_to_its_dates() -> None:
    day = timedelta(days=1)
    rule = keyword("x", valid_from=NOW, valid_to=NOW + day)
    assert found("x", rule) == "x"
    assert found("x", rule, at=NOW + day) == "x"
    assert found("x", rule, at=NOW - day) is None
    assert found("x", rule, at=NOW + 2 * day) is None


def test_one_that_does_not_hold_hides_no_other() -> None:
    past, general = keyword("x", valid_to=NOW - timedelta(days=1)), keyword("x+")
    assert found("x", past, general) == "x+"


def test_what_no_release_takes_any_more_is_passed_over() -> None:
    assert found("x", keyword("("), keyword("x")) == "x"


@pytest.mark.parametrize("text", ["\ud800", "\x00", "a\u202eb", "😀" * 100])
def test_odd_texts_are_survived(text: str) -> None:
    assert found(text, keyword("x.y")) is None


def test_a_company_of_hostile_expressions_holds_nobody_up() -> None:
    rules = Rules(
        keyword(f"((a{{0,10}}){{0,10}})x{n}" if n % 2 else f"(.*a.{{12}}){{2}}{n}")
        for n in range(MAX_EXPRESSIONS)
    )
    rules.find("warm up", HERE, NOW)
    assert rules.find("a" * 160, HERE, NOW) is None
    assert cpu_seconds(lambda: rules.find("a" * 160, HERE, NOW)) < 0.5  # 50 ms


def test_five_thousand_words_cost_one_look_up() -> None:
    rules = Rules(keyword(f"word{n}") for n in range(5000))
    assert rules.find("word4999", HERE, NOW) is not None
    # 4 us; to try one word after the other takes some milliseconds.
    assert cpu_seconds(lambda: rules.find("word4999", HERE, NOW), rounds=20) < 200e-6


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("OPTIN", ["OPTIN"]),
        (" optin ,, store ", ["OPTIN", "STORE"]),
        (["OPTOUT", "store"], ["OPTOUT", "STORE"]),
        ("", []),
        ([""], []),
    ],
)
def test_actions_are_read(given: Any, read: list[str]) -> None:
    assert read_actions(given) == read


def test_an_unknown_action_is_named() -> None:
    with pytest.raises(ValueError, match="'JUMP' is not one of OPTIN, OPTOUT, STORE"):
        read_actions("OPTIN JUMP")
