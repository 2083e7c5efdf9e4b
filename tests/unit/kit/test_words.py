"""Numbers in sentences."""

from __future__ import annotations

from clarion.kit.words import counted


def test_one_is_singular_and_all_else_plural() -> None:
    assert [counted(n, "line") for n in (0, 1, 2)] == ["0 lines", "1 line", "2 lines"]
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(3, "entry", "entries") == "3 entries"
