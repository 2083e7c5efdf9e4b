"""Six fields, seconds first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from clarion.kit.cron import next_time

AFTER = datetime(2026, 11, 22, 9, 30, 15, 250_000, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("0 15 * * * *", "2026-11-22T10:15:00"),
        ("*/10 * * * * *", "2026-11-22T09:30:20"),
        ("15 30 9 * * *", "2026-11-23T09:30:15"),  # this second has begun
        ("0 0 8 ? * MON-FRI", "2026-11-23T08:00:00"),
        ("0 0 0 L * ?", "2026-11-30T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 12 * jan sun#2", "2027-01-10T12:00:00"),
        ("  0   0 10\t* * * ", "2026-11-22T10:00:00"),
    ],
)
def test_the_next_time_is_the_first_one_later(expression: str, found: str) -> None:
    assert next_time(expression, AFTER) == datetime.fromisoformat(found).replace(tzinfo=UTC)


def test_times_are_utc_whatever_zone_is_asked_in() -> None:
    there = AFTER.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert next_time("0 0 10 * * *", there) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("15 * * * *", "six fields"),
        ("", "six fields"),
        ("0 0 0 * * * 2026", "six fields"),
        ("60 * * * * *", "second"),
        ("0 61 * * * *", "minute"),
        ("0 0 0 32 * *", "day-of-month"),
        ("0 0 0 * * FUN", "day-of-week"),
        ("0 */0 * * * *", "minute"),
        ("0 0 0 30 2 *", "day-of-month"),
        ("0 0 0 */31 2 1L", "never comes"),
        ("0 ١ * * * *", "minute"),
        ("0 " + ",".join(["1"] * 200) + " * * * *", "255 characters"),
    ],
)
def test_what_is_wrong_is_said(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        next_time(expression, AFTER)
