"""Migrations lead to exactly schema.sql, once, whoever runs them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import resources

import asyncpg
import pytest

from clarion import settings
from clarion.errors import Conflict, NotAllowed, Unavailable
from clarion.storage import migrate as migrating
from clarion.storage import partitions
from clarion.storage.database import Database
from clarion.storage.migrate import Migration, migrate, migrations, pending

CATALOG = {
    "tables": """
        select relname, relkind, reloptions, pg_get_partkeydef(oid) from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S')
    """,
    "columns": """
        select attrelid::regclass::text, attnum, attname, format_type(atttypid, atttypmod),
            attnotnull, attidentity, attgenerated, attcollation::regcollation::text,
            pg_get_expr(adbin, adrelid)
        from pg_attribute
        join pg_class on pg_class.oid = attrelid
        left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped
            and relkind in ('r', 'p', 'v')
    """,
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        from pg_constraint where connamespace = 'public'::regnamespace
    """,
    "indexes": "select indexname, indexdef from pg_indexes where schemaname = 'public'",
    "enums": """
        select typname, enumsortorder, enumlabel
        from pg_enum join pg_type on pg_type.oid = enumtypid
    """,
    "views": "select viewname, definition from pg_views where schemaname = 'public'",
    "sequences": """
        select sequencename, start_value, increment_by, data_type::text from pg_sequences
    """,
    "functions": """
        select proname, pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace
    """,
    "triggers": "select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
}


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(settings.Database(), url=empty_database_url)
    yield database
    await database.close()


async def catalog(db: Database) -> dict[str, list[str]]:
    """Everything that makes a schema, in words that do not depend on object numbers."""
    return {
        subject: sorted(str(tuple(row)) for row in await db.fetch(sql))
        for subject, sql in CATALOG.items()
    }


def of_migrations_only(rows: list[str]) -> list[str]:
    return [row for row in rows if "schema_migration" not in row]


async def test_migrations_lead_to_exactly_the_schema(empty: Database, db: Database) -> None:
    schema = resources.files("clarion.storage").joinpath("schema.sql").read_text("utf-8")
    await empty.execute(schema)
    for table in partitions.TABLES:
        for partition in await partitions.partitions_of(db, table):
            await db.execute(f"drop table {partition.name}")
    wanted, made = await catalog(empty), await catalog(db)
    for subject, rows in wanted.items():
        assert of_migrations_only(made[subject]) == rows, (
            f"{subject} differ. Until the first release: "
            "cp src/clarion/storage/schema.sql src/clarion/storage/migrations/0001_first.sql"
        )


async def test_migrating_says_what_it_did_and_does_it_once(empty: Database) -> None:
    names = [migration.name for migration in migrations()]
    assert await pending(empty) == names
    assert await migrate(empty) == names
    assert await pending(empty) == []
    assert await migrate(empty) == []
    row = await empty.fetchrow("select * from schema_migration where number = 1")
    assert row is not None
    assert row["checksum"] == migrations()[0].checksum


async def test_two_nodes_that_migrate_at_once_do_it_once(
    empty: Database, empty_database_url: str
) -> None:
    other = await Database.connect(settings.Database(), url=empty_database_url)
    done = await asyncio.gather(migrate(empty), migrate(other), migrate(empty))
    await other.close()
    assert sorted(done, key=len) == [[], [], [migration.name for migration in migrations()]]


async def test_a_database_of_a_newer_release_is_left_alone(empty: Database) -> None:
    await migrate(empty)
    await empty.execute("insert into schema_migration values (9999, '9999_later', '', now())")
    for act in (migrate, pending):
        with pytest.raises(Conflict, match=r"9999_later.*newer release"):
            await act(empty)


async def test_a_database_of_a_build_between_releases_is_left_alone(empty: Database) -> None:
    await migrate(empty)
    await empty.execute("update schema_migration set checksum = '' where number = 1")
    with pytest.raises(Conflict, match="between releases"):
        await migrate(empty)


async def test_a_migration_that_fails_leaves_nothing_and_is_tried_again(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [
        Migration(1, "0001_good", "create table good ()"),
        Migration(2, "0002_bad", "create table b (); oops"),
    ]
    monkeypatch.setattr(migrating, "migrations", lambda: bad)
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await migrate(empty)
    assert await pending(empty) == ["0002_bad"]
    assert await empty.fetchval("select to_regclass('b')") is None
    bad[1] = Migration(2, "0002_bad", "create table b ()")
    assert await migrate(empty) == ["0002_bad"]


async def test_a_migration_does_not_wait_for_ever_for_a_lock(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty)
    more = [*migrations(), Migration(2, "0002_more", "alter table company add more text")]
    monkeypatch.setattr(migrating, "migrations", lambda: more)
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(migrating, "LOCK_TRIES", 1)
    async with empty.transaction() as connection:
        await connection.execute("lock table company in access share mode")
        with pytest.raises(Unavailable, match="lock"):
            await migrate(empty)
    assert await migrate(empty) == ["0002_more"]


async def test_a_user_without_the_right_to_migrate_is_told_so(
    empty: Database, empty_database_url: str
) -> None:
    """A role without rights, taken on by SET ROLE, since the test server knows only one user."""
    name = await empty.fetchval("select 'weak_' || current_database()")
    await empty.execute(f"create role {name}")
    await empty.execute("revoke create on schema public from public")
    weak = await Database.connect(settings.Database(), url=f"{empty_database_url}&role={name}")
    with pytest.raises(NotAllowed, match="permission denied"):
        await migrate(weak)
    await weak.close()
    await empty.execute(f"drop role {name}")


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))
