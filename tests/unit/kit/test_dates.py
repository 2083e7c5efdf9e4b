"""Every form of date that clients of the SCG API send."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit.dates import from_epoch_ms, parse_date, to_epoch_ms, to_iso, to_short_iso

NINE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MS = to_epoch_ms(NINE)

FORMS = [
    (MS, NINE),
    (str(MS), NINE),
    (float(MS), NINE),
    (MS // 1000, NINE),
    (str(MS // 1000), NINE),
    (MS + 123, NINE + timedelta(milliseconds=123)),
    ("2026-11-22T09:30:00", NINE),
    ("2026-11-22T09:30", NINE),
    ("2026-11-22 09:30:00", NINE),
    ("2026-11-22T09:30:00Z", NINE),
    ("2026-11-22t09:30:00z", NINE),
    ("2026-11-22T09:30:00.000Z", NINE),
    ("2026-11-22T09:30:00.5", NINE + timedelta(milliseconds=500)),
    ("2026-11-22T09:30:00.123456789Z", NINE + timedelta(microseconds=123456)),
    ("2026-11-22T11:30:00+02:00", NINE),
    ("2026-11-22T11:30:00+0200", NINE),
    ("2026-11-22T11:30:00.000+02", NINE),
    ("2026-11-22T00:00:00-09:30", NINE),
    ("Sun, 22 Nov 2026 09:30:00 GMT", NINE),
    ("Sun, 22 Nov 2026 11:30:00 +0200", NINE),
    ("22 Nov 2026 09:30:00 -0000", NINE),
    ("  2026-11-22T09:30:00Z\n", NINE),
    ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
    ("", None),
    ("   ", None),
    (None, None),
]

WRONG = [
    ("tomorrow", "not a date"),
    ("2026-13-01", "month"),
    ("2026-02-30T10:00:00Z", "day"),
    ("2026-11-22T25:00:00Z", "hour"),
    ("2026-11-22T10:00:00+99:00", "zone"),
    ("2026-11-22T10:00:00+02:99", "zone"),
    ("Mon, 99 Nov 2026 09:30:00 GMT", "not a date"),
    ("0001-01-01T00:00:00+14:00", "out of range"),
    ("9999-12-31T23:59:59-14:00", "out of range"),
    ("Sun, 22 Nov 1950 09:30:00 GMT", "out of range"),
    ("123", "13 digits"),
    ("1" * 5000, "at most"),
    (12, "13 digits"),
    (-1, "epoch milliseconds"),
    (10**4000, "epoch milliseconds"),
    (float("inf"), "whole number|epoch"),
    (float("nan"), "whole number"),
    (1.5, "whole number"),
    (True, "whole number"),
    (["2026-11-22"], "whole number"),
    ({}, "whole number"),
]


@pytest.mark.parametrize(("value", "at"), FORMS)
def test_every_documented_form_is_read(value: object, at: datetime | None) -> None:
    assert parse_date(value) == at


@pytest.mark.parametrize(("value", "words"), WRONG)
def test_what_names_no_date_is_refused_in_words(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_date(value)


@given(st.text(max_size=70))
def test_any_text_is_a_date_or_a_value_error(text: str) -> None:
    try:
        at = parse_date(text)
    except ValueError:
        return
    assert at is None or at.utcoffset() == timedelta()


@given(st.integers(10**12, 10**13 - 1).map(from_epoch_ms))
def test_both_answered_forms_are_read_back(at: datetime) -> None:
    assert parse_date(to_iso(at)) == at
    assert parse_date(to_epoch_ms(at)) == at
    assert from_epoch_ms(to_epoch_ms(at)) == at


def test_iso_is_shown_in_utc_with_milliseconds() -> None:
    assert to_iso(NINE) == "2026-11-22T09:30:00.000Z"


def test_the_short_form_leaves_out_the_milliseconds_of_a_whole_second() -> None:
    assert to_short_iso(NINE) == "2026-11-22T09:30:00Z"
    assert to_short_iso(NINE + timedelta(milliseconds=5)) == "2026-11-22T09:30:00.005Z"
