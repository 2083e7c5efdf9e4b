"""Many contacts at once, as an import brings them: known ones change, the others are made.

A row is the contact that has its external id, else the one that has its number. What the row does
not name stays. A batch takes four statements, whatever its size; only a batch that collides with
somebody else's write is gone through row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.contacts import store
from clarion.engine.contacts.fast_access.model import Rules
from clarion.engine.contacts.fast_access.store import hold_rules
from clarion.engine.contacts.model import Row, apply, as_json, new_row
from clarion.kit import ids
from clarion.kit.dates import to_epoch_ms

Values = Mapping[str, Any]
Outcome = UUID | str
"""The contact of a row, or why it has none."""

_KEYLESS = "external_id or primary_mdn: one of them is required."
_TWO = "primary_mdn: another contact than that with the external_id has it."


async def upsert_contacts(
    tx: asyncpg.Connection, company_id: int, application_id: int | None, rows: Sequence[Values]
) -> list[Outcome]:
    """Each row: attributes as model.read_value gives them, and fast access columns as texts."""
    rules = await hold_rules(tx, company_id)
    owner = company_id, application_id
    try:
        async with tx.transaction():
            return await _store(tx, owner, rows, rules)
    except asyncpg.UniqueViolationError:
        return [await _one(tx, owner, row, rules) for row in rows]


async def _one(
    tx: asyncpg.Connection, owner: tuple[int, int | None], row: Values, rules: Rules
) -> Outcome:
    try:
        async with tx.transaction():
            (outcome,) = await _store(tx, owner, [row], rules)
            return outcome
    except asyncpg.UniqueViolationError as error:
        return store.taken(error).message


async def _store(
    tx: asyncpg.Connection, owner: tuple[int, int | None], rows: Sequence[Values], rules: Rules
) -> list[Outcome]:
    company_id, application_id = owner
    now = datetime.now(UTC)
    known = await store.lock_matching(
        tx, company_id, _all(rows, "primary_mdn"), _all(rows, "external_id")
    )
    batch = _Batch(known, application_id, at_ms=to_epoch_ms(now))
    outcomes = [batch.put(values) for values in rows]
    changed = batch.changed(rules)
    if changed:
        await store.update(tx, company_id, changed, now)
    fresh = batch.fresh(rules)
    if fresh:
        await store.insert(tx, company_id, fresh, now)
    return outcomes


def _all(rows: Sequence[Values], name: str) -> list[str]:
    return [value for row in rows if (value := row.get(name)) is not None]


class _Batch:
    """The contacts of a batch, by their keys, as its rows one after another leave them."""

    def __init__(
        self, known: Sequence[Mapping[str, Any]], application_id: int | None, *, at_ms: int
    ) -> None:
        self._application_id = application_id
        self._at_ms = at_ms
        self._known = [((row := dict(found)), row.copy()) for found in known]
        for row, _ in self._known:
            row["document"] = dict(row["document"])  # the other one stays as it was read
        rows = [row for row, _ in self._known]
        self._by_mdn = {row["primary_mdn"]: row for row in rows}
        self._by_external = {row["external_id"]: row for row in rows}
        self._by_mdn.pop(None, None)
        self._by_external.pop(None, None)
        self._fresh: list[Row] = []

    def put(self, values: Values) -> Outcome:
        external_id, mdn = values.get("external_id"), values.get("primary_mdn")
        if external_id is None and mdn is None:
            return _KEYLESS
        named = self._by_external.get(external_id)
        called = self._by_mdn.get(mdn)
        if named is not None and called is not None and named is not called:
            return _TWO
        row = named or called or self._new()
        self._rekey(self._by_external, row, "external_id", external_id)
        self._rekey(self._by_mdn, row, "primary_mdn", mdn)
        apply(row, values)
        id: UUID = row["id"]
        return id

    def changed(self, rules: Rules) -> list[Row]:
        """Those that were there and are not as they were."""
        rows = [row for row, _ in self._known]
        _derive(rows, rules)
        return [row for row, before in self._known if row != before]

    def fresh(self, rules: Rules) -> list[Row]:
        """Those that are new."""
        _derive(self._fresh, rules)
        return self._fresh

    def _new(self) -> Row:
        row = new_row()
        row["id"] = ids.new_id(at_ms=self._at_ms)
        row["application_id"] = self._application_id
        self._fresh.append(row)
        return row

    @staticmethod
    def _rekey(by: dict[str, Row], row: Row, name: str, key: str | None) -> None:
        if key is None or row[name] == key:
            return
        by.pop(row[name], None)
        by[key] = row


def _derive(rows: Sequence[Row], rules: Rules) -> None:
    if rules.derived:
        for row in rows:
            row.update(rules.derive(as_json(row)))
