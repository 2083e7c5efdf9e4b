"""Nodes, and the binds that they lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clarion.engine.messages.store.rows import SQL, Runner


async def beat(
    on: Runner, node_id: UUID, name: str, roles: Sequence[str], expires_at: datetime
) -> None:
    await on.execute(SQL["beat"], node_id, name, roles, expires_at)


async def remove_node(on: Runner, node_id: UUID) -> None:
    await on.execute(SQL["remove_node"], node_id)


async def forget_all_nodes(on: Runner) -> None:
    await on.execute(SQL["forget_all_nodes"])


async def forget_nodes(on: Runner, before: datetime) -> None:
    await on.execute(SQL["forget_nodes"], before)


async def count_live_nodes(on: Runner, role: str, now: datetime) -> int:
    return len(await on.fetch(SQL["live_nodes"], role, now))


async def lease_binds(
    on: Runner,
    connector: str,
    *,
    binds: int,
    share: int,
    node_id: UUID,
    now: datetime,
    expires_at: datetime,
) -> list[int]:
    rows = await on.fetch(SQL["lease_binds"], connector, binds, share, node_id, now, expires_at)
    return [row["slot"] for row in rows]


async def count_bind_holders(on: Runner, connector: str, now: datetime) -> int:
    count: int = await on.fetchval(SQL["bind_holders"], connector, now)
    return count


async def release_binds(on: Runner, connector: str, node_id: UUID, keep: Sequence[int]) -> None:
    await on.execute(SQL["release_binds"], connector, node_id, keep)
