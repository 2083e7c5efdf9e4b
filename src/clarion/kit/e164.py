"""Telephone numbers: what a client writes, read as E.164 with its country.

A number passes when its length is possible in its numbering plan (phonenumbers' rule): carriers
know more ranges than any table. phonenumbers itself takes 60 us a number, too long for the hot
path, so this module keeps what it says about each calling code (a _Plan, made at first use) and
asks it only about numbers that seem to hold a national prefix, as in +44 (0)20 7946 0018.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

_MAX_LENGTH = 64
_CLEAN = re.compile(r"\+[1-9][0-9]{6,17}")
_BARE = re.compile(r"[1-9][0-9]{6,17}")
_PREFIX = re.compile(r"(?:mdn|tel):", re.IGNORECASE)
# Blanks of all kinds, dashes, dots, parentheses, slashes, and the invisible marks that come along
# when a number is copied from an address book.
_SEPARATORS = re.compile(r"[\s\-.()/\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069]+")
_DIGITS = re.compile(r"[0-9]+")
_FEW_DIGITS = re.compile(r"[0-9]{1,20}")
_NO_COUNTRY = "001"  # phonenumbers' region of satellite and international freephone codes


class Address(Struct, frozen=True, gc=False):
    """A telephone number that can be possible."""

    e164: str  # with its plus sign
    country: str | None  # ISO 3166 alpha-2; None: a code of no country, such as satellites have


class _Plan(Struct, frozen=True):
    """What the metadata says of one country calling code."""

    size: int  # digits of the calling code
    possible: frozenset[int]  # lengths of the whole number, calling code included
    national_prefix: re.Pattern[str] | None  # what would have to come off first
    country: str | None  # the main one
    others: re.Pattern[str] | None  # numbers of the countries that share the code, by group name
    own: re.Pattern[str] | None  # numbers of the main country, where the code is shared


def parse_address(text: str) -> Address:
    """The number that `text` means. Taken are +E.164, the same digits bare or after 00, and `mdn:`
    before any of them. ValueError says what is wrong, in words for the client."""
    if _CLEAN.fullmatch(text):
        number = text
    elif _BARE.fullmatch(text):
        number = "+" + text
    else:
        number = _clean(text)
    plan = _plans.get(number[1:4])
    if plan is None:
        plan = _plan_of(number)
    national = number[1 + plan.size :]
    if plan.national_prefix is not None and plan.national_prefix.match(national):
        number = _without_national_prefix(number)
        national = number[1 + plan.size :]
    if len(number) - 1 not in plan.possible:
        raise ValueError(_why_impossible(number, plan))
    if plan.others is None:
        return Address(number, plan.country)
    return Address(number, _country(national, plan))


def spellings(text: str) -> set[str]:
    """What may be stored of an address that is being looked for: itself, and of a number both
    forms, whichever way it was written. A blank in front may have been a plus sign in a URL."""
    forms = {text.strip()}
    with suppress(ValueError):
        number = parse_address("+" + text[1:] if text.startswith(" ") else text).e164
        forms |= {number, number.removeprefix("+")}
    if _FEW_DIGITS.fullmatch(bare := text.strip().removeprefix("+")):  # a short code, or unfinished
        forms |= {bare, "+" + bare}
    return {form for form in forms if form and "\0" not in form}  # no database has a zero


def _country(national: str, plan: _Plan) -> str | None:
    """The country of a number whose calling code several share; the main one has the unknown."""
    found = plan.others.match(national) if plan.others else None
    if found is None or (plan.own and plan.own.match(national)):
        return plan.country
    return found.lastgroup


def _clean(text: str) -> str:
    """`text` as a plus sign and digits."""
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"a number has at most {_MAX_LENGTH} characters")
    written = text.strip()
    prefix = _PREFIX.match(written)
    number = _SEPARATORS.sub("", written[prefix.end() :] if prefix else written)
    number = number.replace("\uff0b", "+", 1)
    digits = number.removeprefix("+").removeprefix("00" if number.startswith("00") else "")
    if not _DIGITS.fullmatch(digits):
        raise ValueError(f"{text!r} is not a telephone number")
    return "+" + digits


# ---------------------------------------------------------------- what the metadata says

_plans: dict[str, _Plan] = {}  # by the first three digits; at most a thousand


def _plan_of(number: str) -> _Plan:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 - 30 ms, at first use

    lead = number[1:4]
    codes = () if lead.startswith("0") else tuple(int(lead[:size]) for size in (1, 2, 3))
    code = next((code for code in codes if code in COUNTRY_CODE_TO_REGION_CODE), None)
    if code is None:
        raise ValueError(
            f"{number} has no country calling code: write numbers in their international form"
        )
    plan = _make_plan(code, len(str(code)), COUNTRY_CODE_TO_REGION_CODE[code])
    if len(lead) == 3:
        _plans[lead] = plan
    return plan


def _make_plan(code: int, size: int, regions: tuple[str, ...]) -> _Plan:
    from phonenumbers import PhoneMetadata  # noqa: PLC0415

    found = (PhoneMetadata.metadata_for_region_or_calling_code(code, r) for r in regions)
    main, *rest = (table for table in found if table is not None)
    general = main.general_desc
    assert general is not None
    lengths = (*general.possible_length, *general.possible_length_local_only)
    prefix = main.national_prefix_for_parsing
    others = [f"(?P<{table.id}>{_claims(table)})" for table in rest]
    return _Plan(
        size=size,
        possible=frozenset(size + length for length in lengths),
        national_prefix=re.compile(prefix) if prefix else None,
        country=None if regions[0] == _NO_COUNTRY else regions[0],
        others=re.compile("|".join(others)) if others else None,
        own=re.compile(_claims(main)) if others else None,
    )


def _claims(table: PhoneMetadata) -> str:
    """A pattern of the national numbers that a country has among those who share its code."""
    if table.leading_digits:
        return f"(?:{table.leading_digits})"
    return f"(?:{'|'.join(_number_patterns(table))})$"


def _number_patterns(table: PhoneMetadata) -> Iterable[str]:
    kinds = (
        table.fixed_line,
        table.mobile,
        table.toll_free,
        table.premium_rate,
        table.shared_cost,
        table.personal_number,
        table.voip,
        table.pager,
        table.uan,
        table.voicemail,
    )
    patterns = (kind.national_number_pattern for kind in kinds if kind is not None)
    return dict.fromkeys(pattern for pattern in patterns if pattern)


# ---------------------------------------------------------------- rare: ask phonenumbers itself


def _without_national_prefix(number: str) -> str:
    """`number` without a prefix that is dialled only inside its country, if it holds one."""
    import phonenumbers  # noqa: PLC0415

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number  # its length will be found impossible
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _why_impossible(number: str, plan: _Plan) -> str:
    digits = len(number) - 1
    where = f"country calling code +{number[1 : 1 + plan.size]}"
    if digits < min(plan.possible):
        return f"{number} is too short for {where}"
    if digits > max(plan.possible):
        return f"{number} is too long for {where}"
    return f"{number} has a wrong number of digits for {where}"
