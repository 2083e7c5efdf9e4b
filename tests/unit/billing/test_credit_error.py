"""What a client hears when its company's credit is short."""

from __future__ import annotations

from clarion.api.errors import code_of, problem
from clarion.errors import NotEnoughCredit


def test_it_is_402() -> None:
    answer = problem(NotEnoughCredit())
    assert answer.status == 402
    assert code_of(NotEnoughCredit()) == "402"
    assert b"sufficient funds" in answer.body
