"""Reading numbers: as phonenumbers would, only quicker."""

import random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from clarion.kit.e164 import parse_address, spellings

WRITTEN = [
    ("+4915112345678", "+4915112345678", "DE"),
    ("4915112345678", "+4915112345678", "DE"),
    ("004915112345678", "+4915112345678", "DE"),
    ("mdn:+4915112345678", "+4915112345678", "DE"),
    ("mdn:4915112345678", "+4915112345678", "DE"),
    ("MDN: +49 151 12345678", "+4915112345678", "DE"),
    ("+49 (0)151 / 123-456.78", "+4915112345678", "DE"),
    ("+49\u00a0151\u00a012345678", "+4915112345678", "DE"),
    ("\u202a+49 151 1234\u20115678\u202c", "+4915112345678", "DE"),
    ("\uff0b4915112345678", "+4915112345678", "DE"),
    ("  +1 (202) 555-0123 ", "+12025550123", "US"),
    ("+44 (0)20 7946 0018", "+442079460018", "GB"),
    ("+14165550123", "+14165550123", "CA"),
    ("+18765550123", "+18765550123", "JM"),
    ("+17875550123", "+17875550123", "PR"),
    ("+15559990001", "+15559990001", "US"),  # no assigned range, yet possible
    ("+441481960194", "+441481960194", "GG"),
    ("+77011234567", "+77011234567", "KZ"),
    ("+79161234567", "+79161234567", "RU"),
    ("+39 06 698 12345", "+390669812345", "VA"),
    ("+39 06 12345678", "+390612345678", "IT"),
    ("+383 43 201 234", "+38343201234", "XK"),
    ("+870773123456", "+870773123456", None),
    ("+80012345678", "+80012345678", None),
]

WRONG = [
    ("", "not a telephone number"),
    ("+", "not a telephone number"),
    ("00", "not a telephone number"),
    ("hello", "not a telephone number"),
    ("+49151abc", "not a telephone number"),
    ("++4915112345678", "not a telephone number"),
    ("49+15112345678", "not a telephone number"),
    ("+49 151 12345678 ext. 5", "not a telephone number"),
    ("0151 12345678", "no country calling code"),
    ("+0491511234567", "no country calling code"),
    ("+999123456789", "no country calling code"),
    ("+1202555", "too short"),
    ("+12", "too short"),
    ("+1", "too short"),
    ("+1202555012345", "too long"),
    ("+49" + "1" * 30, "too long"),
    ("1" * 10_000, "at most 64"),
    ("+33 1 23 45 67", "too short"),
]


@pytest.mark.parametrize(("text", "e164", "country"), WRITTEN)
def test_numbers_are_read_as_people_and_programs_write_them(
    text: str, e164: str, country: str | None
) -> None:
    address = parse_address(text)
    assert (address.e164, address.country) == (e164, country)


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_can_be_no_number_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_address(text)


def as_phonenumbers_reads_it(number: str) -> tuple[str, str] | None:
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    region = phonenumbers.region_code_for_number(parsed)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164, region or phonenumbers.region_code_for_country_code(parsed.country_code)


def as_we_read_it(number: str) -> tuple[str, str] | None:
    try:
        address = parse_address(number)
    except ValueError:
        return None
    return address.e164, address.country or "001"


def example_numbers(region: str) -> list[str]:
    table = PhoneMetadata.metadata_for_region(region)
    assert table is not None
    kinds = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "uan")
    found = (getattr(getattr(table, kind), "example_number", None) for kind in kinds)
    return [f"+{table.country_code}{example}" for example in found if example]


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_numbers_of_every_region_are_read_as_phonenumbers_reads_them(region: str) -> None:
    code = phonenumbers.country_code_for_region(region)
    chance = random.Random(region)
    made = [
        f"+{code}" + "".join(chance.choices("0123456789", k=chance.randint(1, 16)))
        for _ in range(40)
    ]
    for number in example_numbers(region) + made:
        assert as_we_read_it(number) == as_phonenumbers_reads_it(number), number


@given(st.from_regex(r"\+[0-9]{1,18}", fullmatch=True))
def test_any_digits_are_read_as_phonenumbers_reads_them(number: str) -> None:
    assert as_we_read_it(number) == as_phonenumbers_reads_it(number)


@given(st.text())
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    found = as_we_read_it(text)
    assert found is None or as_we_read_it(found[0]) == found


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("+4915112345678", {"+4915112345678", "4915112345678"}),
        (" 4915112345678", {"+4915112345678", "4915112345678"}),
        ("mdn:4915112345678", {"mdn:4915112345678", "+4915112345678", "4915112345678"}),
        ("0049 151-12345678", {"0049 151-12345678", "+4915112345678", "4915112345678"}),
        ("12345", {"12345", "+12345"}),
        ("ACME ", {"ACME"}),
        ("a@example.org", {"a@example.org"}),
        ("1\0", set()),
        (" ", set()),
    ],
)
def test_an_address_is_looked_for_as_it_may_be_stored(text: str, forms: set[str]) -> None:
    assert spellings(text) == forms
