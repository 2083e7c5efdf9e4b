"""Price lists as the operator writes them, and every line that cannot be one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from clarion.engine.billing.model import Rate, checked_amount, parse_amount
from clarion.engine.billing.ratefile import MAX_LINE, MAX_PROBLEMS, MAX_RATES, read_rates
from clarion.errors import InvalidInput


def read(*lines: str) -> list[Rate]:
    return list(read_rates(f"{line}\n" for line in lines))


def test_a_full_line_is_a_rate() -> None:
    (rate,) = read(
        "company,sender_type,medium,country,operator,price",
        "1000,longcode,sms,DEU, T-Mobile   Germany ,0.0125",
    )
    assert rate == Rate(1000, "LONGCODE", "SMS", "DE", "t-mobile germany", Decimal("0.0125"))


def test_blanks_stars_and_missing_columns_are_any() -> None:
    assert read("price,country,medium", "1,*,", "0,us,*") == [
        Rate(0, "*", "*", "*", "*", Decimal(1)),
        Rate(0, "*", "*", "US", "*", Decimal(0)),
    ]


def test_a_byte_order_mark_quotes_and_empty_lines_are_taken() -> None:
    lines = ("\ufeffcountry,operator,price", "", 'US,"A, B",2')
    assert read(*lines) == [Rate(0, "*", "*", "US", "a, b", Decimal(2))]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("XQ,,1", "line 2: country: 'XQ' is not an ISO 3166 code"),
        ("US,,one", "line 2: price: 'one' is not an amount"),
        ("US,,-1", "is not an amount"),
        ("US,,1e3", "is not an amount"),
        ("US,,NaN", "is not an amount"),
        ("US,,0.0000001", "more than 6 places"),
        ("US,,9999999999999", "0 to 1000000000000"),
        ("US,,", "price: '' is not an amount"),
        ("US,1", "2 values under 3 columns"),
        ("US,,1,2", "4 values under 3 columns"),
        (f"US,{'x' * 101},1", "at most 100 characters"),
        ('US,"x,1', "not CSV"),
        ("US,x" + "x" * MAX_LINE + ",1", f"more than {MAX_LINE} characters"),
    ],
)
def test_a_line_that_is_no_rate_is_named(line: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read("country,operator,price", line)
    assert words in refused.value.message


@pytest.mark.parametrize(
    "heading", ["", "country", "country,price,price", "country,price,colour", "US,0.1"]
)
def test_a_wrong_heading_is_refused(heading: str) -> None:
    with pytest.raises(InvalidInput, match="line 1: the heading"):
        read(heading, "US,1")


@pytest.mark.parametrize(
    ("company", "medium", "words"),
    [("acme", "SMS", "company"), ("0", "SMS", "company"), ("1", "S M S", "medium")],
)
def test_companies_and_media_are_checked(company: str, medium: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=f"line 2: {words}: "):
        read("company,medium,country,price", f"{company},{medium},US,1")


def test_all_problems_are_told_at_once_up_to_a_number() -> None:
    with pytest.raises(InvalidInput) as refused:
        read("country,price", *["XQ,1", "US,1"] * 50)
    assert len(refused.value.message.splitlines()) == MAX_PROBLEMS


def test_a_price_list_is_bounded() -> None:
    with pytest.raises(InvalidInput, match=f"at most {MAX_RATES} rates"):
        read("country,price", *(["US,1"] * (MAX_RATES + 1)))


def test_amounts_are_exact() -> None:
    assert parse_amount("0.10", field="a") == Decimal("0.1")
    for wrong in ("", "1.", ".5", "1,5", "١", "1" * 16):
        with pytest.raises(InvalidInput):
            parse_amount(wrong, field="a")
    for many in (Decimal("Infinity"), Decimal("-1"), Decimal("0.1234567")):
        with pytest.raises(InvalidInput):
            checked_amount(many, field="a")
