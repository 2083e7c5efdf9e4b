"""What the ESS door's resources share."""

from __future__ import annotations

import pytest

from clarion.api.ess.wire import comma_range, number_key


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("[1970-01-01T00:00:00-]", "[1970-01-01T00:00:00,]"),
        ("[2026-11-22-2026-11-23]", "[2026-11-22,2026-11-23]"),
        (
            "[2026-11-22T09:00:00Z-2026-11-22T10:00:00.5Z]",
            "[2026-11-22T09:00:00Z,2026-11-22T10:00:00.5Z]",
        ),
        ("[2026-11-22T09:00:00-05:00-]", "[2026-11-22T09:00:00-05:00,]"),
        ("[ -2026-11-23 ]", "[,2026-11-23]"),
        ("[1700000000000-1700000001000]", "[1700000000000,1700000001000]"),
        ("[2026-11-22,2026-11-23]", "[2026-11-22,2026-11-23]"),
        ("2026-11-22", "2026-11-22"),
        ("a-b", "a-b"),
    ],
)
def test_ranges_with_a_dash_are_those_with_a_comma(written: str, taken: str) -> None:
    assert comma_range(written) == taken


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("7", 7),
        ("007", 7),
        ("", None),
        ("-7", None),
        ("7.0", None),
        ("1" * 19, None),
        ("\u0667", None),
    ],
)
def test_ids_are_digits(text: str, key: int | None) -> None:
    assert number_key(text) == key
