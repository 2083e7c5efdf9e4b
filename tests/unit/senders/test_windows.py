"""Delivery windows: what the JSON means, and the first instant at which one is open."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clarion.engine.senders.catalogue import CLASSES
from clarion.engine.senders.windows.holidays import is_holiday
from clarion.engine.senders.windows.model import (
    MAX_RANGES,
    MAX_REMEMBERED,
    MAX_TEXT,
    Openings,
    Window,
    next_allowed,
    open_until,
    parse_window,
)
from clarion.errors import InvalidInput

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
DAYTIME = {"OTH": "08:00-21:00", "SUN": "10:00-20:00", "HOL": "12:00-13:00"}


def a_window(**countries: object) -> Window:
    return parse_window(json.dumps(countries))


def never(_: str, __: date) -> bool:
    return False


def opens(
    window: Window, local: str, *, country: str | None = "US", zone: ZoneInfo = NEW_YORK
) -> str:
    """When it is open from a local time on, as clocks there show it."""
    at = datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)
    found = next_allowed(window, country, zone, at, is_holiday)
    return found.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2026-06-10T08:00", "2026-06-10T08:00"),
        ("2026-06-10T20:59", "2026-06-10T20:59"),
        ("2026-06-10T21:00", "2026-06-11T08:00"),
        ("2026-06-10T07:59", "2026-06-10T08:00"),
        ("2026-06-13T22:00", "2026-06-14T10:00"),  # Saturday night: Sunday's time
        ("2026-06-14T20:00", "2026-06-15T08:00"),
        ("2026-12-25T09:00", "2026-12-25T12:00"),  # a holiday in the country
        ("2026-12-25T13:00", "2026-12-26T08:00"),
        ("2026-12-24T21:30", "2026-12-25T12:00"),
        ("2026-07-03T09:00", "2026-07-03T12:00"),  # observed: the 4th is a Saturday
    ],
)
def test_the_times_of_a_day(at: str, opening: str) -> None:
    assert opens(a_window(US=DAYTIME), at) == opening


def test_a_country_has_its_own_times_or_those_of_default_or_any() -> None:
    window = a_window(DEFAULT={"OTH": "09:00-10:00"}, USA={"OTH": "11:00-12:00"})
    assert opens(window, "2026-06-10T00:00", country="US") == "2026-06-10T11:00"
    assert opens(window, "2026-06-10T00:00", country="DE") == "2026-06-10T09:00"
    assert opens(window, "2026-06-10T00:00", country=None) == "2026-06-10T09:00"
    alone = a_window(de={"OTH": "11:00-12:00"})
    assert opens(alone, "2026-06-10T00:00", country="US") == "2026-06-10T00:00"
    assert opens(alone, "2026-06-10T00:00", country=None) == "2026-06-10T00:00"


def test_days_that_are_not_named_have_the_times_of_oth_or_none() -> None:
    weekdays = a_window(US={"MON": "09:00-10:00", "tue": ["09:00-10:00"]})
    assert opens(weekdays, "2026-06-10T00:00") == "2026-06-15T09:00"  # from Wednesday to Monday
    closed = a_window(US={"OTH": "09:00-10:00", "WED": [], "THU": ""})
    assert opens(closed, "2026-06-10T00:00") == "2026-06-12T09:00"


def test_a_holiday_that_is_not_named_is_like_any_day() -> None:
    window = a_window(US={"OTH": "08:00-21:00"})
    assert opens(window, "2026-12-25T09:00") == "2026-12-25T09:00"


def test_a_day_may_have_several_times() -> None:
    for times in ("14:00-18:00, 8:00-12:00", ["08:00-12:00", "14:00 - 18:00"]):
        window = a_window(US={"OTH": times})
        assert opens(window, "2026-06-10T12:00") == "2026-06-10T14:00"
        assert opens(window, "2026-06-10T18:00") == "2026-06-11T08:00"


def test_a_time_may_end_on_the_next_day() -> None:
    window = a_window(US={"FRI": "20:00-02:00", "HOL": []})
    assert opens(window, "2026-06-13T01:59") == "2026-06-13T01:59"
    assert opens(window, "2026-06-06T02:00") == "2026-06-12T20:00"
    assert opens(window, "2026-06-11T01:00") == "2026-06-12T20:00"
    assert opens(window, "2026-06-19T21:00") == "2026-06-26T20:00"  # Juneteenth is a holiday
    assert opens(window, "2026-06-20T01:00") == "2026-06-26T20:00"  # and so is its night
    whole = a_window(US={"OTH": "00:00-24:00"})
    assert opens(whole, "2026-06-10T23:59") == "2026-06-10T23:59"


def test_open_only_on_holidays_of_the_week_is_open_on_others_too_in_the_end() -> None:
    """Where every open day of a year is a holiday, holidays do not count."""
    window = a_window(US={"SUN": "10:00-11:00", "HOL": []})
    at = datetime(2026, 6, 10, tzinfo=UTC)
    found = next_allowed(window, "US", NEW_YORK, at, lambda _, day: day.weekday() == 6)
    assert found == datetime(2026, 6, 14, 14, tzinfo=UTC)


def test_it_is_the_recipients_time_and_date() -> None:
    window = a_window(DEFAULT={"OTH": "08:00-21:00", "HOL": []})
    at = datetime(2026, 12, 31, 20, 30, tzinfo=UTC)
    tokyo = ZoneInfo("Asia/Tokyo")
    found = next_allowed(window, "JP", tokyo, at, is_holiday)
    assert found.astimezone(tokyo).date() == date(2027, 1, 2)  # it is New Year there already
    assert next_allowed(window, "US", NEW_YORK, at, is_holiday) == at


# ---------------------------------------------------------------- changed clocks


@pytest.mark.parametrize(
    ("times", "at", "opening"),
    [
        ("02:15-04:00", "2026-03-08T01:00", "2026-03-08T03:00"),  # begins in the hour left out
        ("01:00-02:30", "2026-03-08T01:59", "2026-03-08T01:59"),  # ends in it
        ("02:10-02:50", "2026-03-08T01:00", "2026-03-09T02:10"),  # is all in it
        ("01:30-03:00", "2026-11-01T01:00", "2026-11-01T01:30"),
    ],
)
def test_clocks_that_skip_and_repeat(times: str, at: str, opening: str) -> None:
    assert opens(a_window(US={"OTH": times}), at) == opening


def test_an_hour_that_is_shown_twice_is_open_twice() -> None:
    window = a_window(US={"OTH": "00:30-01:15"})
    first_close = datetime(2026, 11, 1, 5, 15, tzinfo=UTC)  # 01:15 for the first time
    again = next_allowed(window, "US", NEW_YORK, first_close, never)
    assert again == datetime(2026, 11, 1, 6, 0, tzinfo=UTC)  # when it is 01:00 once more


TIMES = st.builds(
    lambda start, length: (
        f"{start // 60:02}:{start % 60:02}-"
        f"{(start + length) % 1440 // 60:02}:{(start + length) % 1440 % 60:02}"
    ),
    st.integers(0, 1439),
    st.integers(1, 600),
)


@example(times="16:01-02:01", day="2026-10-03", minutes=0, name="Australia/Lord_Howe")
@settings(max_examples=60, deadline=None)
@given(
    TIMES,
    st.sampled_from(["2026-03-07", "2026-10-31", "2026-06-10", "2026-03-28", "2026-10-03"]),
    st.integers(0, 2 * 1440),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_no_earlier_minute_is_open(times: str, day: str, minutes: int, name: str) -> None:
    """Compared with a walk from minute to minute."""
    zone = ZoneInfo(name)
    window = a_window(DEFAULT={"OTH": times})
    at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    start, end = window.default.days[0][0] if window.default else (0, 0)

    def is_open(instant: datetime) -> bool:
        local = instant.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return start <= minute < end or start <= minute + 1440 < end

    expected = at
    while not is_open(expected):
        expected += timedelta(minutes=1)
    assert next_allowed(window, None, zone, at, never) == expected
    while is_open(expected):
        expected += timedelta(minutes=1)
    opened = next_allowed(window, None, zone, at, never)
    assert open_until(window, None, zone, opened, never) == expected


def test_it_is_known_when_it_closes() -> None:
    openings = Openings(a_window(US=DAYTIME, DE={"OTH": "00:00-24:00"}), is_holiday)
    eve = datetime(2026, 12, 24, 15, tzinfo=UTC)
    assert openings.until("US", NEW_YORK, eve) == datetime(2026, 12, 25, 2, tzinfo=UTC)
    later = eve + timedelta(hours=10)
    assert openings.until("US", NEW_YORK, later) == datetime(2026, 12, 25, 2, tzinfo=UTC)
    assert openings.until("US", BERLIN, eve) == datetime(2026, 12, 24, 20, tzinfo=UTC)
    night = datetime(2026, 12, 25, 3, tzinfo=UTC)
    assert openings.until("US", NEW_YORK, night) == night
    assert openings.until("DE", BERLIN, eve) is None
    assert openings.until("FR", None, eve) is None


def test_answers_are_remembered_and_bounded() -> None:
    asked: list[date] = []

    def holidays(_: str, day: date) -> bool:
        asked.append(day)
        return False

    openings = Openings(a_window(DEFAULT=DAYTIME), holidays)
    at = datetime(2026, 6, 10, 3, tzinfo=UTC)
    first = openings.next("US", NEW_YORK, at)
    count = len(asked)
    assert openings.next("US", NEW_YORK, at) == first
    assert len(asked) == count > 0
    assert openings.next(None, None, at) == datetime(2026, 6, 10, 8, tzinfo=UTC)  # UTC
    for n in range(MAX_REMEMBERED + 1):
        openings.next("US", NEW_YORK, at + timedelta(seconds=n))
    assert len(openings._found) <= MAX_REMEMBERED


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "an object of countries"),
        ("{}", "names no country"),
        ('{"US": "08:00-21:00"}', "each an object of days"),
        ('{"US": {"MON": 5}}', "each an object of days"),
        ('{"XX": {"OTH": "08:00-21:00"}}', "'XX' is not an ISO 3166 country code or DEFAULT"),
        ('{"US": {"OTH": "8:00-9:00"}, "USA": {}}', "US is there twice"),
        ('{"US": {"MONDAY": "08:00-21:00"}}', "US: 'MONDAY' is not one of MON, TUE"),
        ('{"US": {"MON": "08:00-21:00", "mon": ""}}', "US: MON is there twice"),
        ('{"US": {"MON": "8-21"}}', "US.MON: '8-21' is not a time such as 08:00-21:00"),
        ('{"US": {"MON": "08:60-21:00"}}', "08:60 is not a time of day"),
        ('{"US": {"MON": "08:00-24:01"}}', "24:01 is not a time of day"),
        ('{"US": {"MON": "08:00-08:00"}}', "is no time at all"),
        ('{"US": {"MON": "24:00-08:00"}}', "is no time at all"),
        ('{"US": {"MON": "08:00-12:00,11:00-13:00"}}', "US.MON: times overlap"),
        ('{"US": {"HOL": "08:00-12:00"}}', "US: it is open on no day of the week"),
        ('{"US": {}}', "US: it is open on no day of the week"),
        (json.dumps({"US": {"MON": ["08:00-09:00"] * (MAX_RANGES + 1)}}), "at most 12 times"),
        ("[" * 5000, "an object of countries"),
        ('{"US":' * 5000, "each an object of days"),
        (" " * (MAX_TEXT + 1), "at most"),
    ],
)
def test_what_is_wrong_with_a_window_is_said(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_window(text)
    assert refused.value.field == "delivery_window"
    assert words in refused.value.message


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse_window(text)
    except InvalidInput:
        return


def test_the_windows_that_ship_can_be_read() -> None:
    assert [parse_window(c.delivery_window) for c in CLASSES if c.delivery_window]


# ---------------------------------------------------------------- holidays


@pytest.mark.parametrize(
    ("country", "day", "holiday"),
    [
        ("US", date(2026, 11, 26), True),  # Thanksgiving
        ("DE", date(2026, 10, 3), True),
        ("DE", date(2026, 11, 26), False),
        ("SA", date(2026, 9, 23), True),
        ("AC", date(2026, 1, 1), False),  # not known to the library
        ("US", date(9000, 1, 1), False),
    ],
)
def test_public_holidays(country: str, day: date, *, holiday: bool) -> None:
    assert is_holiday(country, day) is holiday
