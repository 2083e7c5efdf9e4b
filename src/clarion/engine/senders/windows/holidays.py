"""Public holidays by country, as the library `holidays` knows them: those of the whole country."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

MAX_YEARS = 1_000  # of countries, kept in memory


def is_holiday(country: str, day: date) -> bool:
    """Whether most people there need not work on that day. Countries that the library does not
    know have no holidays."""
    return day in _holidays(country, day.year)


@lru_cache(maxsize=MAX_YEARS)
def _holidays(country: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415 - 50 ms, at first use

    try:
        return frozenset(country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
