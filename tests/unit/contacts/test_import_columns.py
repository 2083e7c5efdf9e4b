"""What the first line of an import names, and what its rows become."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from clarion.engine.contacts.fast_access.model import NO_RULES, Rule, Rules
from clarion.engine.contacts.jobs.columns import BadRow, read_columns
from clarion.errors import InvalidInput

RULES = Rules(
    [
        Rule(1, "Color", None),
        Rule(2, "Size, in Europe", None),
        Rule(3, "City", "$.primary_addr_city"),
    ]
)


def contact(header: str, *cells: str, rules: Rules = NO_RULES) -> dict[str, Any]:
    return read_columns(header.split("|"), rules).contact(list(cells))


@pytest.mark.parametrize(
    "name", ["primary_mdn", "Primary MDN", " primary-mdn ", "\ufeffPRIMARY_MDN", "Phone number"]
)
def test_names_are_understood_however_they_are_written(name: str) -> None:
    assert contact(name, "1 212 555 0100") == {"primary_mdn": "+12125550100"}


def test_a_row_sets_what_its_cells_hold() -> None:
    found = contact(
        "external_id|first_name|birth_date|zip|customer_account_list|Social Handles",
        *("7", " Ann ", "1985-04-12", "", '[{"type": "web"}]', "fb:1@2, we:3@4"),
    )
    assert found == {
        "external_id": "7",
        "first_name": "Ann",
        "birth_date": date(1985, 4, 12),
        "account_list": [{"type": "web"}],
        "social_handles": ["fb:1@2", "we:3@4"],
    }


def test_columns_name_extended_attributes_and_fast_access() -> None:
    found = contact(
        "external_id|extended_attributes|Extended_Attributes.Shoe size|fast_access.Color|"
        "fast_access_2|fast_access_9",
        *("7", '{"a": 1}', "42", "red", "44", "x"),
        rules=RULES,
    )
    assert found.pop("extended_attributes").parsed == {"a": 1, "Shoe size": "42"}
    assert found == {
        "external_id": "7", "fast_access_1": "red", "fast_access_2": "44", "fast_access_9": "x"
    }  # fmt: skip
    only = contact("external_id|extended_attributes.b", "7", "x")
    assert only["extended_attributes"].parsed == {"b": "x"}


def test_what_is_derived_and_what_failures_add_is_passed_over() -> None:
    header = "external_id|fast_access.City|fast_access_3|import_line|import_error"
    assert contact(header, "7", "Tampa", "Tampa", "5", "bad", rules=RULES) == {"external_id": "7"}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("external_id|shoe|favourite", "contacts do not have: 'shoe', 'favourite'"),
        ("external_id|", "contacts do not have: ''"),
        ("external_id|fast_access.Weight", "contacts do not have: 'fast_access.Weight'"),
        ("external_id|phone|primary_mdn", "names primary_mdn twice"),
        ("external_id|fast_access.Color|fast_access_1", "names fast_access_1 twice"),
        ("first_name|last_name", "must name external_id or primary_mdn"),
        ("|".join(["external_id"] * 201), "more than 200"),
    ],
)
def test_a_first_line_that_cannot_be_used_says_why(header: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words.replace("|", r"\|")):
        read_columns(header.split("|"), RULES)


@pytest.mark.parametrize(
    ("header", "cells", "words"),
    [
        ("external_id|phone", ["7"], "1 field, and the first line has 2"),
        ("external_id|phone", ["7", "8", "9"], "3 fields"),
        ("external_id|phone", ["", "", ""], "3 fields"),
        ("external_id|phone", ["", ""], "one of them is required"),
        ("external_id|phone", ["null", " "], "primary_mdn"),
        ("external_id|phone", ["7", "12"], "primary_mdn: "),
        ("external_id|birth_date", ["7", "1985-02-30"], "birth_date: "),
        ("external_id|interest_list", ["7", "golf"], "interest_list: it must be an array"),
        ("external_id|interest_list", ["7", '[{"score": 2}]'], "interest_list: entry 1: score"),
        ("external_id|country", ["7", "Narnia"], "primary_addr_country: it must be a country's"),
        ("external_id|email", ["7", "ada@"], "primary_email_addr: it is not an e-mail address"),
        ("external_id|extended_attributes", ["7", "[]"], "extended_attributes: it must be"),
        ("external_id|first_name", ["7", "x" * 256], "first_name: at most 255"),
        ("external_id|first_name", ["7", "a\0"], "first_name: no text may hold"),
        ("external_id|fast_access_1", ["7", "x" * 256], "fast_access_1: at most 255"),
        ("external_id|fast_access_1", ["7", "a\0"], "fast_access_1: no text may hold"),
        ("external_id|voice_preference", ["7", "shout"], "voice_preference: it must be one of"),
    ],
)
def test_a_row_that_is_no_contact_says_why(header: str, cells: list[str], words: str) -> None:
    with pytest.raises(BadRow, match=words):
        contact(header, *cells)


def test_countries_and_mail_addresses_have_one_spelling() -> None:
    row = contact("external_id|country|email", "7", "us", "mailto:Ada@EXAMPLE.com")
    assert (row["primary_addr_country"], row["primary_email_addr"]) == ("US", "Ada@example.com")
