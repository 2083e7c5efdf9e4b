"""The delivery window of a sender id class: what its JSON means, and when it is open next.

SCG reference, Sender ID Class, `delivery_window`: allowed times by destination country, in the
recipient's time zone.

    {"DEFAULT": {"OTH": "08:00-21:00", "SUN": "10:00-20:00", "HOL": "10:00-20:00"},
     "FR": {"OTH": ["08:00-12:00", "14:00-20:00"], "SUN": [], "HOL": []}}

A country that is not named has the times of DEFAULT, and any time where there is no DEFAULT. Of a
country, a holiday has the times of HOL if that is named; any other day those of its name; the days
that are not named those of OTH, and none where there is no OTH. A time before its own beginning
ends on the next day. Times are what the clocks there show, also on days when these are changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import chain, pairwise
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from clarion.errors import InvalidInput
from clarion.kit.countries import ALPHA_2, ALPHA_3

DEFAULT = "DEFAULT"
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
HOLIDAY, OTHER_DAYS = "HOL", "OTH"
MAX_TEXT = 50_000
MAX_RANGES = 12  # a day
MAX_REMEMBERED = 10_000
_DAY_KEYS = frozenset((*WEEKDAYS, HOLIDAY, OTHER_DAYS))
_DAY = 24 * 60
_SEARCH = 370  # days
_UTC = ZoneInfo("UTC")
_NEVER = datetime.min.replace(tzinfo=UTC)
_RANGE = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")

Ranges = tuple[tuple[int, int], ...]
"""Minutes of a day from, and up to without; an end over 24 hours is on the next day."""

Holidays = Callable[[str, date], bool]
"""Whether a day is a public holiday in a country."""


class Week(Struct, frozen=True):
    """The times of one country."""

    days: tuple[Ranges, ...]  # Monday first
    holiday: Ranges | None  # None: a holiday is like any day


class Window(Struct, frozen=True):
    """The times of all countries."""

    countries: Mapping[str, Week]
    default: Week | None  # None: any time

    def week(self, country: str | None) -> Week | None:
        """The times for a country; None: any."""
        return self.countries.get(country or "", self.default)


class Openings:
    """Remembers a window's answers: recipients of one request ask the same again and again."""

    def __init__(self, window: Window, holidays: Holidays) -> None:
        self._window = window
        self._holidays = holidays
        self._found: dict[tuple[str | None, str | None, datetime], datetime] = {}
        self._open: dict[tuple[str | None, str | None], tuple[datetime, datetime | None]] = {}

    def next(self, country: str | None, zone: ZoneInfo | None, at: datetime) -> datetime:
        """See next_allowed. Where no zone is known, UTC."""
        key = (country, zone.key if zone else None, at)
        found = self._found.get(key)
        if found is None:
            found = next_allowed(self._window, country, zone or _UTC, at, self._holidays)
            if len(self._found) >= MAX_REMEMBERED:
                self._found.clear()
            self._found[key] = found
        return found

    def until(self, country: str | None, zone: ZoneInfo | None, at: datetime) -> datetime | None:
        """See open_until."""
        key = (country, zone.key if zone else None)
        since, until = self._open.get(key, (_NEVER, _NEVER))
        if since <= at and (until is None or at < until):
            return until
        found = open_until(self._window, country, zone or _UTC, at, self._holidays)
        if found != at:
            if len(self._open) >= MAX_REMEMBERED:
                self._open.clear()
            self._open[key] = (at, found)
        return found


