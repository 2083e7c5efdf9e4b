"""Which nodes are alive and which of them holds each bind; what dead ones leave behind.

A node is one process. It renews a row; when the row lapses, its binds are free and its claims are
taken over: their messages were handed to a carrier, or were about to be, and nothing more is
known. By the connector's policy they are sent again or fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from clarion.engine.messages import store
from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.states import Input
from clarion.engine.messages.stops import stop
from clarion.log import get_logger
from clarion.settings import ConnectorSettings, SmppConnector
from clarion.storage.database import Database

DISPATCH = "dispatch"
ORPHAN_BATCH = 50

CLAIMS_RECOVERED = "claims.recovered"

log = get_logger(__name__)


class Membership:
    """This node's place among the others."""

    def __init__(
        self, db: Database, node_id: UUID, name: str, *, roles: frozenset[str], lease: float
    ) -> None:
        self._db = db
        self.node_id = node_id
        self._name = name
        self._roles = roles
        self._lease = timedelta(seconds=lease)
        self._expires_at: datetime | None = None
        self.lapses = 0  # how often it was late
        self._judges_from = datetime.min.replace(tzinfo=UTC)

    @property
    def interval(self) -> float:
        """Seconds between two renewals: a lease survives two that fail."""
        return self._lease.total_seconds() / 4

    async def renew(self) -> bool:
        """Prolong the lease; whether other nodes' leases can be judged now.

        A node whose own lease has lapsed was cut off from the database, and so were the others,
        likely: they get as long as a lease lasts to show that they are alive.
        """
        now = datetime.now(UTC)
        expires_at = now + self._lease
        await store.beat(self._db, self.node_id, self._name, sorted(self._roles), expires_at)
        if self.lapsed():
            self.lapses += 1
            self._judges_from = expires_at
        self._expires_at = expires_at
        return now >= self._judges_from

    def lapsed(self) -> bool:
        """Whether others may think that this node is dead."""
        return self._expires_at is not None and datetime.now(UTC) > self._expires_at

    def judges(self) -> bool:
        """Whether other nodes' leases can be judged: see renew."""
        return not self.lapsed() and datetime.now(UTC) >= self._judges_from

    async def leave(self) -> None:
        """In order: nobody needs to wait for the lease to lapse."""
        await store.remove_node(self._db, self.node_id)

    async def dispatchers(self) -> int:
        """How many living nodes feed connectors."""
        return await store.count_live_nodes(self._db, DISPATCH, datetime.now(UTC))

    async def bind_holders(self, connector: str) -> int:
        """How many nodes hold binds of a connector."""
        return await store.count_bind_holders(self._db, connector, datetime.now(UTC))

    async def lease_binds(self, connector: str, *, binds: int, nodes: int) -> int:
        """Take, keep or give back binds so that nodes have equal shares; answers how many."""
        now = datetime.now(UTC)
        share = -(-binds // max(1, nodes))
        slots = await store.lease_binds(
            self._db, connector, binds=binds, share=share, node_id=self.node_id, now=now,
            expires_at=now + self._lease,
        )  # fmt: skip
        await store.release_binds(self._db, connector, self.node_id, slots)
        return len(slots)


def binds_of(settings: ConnectorSettings) -> int:
    """Binds that all nodes together hold; a connector without binds has one on every node."""
    return settings.binds if isinstance(settings, SmppConnector) else 0


async def forget_all_nodes(db: Database) -> None:
    """For whoever knows that no other process works on this database, as the owner of an embedded
    one does: what a killed process held need not wait for its lease to lapse."""
    await store.forget_all_nodes(db)


async def recover_claims(db: Database, connectors: Mapping[str, ConnectorSettings]) -> int:
    """Take over the claims of dead nodes; answers how many messages were uncertain.

    Harmless when it runs again: a claim is deleted in the transaction that deals with it.
    """

    async def work(tx: asyncpg.Connection) -> int:
        now = datetime.now(UTC)
        claims = await store.take_orphaned_claims(tx, list(connectors), now, ORPHAN_BATCH)
        for claim in claims:
            if connectors[claim.connector].on_uncertain == "resend":
                await _requeue(tx, claim, now, tried=1)
            else:
                await _fail(tx, claim, now)
        return sum(len(claim.messages) for claim in claims)

    count = 0
    while found := await db.run(work):
        count += found
        await asyncio.sleep(0)
    if count:
        log.warning(CLAIMS_RECOVERED, messages=count)
    await store.forget_nodes(db, datetime.now(UTC) - timedelta(minutes=1))
    return count


async def undo_claim(db: Database, company_id: int, claim_id: UUID) -> None:
    """Put back a claim of ours of which nothing was handed over, if it was committed at all."""

    async def work(tx: asyncpg.Connection) -> None:
        claim = await store.take_back_claim(tx, company_id, claim_id)
        if claim is not None:
            await _requeue(tx, claim, datetime.now(UTC), tried=0)

    await db.run(work)


async def _requeue(
    tx: store.Runner, claim: store.OrphanedClaim, now: datetime, *, tried: int
) -> None:
    """`tried`: tries that this claim counts for."""
    parts = await store.parts_taken(tx, claim.company_id, claim.messages)
    await store.requeue(
        tx,
        claim.company_id,
        claim.connector,
        [
            store.Requeued(
                id=message,
                priority=claim.priority,
                due_at=now,
                attempts=attempts + tried,
                parts_taken=parts.get(message, 0),
            )
            for message, attempts in zip(claim.messages, claim.attempts, strict=True)
        ],
    )


async def _fail(tx: store.Runner, claim: store.OrphanedClaim, now: datetime) -> None:
    await stop(
        tx,
        claim.company_id,
        Input.REFUSED,
        [
            store.Advance(
                message,
                now,
                FailureCode.DELIVERY_FAILURE.value,
                "The gateway stopped while the carrier had it; whether it arrived is not known.",
            )
            for message in claim.messages
        ],
        now,
    )
