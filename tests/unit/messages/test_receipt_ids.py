"""One carrier id, however it is spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.messages.receipts import normal_id, other_spellings


@pytest.mark.parametrize(
    ("shown", "normal"),
    [
        ("1A2B", "1a2b"),
        ("1a2b", "1a2b"),
        ("0000001a2b", "1a2b"),
        (" 1a2b ", "1a2b"),
        ("0", "0"),
        ("0000", "0"),
        ("", "0"),
        ("a-b-0", "a-b-0"),
        ("6F0E-00", "6f0e-00"),
    ],
)
def test_case_blanks_and_leading_zeros_do_not_matter(shown: str, normal: str) -> None:
    assert normal_id(shown) == normal


@given(st.integers(min_value=0, max_value=2**63), st.sampled_from(["x", "X", "020d", "d", "018x"]))
def test_a_number_has_one_normal_form_in_each_base(number: int, spelling: str) -> None:
    in_hex = spelling[-1] in "xX"
    assert normal_id(format(number, spelling)) == format(number, "x" if in_hex else "d")


@given(st.integers(min_value=0, max_value=2**63))
def test_hexadecimal_and_decimal_find_one_another(number: int) -> None:
    assert str(number) in other_spellings(f"{number:x}")
    assert f"{number:x}" in other_spellings(str(number))


@pytest.mark.parametrize("name", ["a-b", "message.1", "g1", "ü", "١٢٣", "²", "f" * 33])
def test_what_is_no_number_has_no_other_spelling(name: str) -> None:
    assert other_spellings(name) == ()


@given(st.text(max_size=65))
def test_any_text_can_be_an_id(text: str) -> None:
    assert all(isinstance(each, str) for each in other_spellings(normal_id(text)))
