"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """`1 line` or `2 lines`; `many` where the plural is not `one` and an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"
