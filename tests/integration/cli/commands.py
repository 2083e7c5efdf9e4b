"""What tests of the command have in common."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

Clarion = Callable[..., Awaitable[tuple[int, str]]]
"""Runs a command: its exit code and what it printed."""
ClarionOn = Callable[[str], Clarion]


async def answer(clarion: Clarion, *arguments: str) -> Any:
    """What a command that goes well says to a program."""
    code, printed = await clarion(*arguments, "--json")
    assert code == 0, printed
    return json.loads(printed)
