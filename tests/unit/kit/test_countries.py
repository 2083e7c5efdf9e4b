"""Country codes."""

from __future__ import annotations

import phonenumbers

from clarion.kit.countries import ALPHA_3


def test_every_country_of_the_numbering_plans_has_three_letters() -> None:
    assert set(phonenumbers.SUPPORTED_REGIONS) <= set(ALPHA_3)
    assert len(set(ALPHA_3.values())) == len(ALPHA_3)
    assert (ALPHA_3["DE"], ALPHA_3["US"], ALPHA_3["CH"]) == ("DEU", "USA", "CHE")
