"""Where it is what time: the time zone of a person, and instants of local times.

A zone comes from what is known of the place, best first: a zone that somebody has found out, the
postal code, the number with its area code, the country. Of a country with several zones whose
numbers do not tell which, the zone where most of its people live is taken.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clarion.kit.countries import ALPHA_2, ALPHA_3
from clarion.kit.e164 import parse_address
from clarion.kit.zips import zone_of_code

MAX_NAME = 40
_PREFIX = 10  # a plus sign, and as many digits as tell a zone

_MAIN = {
    "AQ": "Antarctica/McMurdo",
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Pohnpei",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Hebron",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UM": "Pacific/Midway",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
    # Not in the time zone database, as nobody, or nobody of their own, lives there.
    "AC": "Atlantic/St_Helena",
    "TA": "Atlantic/St_Helena",
    "XK": "Europe/Belgrade",
}
"""Where most people live, in countries with several zones or with none of their own."""

_AREAS = {
    "+1208": "America/Boise",
    "+1605": "America/Chicago",
    "+1701": "America/Chicago",
    "+1709": "America/St_Johns",
    "+1775": "America/Los_Angeles",
    "+1879": "America/St_Johns",
    "+1907": "America/Anchorage",
    "+1928": "America/Phoenix",
    "+1986": "America/Boise",
    "+6186": "Australia/Perth",
    "+6189": "Australia/Perth",
    "+618": "Australia/Adelaide",
}
"""Area codes with parts in several zones: the one with most people."""


def zone_of(
    *,
    location: str | None = None,
    zip: str | None = None,
    country: str | None = None,
    mdn: str | None = None,
) -> ZoneInfo | None:
    """The time zone of a person; None where nothing that is known tells one.

    `location` is the IANA name of a zone, from whoever knows where the person is; `zip` a postal
    code of `country`, or of the number's country; `mdn` a number in E.164.
    """
    if location and (known := _zone(location)):
        return known
    of_number = _country_of(mdn) if mdn else None
    home = _code(country) if country else None
    if zip and (found := _zone_of_zip(home or of_number, zip)):
        return found
    if mdn and of_number:
        return _zone_of_number(mdn[:_PREFIX], of_number)
    return _zone_of_country(home) if home else None


def local_to_utc(naive: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in `zone` show this time.

    A time that clocks skip when summer begins is taken as much later as they skip (RFC 5545,
    section 3.3.5): 02:30 is then 03:30. Of a time that they show twice when it ends, the first.
    """
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _zone_of_zip(country: str | None, zip: str) -> ZoneInfo | None:
    if country is None:
        return None
    name = zone_of_code(country, zip)
    if name is not None:
        return _zone(name)
    return _zone_of_country(country) if _has_one_time(country) else None


def _zone_of_country(country: str) -> ZoneInfo | None:
    name = _MAIN.get(country) or next(iter(_zones_of(country)), None)
    return _zone(name) if name else None


@lru_cache(maxsize=20_000)
def _zone_of_number(prefix: str, country: str) -> ZoneInfo | None:
    """`prefix` is what of the number can tell a zone."""
    if _has_one_time(country):
        return _zone_of_country(country)
    candidates = _candidates(prefix)
    if len(candidates) == 1:
        return _zone(candidates[0]) or _zone_of_country(country)
    main = _MAIN.get(country)
    if main not in candidates:
        area = next((_AREAS[prefix[:n]] for n in (5, 4) if prefix[:n] in _AREAS), None)
        if area is not None:
            return _zone(area)
    return _zone_of_country(country)


def _candidates(prefix: str) -> tuple[str, ...]:
    """Zones that a number may be in, by its longest prefix that is known."""
    from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: PLC0415 - at first use

    digits = prefix[1:]
    found = (TIMEZONE_DATA.get(digits[:size]) for size in range(len(digits), 0, -1))
    return tuple(next((zones for zones in found if zones), ()))


@cache
def _zones_by_country() -> dict[str, list[str]]:
    """From zone.tab of the time zone database: country, coordinates, zone, comment."""
    text = resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return found


def _zones_of(country: str) -> list[str]:
    return _zones_by_country().get(country, [])


@cache
def _has_one_time(country: str) -> bool:
    """Whether clocks agree in the whole country, as those of Argentina's twelve zones do."""
    zones = [zone for zone in map(_zone, _zones_of(country)) if zone]
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
    return len({tuple(at.astimezone(zone).utcoffset() for at in months) for zone in zones}) == 1


@lru_cache(maxsize=20_000)
def _country_of(mdn: str) -> str | None:
    try:
        return parse_address(mdn).country
    except ValueError:
        return None


def _code(country: str) -> str | None:
    """Two letters, given two or three."""
    code = country.strip().upper()
    return code if code in ALPHA_3 else ALPHA_2.get(code)


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo | None:
    if len(name) > MAX_NAME:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a directory
        return None
