"""The jobs that keep storage in shape."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion import metrics
from clarion.jobs.runner import Job
from clarion.log import get_logger
from clarion.settings import Retention
from clarion.storage import partitions
from clarion.storage.database import Database

PARTITIONS_SECONDS = 6 * 3600.0
PURGE_SECONDS = 900.0
STATISTICS_SECONDS = 2.0
PARTITIONS_CHANGED = "partitions.changed"
PURGED = "storage.purged"

log = get_logger(__name__)


def upkeep(db: Database, retention: Retention) -> list[Job]:
    """Partitions, purges and the first statistics.

    Both are harmless when repeated: they make what is missing and end what is too old.
    """

    async def maintain() -> None:
        work = await partitions.maintain(db, retention, now=datetime.now(UTC))
        if work.made or work.dropped:
            log.info(PARTITIONS_CHANGED, made=work.made, dropped=work.dropped)

    async def purge() -> None:
        done = await partitions.purge(db, retention, now=datetime.now(UTC))
        for connector, count in done.unmatched_receipts.items():
            metrics.RECEIPTS_DROPPED.labels(connector).inc(count)
        if any((done.external_ids, done.unmatched_receipts, done.strays)):
            log.info(
                PURGED,
                external_ids=done.external_ids,
                receipts=dict(done.unmatched_receipts),
                strays=done.strays,
            )

    async def statistics() -> None:
        await partitions.gather_first_statistics(db)

    return [
        Job("partitions", PARTITIONS_SECONDS, maintain),
        Job("purge", PURGE_SECONDS, purge),
        Job("first statistics", STATISTICS_SECONDS, statistics),
    ]
