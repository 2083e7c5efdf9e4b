"""What subscribers and companies may make of a status."""

from __future__ import annotations

from itertools import product

import pytest

from clarion.engine.consent.addresses.model import (
    ConsentStatus,
    Manager,
    Said,
    Way,
    after,
    check_company_change,
    stored_pair,
)
from clarion.errors import InvalidInput, NotAllowed

NONE, OPTIN, OPTOUT = ConsentStatus.NONE, ConsentStatus.OPTIN, ConsentStatus.OPTOUT
BLACKLIST, WHITELIST = ConsentStatus.BLACKLIST, ConsentStatus.WHITELIST


@pytest.mark.parametrize("manager", list(Manager))
def test_a_word_moves_what_is_not_listed(manager: Manager) -> None:
    for now in (NONE, OPTIN, OPTOUT):
        assert after(now, Said.OPTIN, manager) is OPTIN
    for now in (OPTIN, OPTOUT):
        assert after(now, Said.OPTOUT, manager) is OPTOUT
    for now, said in product((BLACKLIST, WHITELIST), Said):
        assert after(now, said, manager) is now


def test_only_an_unsolicited_refusal_blacklists() -> None:
    assert after(NONE, Said.OPTOUT, Manager.SCG) is OPTOUT
    assert after(NONE, Said.OPTOUT, Manager.USER) is OPTOUT
    assert after(NONE, Said.OPTOUT, Manager.SCG_UNSOLICITED_OPT_OUT) is BLACKLIST


@pytest.mark.parametrize("manager", [Manager.USER, Manager.SCG_UNSOLICITED_OPT_OUT])
def test_a_company_that_looks_after_consent_may_say_anything(manager: Manager) -> None:
    for now, then in product(ConsentStatus, ConsentStatus):
        check_company_change(manager, now, then)


ALLOWED = {
    *product(ConsentStatus, (BLACKLIST, WHITELIST, OPTOUT)),
    *((now, now) for now in ConsentStatus),
    *((now, NONE) for now in (NONE, OPTIN, BLACKLIST, WHITELIST)),
}


@pytest.mark.parametrize(("now", "then"), list(product(ConsentStatus, ConsentStatus)))
def test_otherwise_it_may_restrict_and_list(now: ConsentStatus, then: ConsentStatus) -> None:
    if (now, then) in ALLOWED:
        check_company_change(Manager.SCG, now, then)
    else:
        with pytest.raises(NotAllowed, match=f"it is {now}"):
            check_company_change(Manager.SCG, now, then)


@pytest.mark.parametrize("way", list(Way))
def test_it_may_prove_consent_that_nobody_has_refused(way: Way) -> None:
    if way in (Way.SINGLE, Way.MIGRATION):
        check_company_change(Manager.SCG, NONE, OPTIN, how=way)
    else:
        with pytest.raises(NotAllowed):
            check_company_change(Manager.SCG, NONE, OPTIN, how=way)
    with pytest.raises(NotAllowed):
        check_company_change(Manager.SCG, OPTOUT, OPTIN, how=way)


@pytest.mark.parametrize("kind", ["", "MDN", "mdn", "SHORTCODE", "TOLLFREE", "msisdn"])
def test_numbers_are_numbers_whatever_they_are_called(kind: str) -> None:
    assert stored_pair(kind, "4915112345678") == ("MDN", "+4915112345678")


@pytest.mark.parametrize(
    ("kind", "address", "field"),
    [
        ("MDN", "", "address"),
        ("MDN", "hello", "address"),
        ("EMAIL", "hello", "address"),
        ("SOCIAL", "", "address"),
        ("SOCIAL", "a\0b", "address"),
        ("1ST", "x", "address_type"),
        ("A" * 21, "x", "address_type"),
    ],
)
def test_what_is_wrong_with_an_address_is_named(kind: str, address: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        stored_pair(kind, address)
    assert caught.value.field == field
