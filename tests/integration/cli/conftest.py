"""The command, run on a database of the test's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from commands import Clarion, ClarionOn

from clarion.cli.main import main


@pytest.fixture
def clarion_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> ClarionOn:
    """Runs commands on the database of a URL."""
    monkeypatch.setenv("CLARION_DATA", str(tmp_path))

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(_main, arguments)
        out, err = capfd.readouterr()
        return code, out + err

    def on(url: str) -> Clarion:
        monkeypatch.setenv("CLARION_DATABASE_URL", url)
        return run

    return on


@pytest.fixture
def clarion(clarion_on: ClarionOn, database_url: str) -> Clarion:
    return clarion_on(database_url)


def _main(arguments: tuple[str, ...]) -> int:
    """In a thread, as commands bring an event loop of their own."""
    try:
        main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
