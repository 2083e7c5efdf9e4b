"""Every named statement is one that PostgreSQL takes, and none forgets whose data it touches."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import asyncpg

from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SOURCE = Path(str(resources.files("clarion")))
DEFINITIONS = ("create", "alter", "drop", "lock")  # PREPARE takes none of these
TABLE_AFTER = re.compile(
    r"\b(?:from|join|into|update|using)\s+(?:only\s+)?([a-z_]+)", re.IGNORECASE
)
NAMES_COMPANY = re.compile(  # in a condition, a row comparison or an insert; to show it is not it
    r"company_id\s*(?:=|in\b)|=\s*(?:\w+\.)?company_id\b|\(\s*(?:\w+\.)?company_id\b",
    re.IGNORECASE,
)

WITHOUT_COMPANY = {
    "cli.sender_of_id": "the operator's own command, given an id and no company",
    "cli.waiting": "counts for the operator; shows no tenant's data",
    "engine.accounts.application_by_id": "unique over all companies; answers which company it is",
    "engine.accounts.lock_application_by_key": "the key authenticates; it answers which company",
    "engine.accounts.user_by_login": "the login authenticates; it answers which company",
    "engine.accounts.delete_dead_tokens": "housekeeping; tokens of every company die alike",
    "engine.attachments.delete_expired_tokens": "housekeeping; they end alike in every company",
    "engine.attachments.due_removals": "housekeeping; answers whose file it is",
    "engine.attachments.token_target": "the token authenticates; it answers which company",
    "engine.billing.count_rates": "a price list is the operator's; its rates are counted",
    "engine.billing.rates_of_table": "a node keeps the whole price list, whosever rates are in it",
    "engine.consent.forget_replies": "housekeeping; counts of every company end alike",
    "engine.contacts.fast_access.forget_jobs": "housekeeping; runs of every company age alike",
    "engine.contacts.jobs.companies_with_old_jobs": "finds the companies to go through one by one",
    "engine.contacts.tokens.access_token": "a credential on its own; it answers whose it is",
    "engine.contacts.tokens.forget_expired": "housekeeping; tokens of every company die alike",
    "engine.events.announced": "counts for metrics; shows no tenant's data",
    "engine.events.delivering.orphaned_claims": "a dead node's claims, whosever they are",
    "engine.events.open_deliveries": "counts for metrics; shows no tenant's data",
    "engine.events.files.due_files": "housekeeping; answers whose file it is",
    "engine.events.matching.companies": "finds the companies to go through one by one",
    "engine.events.streaming.forsaken": "housekeeping; answers whose configuration it is",
    "engine.messages.claimed_by_connector": "counts for metrics; shows no tenant's data",
    "engine.messages.companies_with_expiry": "finds the companies to go through one by one",
    "engine.messages.find_fragments": "a receipt names a connector and a carrier's id, no company",
    "engine.messages.forget_failovers": "housekeeping; pushes of every company age alike",
    "engine.messages.forget_nodes": "nodes are no tenant's; asks only whether claims are left",
    "engine.messages.orphaned_claims": "a dead node's claims, whosever messages they hold",
    "engine.messages.queue_by_connector": "counts for metrics; shows no tenant's data",
    "engine.senders.is_in_use": "children of an offered sender id belong to other companies",
    "engine.senders.senders_of_address": "an inbound message names an address, no company",
}
"""Statements on tenant data that name no company, and why they may: `package.name`."""


def statements() -> list[tuple[str, str]]:
    """All of them, by package and name."""
    found = []
    for file in sorted(SOURCE.rglob("queries.sql")):
        package = ".".join(["clarion", *file.parent.relative_to(SOURCE).parts])
        for name, sql in load_queries(package).items():
            found.append((f"{package.removeprefix('clarion.')}.{name}", sql))
    return found


async def test_every_statement_can_be_prepared(db: Database) -> None:
    refused = {}
    for name, sql in statements():
        try:
            await prepare(db, sql)
        except asyncpg.PostgresError as error:
            refused[name] = str(error)
    assert refused == {}
    assert len(statements()) > 100


async def prepare(db: Database, sql: str) -> None:
    async with db.transaction() as connection:
        if without_comments(sql).lower().startswith(DEFINITIONS):
            await connection.execute(sql)
        else:
            await connection.prepare(sql)


async def test_every_statement_on_tenant_data_names_the_company(db: Database) -> None:
    tenant_tables = {
        row["table_name"]
        for row in await db.fetch(
            "select table_name from information_schema.columns "
            "where table_schema = 'public' and column_name = 'company_id'"
        )
    }
    forgetful = {
        name
        for name, sql in statements()
        if tenant_tables & set(TABLE_AFTER.findall(without_comments(sql)))
        and not NAMES_COMPANY.search(without_comments(sql))
    }
    assert forgetful == set(WITHOUT_COMPANY)


def without_comments(sql: str) -> str:
    return re.sub(r"--.*", "", sql).strip()


def test_only_the_view_knows_which_company_is_the_operators() -> None:
    told = [
        path.name
        for path in SOURCE.rglob("*")
        if path.suffix in {".py", ".sql"} and "min(id) from company" in path.read_text("utf-8")
    ]
    assert told == []
    assert (SOURCE / "storage/schema.sql").read_text("utf-8").count(
        "min(id) as id from company"
    ) == 1
