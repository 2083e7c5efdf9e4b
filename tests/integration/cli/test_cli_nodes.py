"""What commands tell of nodes that run on the same database."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion.app import ROLES, Node, bind
from clarion.cli.main import main
from clarion.engine.messages import store
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.settings import Settings, load
from clarion.storage.database import Database


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an installation with a database of its own and a carrier that is away."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "clarion.toml"
    config.write_text(
        f"[database]\nurl = '{database_url}'\n[http]\nlisten = '127.0.0.1:{port}'\n"
        f"[files]\nurl = '{(tmp_path / 'files').as_uri()}'\n"
        "[connectors.north]\nkind = 'smpp'\nhost = '127.0.0.1'\nport = 1\ndefault = true\n"
        "system_id = 'x'\npassword = 'longer'\n",
        "utf-8",
    )
    config.chmod(0o600)
    monkeypatch.setenv("CLARION_DATA", str(tmp_path))
    return load(config)


@pytest.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    """What `clarion serve` runs."""
    vault = Vault("k" * 43 + "=")
    running = Node(settings, roles=ROLES, vault=vault, listener=bind(settings.http.listen))
    await running.start()
    yield running
    await running.stop()


async def _json(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    def run() -> None:
        with pytest.raises(SystemExit):
            main([*arguments, "--json"])

    await asyncio.to_thread(run)
    return json.loads(capfd.readouterr().out)


async def test_the_doctor_knows_the_node_that_listens_and_binds(
    node: Node, capfd: pytest.CaptureFixture[str]
) -> None:
    found = {each["subject"]: each for each in await _json(capfd, "doctor")}
    assert found["listener"]["verdict"] == "good", found["listener"]
    assert f"{socket.gethostname()}-" in found["nodes"]["words"]
    assert "binds 1 of north" in found["nodes"]["words"]


async def test_connectors_are_listed_with_the_nodes_that_bind(
    node: Node, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (listed,) = await _json(capfd, "connector", "list")
    assert listed["ready"] is False
    assert [words.partition(" on ")[0] for words in listed["binds"]] == ["1"]


async def test_a_stranger_on_the_port_and_a_lapsed_node_are_not_ours(
    settings: Settings, db: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=5)
    await store.beat(db, ids.new_id(), f"{socket.gethostname()}-1", ["api"], past)
    listener = bind(settings.http.listen)
    listener.listen()
    try:
        found = {each["subject"]: each for each in await _json(capfd, "doctor")}
    finally:
        listener.close()
    assert found["listener"]["verdict"] == "bad"
    assert found["nodes"]["words"] == "none runs"
