"""What the operator's commands do to a database, seen through their output."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from commands import Clarion, ClarionOn, answer
from tests.peers.s3 import S3

from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.migrate import pending


@pytest.fixture
async def application(clarion: Clarion) -> int:
    code, printed = await clarion("migrate")
    assert code == 0, printed
    company = await answer(clarion, "company", "create", "Acme", "--weight", "3")
    made = await answer(clarion, "application", "create", str(company["id"]), "shop")
    return int(made["id"])


async def test_companies_and_applications_are_made_and_listed(
    clarion: Clarion, application: int
) -> None:
    (company,) = await answer(clarion, "company", "list")
    assert (company["name"], company["weight"]) == ("Acme", 3)
    (listed,) = await answer(clarion, "application", "list", "--company", str(company["id"]))
    assert (listed["id"], listed["name"]) == (application, "shop")
    assert "consumer_secret" not in listed


async def test_a_name_that_is_taken_and_an_id_that_is_not_are_told(
    clarion: Clarion, application: int
) -> None:
    assert await clarion("company", "create", "Acme") == (
        1,
        "error: There is a company named 'Acme'.\n",
    )
    code, printed = await clarion("application", "create", "4711", "shop")
    assert (code, printed) == (1, "error: There is no company 4711.\n")


async def test_tokens_are_made_and_revoked(clarion: Clarion, application: int) -> None:
    token = ("application", "token", str(application))
    made = await answer(clarion, *token)
    limited = await answer(clarion, *token, "--validity", "900")
    assert made["expires_at"] is None
    assert limited["expires_at"] is not None
    assert await answer(clarion, *token, "--revoke", made["token"]) == {"revoked": 1}
    assert (await clarion(*token, "--revoke", made["token"]))[0] == 1
    assert await answer(clarion, *token, "--revoke-all") == {"revoked": 1}
    assert (await clarion(*token, "--revoke", "x", "--revoke-all"))[0] == 2


async def test_sender_ids_are_made_provisioned_and_listed(
    clarion: Clarion, application: int, tmp_path: Path
) -> None:
    (tmp_path / "clarion.toml").write_text(
        "[connectors.north]\nkind = 'smpp'\nhost = 'smsc.example'\n", "utf-8"
    )
    made = await answer(
        clarion, "sender", "create", str(application), "12345", "--type", "SHORTCODE"
    )
    assert (made["address"], made["state"]) == ("12345", "ACTIVE")
    changed = await answer(
        clarion, "sender", "provision", made["id"], "--state", "BROKEN", "--connector", "north"
    )
    assert (changed["state"], changed["connector"]) == ("BROKEN", "north")
    (listed,) = await answer(clarion, "sender", "list")
    assert listed["id"] == made["id"]
    assert (await clarion("sender", "provision", made["id"], "--connector", "south"))[0] == 2


async def test_an_old_database_is_migrated_on_request_only(
    empty_database_url: str, clarion_on: ClarionOn
) -> None:
    clarion = clarion_on(empty_database_url)
    code, printed = await clarion("company", "list")
    assert (code, "clarion migrate" in printed) == (1, True)
    assert (await clarion("migrate", "--check"))[0] == 1
    code, printed = await clarion("migrate")
    assert (code, "applied  0001_first" in printed) == (0, True)
    assert await clarion("migrate", "--check") == (0, "The database is up to date.\n")
    db = await Database.connect(Settings().database, url=empty_database_url)
    assert await pending(db) == []
    await db.close()


async def test_a_database_that_is_away_is_out_of_reach(clarion_on: ClarionOn) -> None:
    clarion = clarion_on("postgresql://x:s3cret@127.0.0.1:1/x")
    code, printed = await clarion("company", "list")
    assert code == 3
    assert "127.0.0.1:1" in printed
    assert "s3cret" not in printed


# ---------------------------------------------------------------- doctor


async def findings(clarion: Clarion) -> tuple[int, dict[str, dict[str, str]]]:
    code, printed = await clarion("doctor", "--json")
    return code, {each["subject"]: each for each in json.loads(printed)}


@pytest.fixture
def sandboxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLARION_HTTP_LISTEN", "127.0.0.1:0")
    settings = tmp_path / "clarion.toml"
    settings.write_text("[connectors.play]\nkind = 'sandbox'\ndefault = true\n", "utf-8")
    settings.chmod(0o600)
    return settings


@pytest.mark.usefixtures("sandboxed", "application")
async def test_the_doctor_finds_a_healthy_installation_good(clarion: Clarion) -> None:
    code, found = await findings(clarion)
    assert code == 0
    assert {each["verdict"] for name, each in found.items() if name != "disk"} == {"good"}
    assert set(found) >= {
        "settings", "data directory", "disk", "file store", "listener", "database", "clock",
        "migrations",
        "partitions", "queues", "events", "connector play",
    }  # fmt: skip


@pytest.mark.usefixtures("application")
async def test_the_doctor_says_how_to_mend_what_it_finds(
    clarion: Clarion, sandboxed: Path, db: Database, tmp_path: Path
) -> None:
    sandboxed.write_text(
        "[connectors.north]\nkind = 'smpp'\nhost = '127.0.0.1'\nport = 1\n", "utf-8"
    )
    sandboxed.chmod(0o644)
    (tmp_path / "secret.key").write_text("x" * 64)
    (tmp_path / "secret.key").chmod(0o644)
    await db.execute(
        "do $$ declare t text; begin for t in select inhrelid::regclass::text from pg_inherits "
        "where inhparent = 'message'::regclass loop execute 'drop table ' || t; end loop; end $$"
    )
    code, found = await findings(clarion)
    assert code == 1
    verdicts = {name: each["verdict"] for name, each in found.items() if each["verdict"] != "good"}
    verdicts.pop("disk", None)
    assert verdicts == {
        "settings": "warning",
        "data directory": "bad",
        "partitions": "bad",
        "connector north": "bad",
        "connectors": "warning",
    }
    assert all(each["mend"] for each in found.values() if each["verdict"] != "good")


@pytest.mark.usefixtures("sandboxed")
async def test_the_doctor_finds_a_port_that_is_taken(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("CLARION_HTTP_LISTEN", f"127.0.0.1:{port}")
    _, found = await findings(clarion)
    server.close()
    assert found["listener"]["verdict"] == "bad"


@pytest.mark.usefixtures("sandboxed")
async def test_the_doctor_finds_a_translation_service_that_is_away(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARION_TRANSLATION_KIND", "libretranslate")
    monkeypatch.setenv("CLARION_TRANSLATION_URL", "http://127.0.0.1:1")
    _, found = await findings(clarion)
    assert found["translation"]["verdict"] == "bad"
    assert "cannot be reached" in found["translation"]["words"]


@pytest.mark.usefixtures("sandboxed")
async def test_the_doctor_finds_a_file_store_that_is_away(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3() as server:
        files = server.bucket().settings()
        for name in ("url", "endpoint", "region", "access_key_id", "secret_access_key"):
            monkeypatch.setenv(f"CLARION_FILES_{name.upper()}", getattr(files, name))
        _, found = await findings(clarion)
        assert found["file store"]["verdict"] == "good"
    _, found = await findings(clarion)
    assert found["file store"]["verdict"] == "bad"
    assert found["file store"]["mend"]


@pytest.mark.usefixtures("sandboxed")
async def test_the_doctor_finds_a_database_that_is_away(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", "postgresql://x:s3cret@127.0.0.1:1/x")
    code, found = await findings(clarion)
    assert code == 1
    assert found["database"]["verdict"] == "bad"
    assert "s3cret" not in str(found)
