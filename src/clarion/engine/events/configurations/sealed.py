"""What of a delivery configuration is sealed: how it authenticates, and its signing secrets.

Each is bound to its configuration: moved to another row it does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.events.configurations import authentication, signing, store
from clarion.engine.events.configurations.signing import Secret
from clarion.engine.events.configurations.store import SQL, Row
from clarion.engine.events.model import (
    SUBSCRIPTIONS_CHANNEL,
    AuthenticationType,
    Destination,
)
from clarion.engine.events.types.store import Runner
from clarion.errors import InvalidInput
from clarion.kit.vault import Vault
from clarion.storage.database import Database

_SecretsChange = Callable[[list[Secret], datetime], list[Secret]]
"""From those that there are, and the time, to those that there shall be."""


class Authentication(msgspec.Struct, frozen=True):
    """A type and its settings, masked."""

    type: AuthenticationType
    settings: Mapping[str, str]


async def authentication_of(on: Runner, vault: Vault, company_id: int, id: int) -> Authentication:
    """Raises NotFound."""
    row = await _row(on, company_id, id)
    shown = authentication.masked(_settings(vault, row))
    return Authentication(AuthenticationType(row["authentication_type"]), shown)


async def set_authentication(
    db: Database,
    vault: Vault,
    caller: Caller,
    id: int,
    *,
    type: AuthenticationType,
    settings: Mapping[str, str],
) -> None:
    """All of it anew; what is masked as it was shown stays. Raises InvalidInput, NotFound."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock(tx, caller.company_id, id)
        whole = authentication.unmasked(settings, _settings(vault, row))
        kept = authentication.check_settings(type, whole)
        sealed = _seal(vault, row, kept) if kept else None
        await tx.execute(SQL["set_authentication"], caller.company_id, id, type.value, sealed, now)

    await db.run(work)
    db.hint(SUBSCRIPTIONS_CHANNEL, str(caller.company_id))


async def keep_refresh_token(
    db: Database, vault: Vault, company_id: int, id: int, *, used: str, token: str
) -> None:
    """The token server has given a new refresh token for the one that was used: that is kept,
    unless somebody has set another one meanwhile."""

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock(tx, company_id, id)
        settings = _settings(vault, row)
        if settings.get("refresh_token") == used:
            sealed = _seal(vault, row, settings | {"refresh_token": token})
            await tx.execute(SQL["keep_authentication"], company_id, id, sealed)

    await db.run(work)


# ---------------------------------------------------------------- signing secrets


async def secrets_of(on: Runner, vault: Vault, company_id: int, id: int) -> list[Secret]:
    """Those that sign now, the newest first, masked."""
    row = await _row(on, company_id, id)
    found = signing.current(_secrets(vault, row), at=datetime.now(UTC))
    return [Secret(signing.masked(each.value), each.until) for each in found]


async def set_secrets(
    db: Database, vault: Vault, caller: Caller, id: int, secrets: Sequence[str]
) -> None:
    """These and no others, the newest first; without any, bodies are not signed."""
    if len(secrets) > signing.MAX_SECRETS:
        words = f"secrets: {signing.MAX_SECRETS} at most."
        raise InvalidInput(words, field="secrets")
    kept = [Secret(signing.check_secret(each)) for each in dict.fromkeys(secrets)]
    await _change_secrets(db, vault, caller, id, lambda _, __: kept)


async def rotate_secret(
    db: Database, vault: Vault, caller: Caller, id: int, secret: str | None = None
) -> str:
    """A new secret, of our making if none is given; the old ones sign for signing.OVERLAP still.
    It is answered this once."""
    value = signing.new_secret() if secret is None else signing.check_secret(secret)
    await _change_secrets(
        db, vault, caller, id, lambda old, now: signing.with_newer(old, value, at=now)
    )
    return value


async def _change_secrets(
    db: Database, vault: Vault, caller: Caller, id: int, change: _SecretsChange
) -> None:
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock(tx, caller.company_id, id)
        kept = change(_secrets(vault, row), now)
        text = msgspec.json.encode(kept).decode()
        sealed = vault.seal(text, owner=_owner(row)) if kept else None
        await tx.execute(SQL["set_secrets"], caller.company_id, id, sealed, now)

    await db.run(work)
    db.hint(SUBSCRIPTIONS_CHANNEL, str(caller.company_id))


# ---------------------------------------------------------------- for who posts


async def destinations(
    on: Runner, vault: Vault, company_id: int, ids: Sequence[int]
) -> list[Destination]:
    """Those of these that there are, with their secrets in the open: for delivering alone."""
    now = datetime.now(UTC)
    return [
        Destination(
            configuration=store.as_configuration(row),
            settings=_settings(vault, row),
            secrets=tuple(s.value for s in signing.current(_secrets(vault, row), at=now)),
        )
        for row in await store.rows(on, company_id, ids)
    ]


async def _row(on: Runner, company_id: int, id: int) -> Row:
    row = await on.fetchrow(SQL["configuration"], company_id, id)
    if row is None:
        raise store.missing(id)
    found: Row = row
    return found


def _settings(vault: Vault, row: Row) -> dict[str, str]:
    if row["authentication"] is None:
        return {}
    text = vault.open(row["authentication"], owner=_owner(row))
    return msgspec.json.decode(text, type=dict[str, str])


def _secrets(vault: Vault, row: Row) -> list[Secret]:
    if row["secrets"] is None:
        return []
    return msgspec.json.decode(vault.open(row["secrets"], owner=_owner(row)), type=list[Secret])


def _seal(vault: Vault, row: Row, settings: Mapping[str, str]) -> bytes:
    return vault.seal(msgspec.json.encode(settings).decode(), owner=_owner(row))


def _owner(row: Row) -> str:
    return f"delivery_configuration/{row['company_id']}/{row['id']}"
