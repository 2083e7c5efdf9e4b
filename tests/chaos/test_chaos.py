"""The promise: durable before acknowledged; a crash repeats only what was in flight."""

from __future__ import annotations

from pathlib import Path

import pytest

from .plan import make_plan
from .report import figures
from .scene import play
from .verdict import failures

SEED = 20
SECONDS = 18.0
MESSAGES = 5000


async def test_what_was_acknowledged_survives_every_kill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = await play(make_plan(seed=SEED, seconds=SECONDS, messages=MESSAGES), tmp_path)
    with capsys.disabled():
        print(f"\n{figures(evidence)}")
    assert failures(evidence) == []
