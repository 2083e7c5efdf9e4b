"""The page on consent and keywords says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from clarion.api.scg.keywords import KEYWORDS
from clarion.engine.consent.addresses.model import MAX_OPTOUT, ConsentStatus, Manager, Source, Way
from clarion.engine.consent.keywords.model import MAX_EXPRESSIONS, MAX_KEYWORDS
from clarion.engine.consent.keywords.reserved import TABLE, Meaning
from clarion.engine.consent.replies import Kind
from clarion.engine.consent.store import MOST_A_DAY, MOST_A_MINUTE
from clarion.kit.ere import MAX_PATTERN, MAX_TEXT

PAGE = (Path(__file__).parents[3] / "docs/consent.md").read_text("utf-8")
_NAMES = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
}
_COLUMN = {Meaning.OPTOUT: 1, Meaning.OPTIN: 2, Meaning.HELP: 3}


def test_every_reserved_word_is_in_its_place_and_no_other_is() -> None:
    wanted: dict[tuple[str, int], set[str]] = {}
    for meaning, languages, words in TABLE:
        names = ["all languages"]
        if len(languages.split()) < len(_NAMES):
            names = [_NAMES[each] for each in languages.split()]
        for name in names:
            wanted.setdefault((name, _COLUMN[meaning]), set()).update(words.split())
    shown = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in {"all languages", *_NAMES.values()}:
            for column in _COLUMN.values():
                shown[cells[0], column] = set(cells[column].split(", "))
    assert shown == wanted


def test_every_value_is_named() -> None:
    for kind in (ConsentStatus, Manager, Source, Way):
        for each in kind:
            assert f"`{each}`" in PAGE, each
    for template in Kind:
        assert f"| `{template}` |" in PAGE


def test_every_attribute_that_a_company_sets_is_described() -> None:
    read_only = {"id", "application_id", "company_id", "created_date", "last_updated_date"}
    for field in msgspec.structs.fields(KEYWORDS.shape.struct):
        if field.encode_name not in read_only | {"version_number"}:
            assert f"`{field.encode_name}`" in PAGE, field.encode_name


def test_limits_are_those_of_the_code() -> None:
    text = re.sub(r"\s+", " ", PAGE)
    for words in (
        f"up to {MAX_PATTERN} characters",
        f"more than {MAX_TEXT} characters",
        f"up to {MAX_KEYWORDS:,} keywords, {MAX_EXPRESSIONS} of them",
        f"(up to {MAX_OPTOUT:,})",
    ):
        assert words in text, words
    assert (MOST_A_MINUTE, MOST_A_DAY) == (5, 20)
    assert "five times a minute at most" in text
    assert "twenty times a day" in text
