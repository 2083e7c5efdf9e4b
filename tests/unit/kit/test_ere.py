"""Users' regular expressions: POSIX extended syntax, bounded whatever they are."""

from __future__ import annotations

import pytest
from tests.waiting import cpu_seconds

from clarion.kit.ere import MAX_TEXT, compile_ere, is_literal


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("SPORTS", "sports", True),
        ("SPORTS", "sports today", False),
        ("SPORTS?", "Sport", True),
        ("(news|weather)", "WEATHER", True),
        ("vote [[:digit:]]{1,2}", "Vote 12", True),
        ("vote [[:digit:]]{1,2}", "Vote 123", False),
        ("^go$", "go", True),
        ("a.c", "a\nc", True),
        ("[^[:space:]]+", "a b", False),
        ("ÉTÉ", "été", True),
        ("", "", True),
        ("x*", "", True),
        ("a+", "b", False),
    ],
)
def test_the_whole_text_is_described_or_it_is_not(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001
    assert compile_ere(pattern, ignore_case=True)(text) is matches


def test_case_can_matter() -> None:
    matches = compile_ere("Sports", ignore_case=False)
    assert matches("Sports")
    assert not matches("sports")


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[a",
        "*",
        r"\d",
        r"\w",
        r"\b",
        "(?i)a",
        "(?:a)",
        "(?=a)",
        r"(a)\1",
        "a{2,1}",
    ],
)
def test_what_is_no_posix_expression_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"it is not a POSIX extended regular expression: [a-z]"):
        compile_ere(pattern, ignore_case=True)


@pytest.mark.parametrize("pattern", ["(x{1000}){1000}", "(.{0,100}){0,10}", "[^a]{999}", "a" * 256])
def test_what_takes_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_ere(pattern, ignore_case=True)


def test_long_texts_are_not_looked_at() -> None:
    matches = compile_ere(".*", ignore_case=True)
    assert matches("x" * MAX_TEXT)
    assert not matches("x" * (MAX_TEXT + 1))


@pytest.mark.parametrize(
    "pattern",
    [
        "(a*)*b",
        "(a|aa)+b",
        "(a|a?)+b",
        "((a{0,10}){0,10})x",
        "(.*.*.*.*.*.*.*.*)x",
        "(.*a.{12}){2}x",
        "[ab]*a[ab]{150}c",
        "(((.?){20}){4})x",
        "(([ab]*a[ab]{20}){5})c",
    ],
)
@pytest.mark.parametrize("text", ["a" * MAX_TEXT, "ab" * (MAX_TEXT // 2), "é" * MAX_TEXT])
def test_a_hostile_expression_takes_no_longer_than_others(pattern: str, text: str) -> None:
    matches = compile_ere(pattern, ignore_case=True)
    assert not matches(text)
    # 0.05 ms; a backtracking engine takes years.
    assert cpu_seconds(lambda: matches(text)) < 0.02


def test_plain_words_are_told_from_expressions() -> None:
    for word in ("SPORTS", "two words", "été", "a-b", "5"):
        assert is_literal(word)
    for expression in ("a+", "a|b", "[ab]", "a.b", "^a", "a$", "(a)", "a?", "a*", "a{2}", r"a\."):
        assert not is_literal(expression)