def parse_window(text: str) -> Window:
    """The window that this JSON describes. InvalidInput says what is wrong, and where."""
    if len(text) > MAX_TEXT:
        raise _wrong(f"it has at most {MAX_TEXT} characters")
    try:
        given = msgspec.json.decode(text, type=dict[str, dict[str, str | list[str]]])
    except msgspec.ValidationError as error:
        raise _wrong(f"it is an object of countries, each an object of days: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong(f"it is not JSON: {error}") from error
    weeks: dict[str, Week] = {}
    for name, days in given.items():
        country = _country(name)
        if country in weeks:
            raise _wrong(f"{country} is there twice")
        weeks[country] = _week(name, days)
    if not weeks:
        raise _wrong("it names no country")
    default = weeks.pop(DEFAULT, None)
    return Window(MappingProxyType(weeks), default)


def next_allowed(
    window: Window, country: str | None, zone: ZoneInfo, at: datetime, holidays: Holidays
) -> datetime:
    """The first instant from `at` on at which the window is open: `at` itself if it is."""
    week = window.week(country)
    if week is None:
        return at
    found = _Hours(week, country, zone, holidays).next(at, is_open=True)
    if found is None:  # every open day of a year is a holiday there
        found = _Hours(week, None, zone, holidays).next(at, is_open=True)
    return found or at


def open_until(
    window: Window, country: str | None, zone: ZoneInfo, at: datetime, holidays: Holidays
) -> datetime | None:
    """The first instant from `at` on at which the window is closed; None: it never closes."""
    week = window.week(country)
    if week is None:
        return None
    return _Hours(week, country, zone, holidays).next(at, is_open=False)


class _Hours:
    """The times of one country, on the clocks of one zone."""

    def __init__(self, week: Week, country: str | None, zone: ZoneInfo, holidays: Holidays) -> None:
        self._week = week
        self._country = country
        self._zone = zone
        self._holidays = holidays

    def next(self, at: datetime, *, is_open: bool) -> datetime | None:
        """The first instant from `at` on at which it is so; None: not within a year."""
        if self._is_open(at) is is_open:
            return at
        first = self._date(at)
        for day in (first + timedelta(days=n) for n in range(_SEARCH)):
            # What comes on a day is an edge of its own, or of a time that reaches into it.
            edges = (*self._edges(day - timedelta(days=1)), *self._edges(day))
            found = [t for t in edges if t >= at and self._date(t) == day]
            found = [t for t in found if self._is_open(t) is is_open]
            if found:
                return min(found)
        return None

    def _date(self, instant: datetime) -> date:
        return instant.astimezone(self._zone).date()

    def _is_open(self, instant: datetime) -> bool:
        local = instant.astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        today = local.date()
        if any(start <= minute < end for start, end in self._ranges(today)):
            return True
        yesterday = today - timedelta(days=1)
        return any(start <= minute + _DAY < end for start, end in self._ranges(yesterday))

    def _ranges(self, day: date) -> Ranges:
        week = self._week
        if week.holiday is not None and self._country and self._holidays(self._country, day):
            return week.holiday
        return week.days[day.weekday()]

    def _edges(self, day: date) -> Iterator[datetime]:
        """Instants at which it may open or close: where a time of that day begins and ends, each
        time that clocks show it, and where they are changed."""
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - as clocks there show it
        for minute in chain.from_iterable(self._ranges(day)):
            local = midnight + timedelta(minutes=minute)
            for fold in (0, 1):
                yield local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)
        begin = midnight.replace(tzinfo=self._zone).astimezone(UTC)
        end = (midnight + timedelta(days=1)).replace(tzinfo=self._zone).astimezone(UTC)
        if _offset(begin, self._zone) != _offset(end, self._zone):
            yield _change(begin, end, self._zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The minute at which clocks are changed between two instants."""
    old = _offset(before, zone)
    low, high = 0, (after - before) // timedelta(minutes=1)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(minutes=middle), zone) == old:
            low = middle
        else:
            high = middle
    return before + timedelta(minutes=high)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


# ---------------------------------------------------------------- reading


def _country(name: str) -> str:
    code = name.strip().upper()
    if code == DEFAULT or code in ALPHA_3:
        return code
    if code in ALPHA_2:
        return ALPHA_2[code]
    raise _wrong(f"{name[:40]!r} is not an ISO 3166 country code or {DEFAULT}")


def _week(country: str, given: Mapping[str, str | list[str]]) -> Week:
    days: dict[str, Ranges] = {}
    for name, value in given.items():
        day = name.strip().upper()
        if day not in _DAY_KEYS:
            known = ", ".join((*WEEKDAYS, HOLIDAY, OTHER_DAYS))
            raise _wrong(f"{country}: {name[:40]!r} is not one of {known}")
        if day in days:
            raise _wrong(f"{country}: {day} is there twice")
        days[day] = _ranges(f"{country}.{day}", value)
    other = days.get(OTHER_DAYS, ())
    week = Week(tuple(days.get(day, other) for day in WEEKDAYS), days.get(HOLIDAY))
    if not any(week.days):
        raise _wrong(f"{country}: it is open on no day of the week")
    return week


def _ranges(place: str, value: str | list[str]) -> Ranges:
    texts = value.split(",") if isinstance(value, str) else value
    texts = [text.strip() for text in texts]
    if texts == [""]:
        return ()
    if len(texts) > MAX_RANGES:
        raise _wrong(f"{place}: a day has at most {MAX_RANGES} times")
    found = sorted(_range(place, text) for text in texts)
    for (_, end), (start, _) in pairwise(found):
        if start < end:
            raise _wrong(f"{place}: times overlap")
    return tuple(found)


def _range(place: str, text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None:
        raise _wrong(f"{place}: {text[:40]!r} is not a time such as 08:00-21:00")
    start, end = (_minute(place, *pair) for pair in (match.group(1, 2), match.group(3, 4)))
    if start in {end, _DAY}:
        raise _wrong(f"{place}: {text} is no time at all")
    return start, end if end > start else end + _DAY


def _minute(place: str, hours: str, minutes: str) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > _DAY:
        raise _wrong(f"{place}: {hours}:{minutes} is not a time of day")
    return minute


def _wrong(words: str) -> InvalidInput:
    return InvalidInput(f"delivery_window: {words}.", field="delivery_window")
