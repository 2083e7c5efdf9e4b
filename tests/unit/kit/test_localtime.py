"""Where it is what time: zones of places, codes and numbers; clocks that skip and repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit import zips
from clarion.kit.countries import ALPHA_3
from clarion.kit.localtime import local_to_utc, zone_of
from clarion.kit.zips import zone_of_code


def key(**known: str | None) -> str | None:
    zone = zone_of(**known)
    return zone.key if zone else None


@pytest.mark.parametrize(
    ("code", "zone"),
    [
        ("10001", "America/New_York"),
        ("60601", "America/Chicago"),
        ("80202", "America/Denver"),
        ("85001", "America/Phoenix"),
        ("94110", "America/Los_Angeles"),
        ("94110-1234", "America/Los_Angeles"),
        (" 941101234 ", "America/Los_Angeles"),
        ("99501", "America/Anchorage"),
        ("99546", "America/Adak"),
        ("96801", "Pacific/Honolulu"),
        ("00901", "America/Puerto_Rico"),
        ("96910", "Pacific/Guam"),
        ("96799", "Pacific/Pago_Pago"),
        ("32401", "America/Chicago"),  # Florida's west
        ("32456", "America/New_York"),  # and a town there that goes with the east
        ("79901", "America/Denver"),  # El Paso
        ("83814", "America/Los_Angeles"),  # Idaho's north
        ("47708", "America/Chicago"),  # Indiana's corner
        ("97905", "America/Los_Angeles"),
        ("97914", "America/Denver"),  # Oregon's east
        ("86045", "America/Denver"),  # the Navajo Nation has summer time, Arizona has not
        ("09012", None),  # a military post office
        ("1000", None),
        ("ABCDE", None),
        ("1" * 100, None),
        ("", None),
    ],
)
def test_zip_codes_of_the_united_states(code: str, zone: str | None) -> None:
    assert zone_of_code("US", code) == zone


@pytest.mark.parametrize(
    ("country", "code", "zone"),
    [
        ("CA", "M5V 3L9", "America/Toronto"),
        ("CA", "v6b1a1", "America/Vancouver"),
        ("CA", "P9N 1A1", "America/Winnipeg"),
        ("CA", "A1C 5H9", "America/St_Johns"),
        ("CA", "Z9Z 9Z9", None),
        ("AU", "2000", "Australia/Sydney"),
        ("AU", "0800", "Australia/Darwin"),
        ("AU", "2880", "Australia/Broken_Hill"),
        ("BR", "01310-100", "America/Sao_Paulo"),
        ("BR", "69005-010", "America/Manaus"),
        ("ID", "80361", "Asia/Makassar"),
        ("MX", "06000", "America/Mexico_City"),
        ("MX", "22000", "America/Tijuana"),
        ("PT", "9500-321", "Atlantic/Azores"),
        ("ES", "35001", "Atlantic/Canary"),
        ("DE", "10115", None),
    ],
)
def test_postal_codes_elsewhere(country: str, code: str, zone: str | None) -> None:
    assert zone_of_code(country, code) == zone


@pytest.mark.parametrize("country", sorted(zips.COUNTRIES))
def test_every_zone_of_the_tables_exists_and_no_prefix_is_in_two(country: str) -> None:
    zones = zips._zones(country)
    for name in set(zones.values()):
        assert ZoneInfo(name).key == name
    words = [w for w in zips._TABLES[country].split() if not w.endswith(":")]
    spans = [w.partition("-") for w in words]
    assert len(zones) == sum(int(last) - int(first) + 1 if last else 1 for first, _, last in spans)


@pytest.mark.parametrize(
    ("mdn", "zone"),
    [
        ("+12125550100", "America/New_York"),
        ("+13125550100", "America/Chicago"),
        ("+16055550100", "America/Chicago"),  # South Dakota: most live in its east
        ("+12085550100", "America/Boise"),
        ("+12086612345", "America/Los_Angeles"),  # Idaho's north
        ("+19075550100", "America/Anchorage"),
        ("+18005550100", "America/New_York"),  # says nothing of the place
        ("+18765550100", "America/Jamaica"),
        ("+4915112345678", "Europe/Berlin"),
        ("+353861234567", "Europe/Dublin"),
        ("+447911123456", "Europe/Guernsey"),
        ("+61412345678", "Australia/Sydney"),
        ("+61891234567", "Australia/Perth"),
        ("+5511912345678", "America/Sao_Paulo"),
        ("+79161234567", "Europe/Moscow"),
        ("+8613912345678", "Asia/Shanghai"),
        ("+881612345678", None),  # a satellite's
        ("nonsense", None),
    ],
)
def test_numbers(mdn: str, zone: str | None) -> None:
    assert key(mdn=mdn) == zone


def test_the_best_that_is_known_decides() -> None:
    known = {"country": "US", "mdn": "+12125550100"}
    assert key(location="Asia/Tokyo", zip="94110", **known) == "Asia/Tokyo"
    assert key(zip="94110", **known) == "America/Los_Angeles"
    assert key(zip="94110", mdn="+12125550100") == "America/Los_Angeles"
    assert key(zip="94110", country="USA") == "America/Los_Angeles"
    assert key(zip="00000", **known) == "America/New_York"
    assert key(zip="10115", country="DE", mdn="+12125550100") == "Europe/Berlin"
    assert key(zip="10115", mdn="+14155550100") == "America/New_York"  # where it is a ZIP code
    assert key(country="US", mdn="+4915112345678") == "Europe/Berlin"  # no code: the number
    assert key(country="br") == "America/Sao_Paulo"
    assert key(zip="94110") is None
    assert key(country="Atlantis") is None
    assert key() is None


@pytest.mark.parametrize("location", ["Mars/Base", "../../etc/passwd", "Europe", "x" * 5000, "\0"])
def test_a_location_that_is_no_zone_is_passed_over(location: str) -> None:
    assert key(location=location, country="DE") == "Europe/Berlin"


def test_every_country_where_people_live_has_a_zone() -> None:
    assert {code for code in ALPHA_3 if key(country=code) is None} == {"BV", "HM"}


@given(st.text(), st.text(), st.text())
def test_nothing_that_a_client_may_write_breaks_it(zip: str, country: str, mdn: str) -> None:
    zone_of(zip=zip, country=country, mdn=mdn)
    zone_of_code("US", zip)


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-07-01T12:00", "2026-07-01T16:00"),
        ("2026-01-01T12:00", "2026-01-01T17:00"),
        ("2026-03-08T01:59", "2026-03-08T06:59"),
        ("2026-03-08T02:30", "2026-03-08T07:30"),  # skipped: 03:30
        ("2026-03-08T03:00", "2026-03-08T07:00"),
        ("2026-11-01T00:59", "2026-11-01T04:59"),
        ("2026-11-01T01:30", "2026-11-01T05:30"),  # shown twice: the first
        ("2026-11-01T02:00", "2026-11-01T07:00"),
    ],
)
def test_local_times_are_instants(local: str, utc: str) -> None:
    given_fold = datetime.fromisoformat(local).replace(fold=1)
    for naive in (datetime.fromisoformat(local), given_fold):
        assert local_to_utc(naive, NEW_YORK) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_half_an_hour_can_be_skipped_too() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    skipped = local_to_utc(datetime(2026, 10, 4, 2, 15), lord_howe)  # noqa: DTZ001
    assert skipped.astimezone(lord_howe).time().isoformat() == "02:45:00"


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_a_time_that_clocks_show_is_shown_at_its_instant(naive: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    shown = local_to_utc(naive, zone).astimezone(zone).replace(tzinfo=None, fold=0)
    assert timedelta(0) <= shown - naive <= timedelta(hours=1)
    if shown != naive:  # it was skipped: a moment earlier the clocks were before it
        before = local_to_utc(naive, zone) - (shown - naive)
        assert before.astimezone(zone).replace(tzinfo=None) != naive
