"""The promise of events: published is delivered, at least once, and what is shown of it is true.

CHAOS_EVENTS=20000 makes it a long one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .webhook_scene import a_scene, faults, figures, play, settle

EVENTS = int(os.environ.get("CHAOS_EVENTS", "1000"))
A_SECOND = 250  # published
SEED = 12
CALM = 45.0


@pytest.mark.timeout(max(180, EVENTS / A_SECOND * 6))
async def test_every_event_arrives_whatever_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_scene(tmp_path) as scene:
        seconds = EVENTS / A_SECOND
        record = await play(scene, events=EVENTS, seconds=seconds, seed=SEED)
        settled = await settle(scene, record, seconds=CALM + seconds)
        with capsys.disabled():
            print(f"\n{figures(scene, record)}")
        assert await faults(scene, record) == []
        assert settled
        assert set(record.kills) == {"gateway", "receiver", "backend", "database"}
