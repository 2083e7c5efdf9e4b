"""One run: everything is started, the load and the storm go on together, calm, then the count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ..peers.smsc import Smsc
from .evidence import Evidence, gather_evidence
from .load import Clients, Ledger
from .plan import Answer, Plan, address
from .record import Record
from .stage import Gateway, Postgres
from .storm import Storm
from .tenants import Tenant, make_tenants, write_config

LEASE = 2.0
CALM_SECONDS = 45.0  # that everything under way has to come to its end
CARRIER = {
    "receipt_delay": 50,
    "receipt_jitter": 100,
    "receipt_early": 0.05,
    "receipt_twice": 0.05,
    "undelivered": 0.1,
}


@dataclass(frozen=True)
class Scene:
    """An installation without its gateways, which tests start as they like."""

    home: Path
    postgres: Postgres
    smsc: Smsc
    record: Record
    tenants: list[Tenant]
    config: Path


@asynccontextmanager
async def a_scene(
    home: Path, *, lease: float = LEASE, binds: int = 2, **options: object
) -> AsyncIterator[Scene]:
    """PostgreSQL, an SMSC, companies, and the settings that join them."""
    postgres = Postgres(home)
    try:
        url = await postgres.start()
        tenants = await make_tenants(url)
        async with Smsc(**(CARRIER | options)) as smsc:
            config = write_config(
                home / "clarion.toml", url=url, port=smsc.port, lease=lease, binds=binds
            )
            yield Scene(home, postgres, smsc, Record(url), tenants, config)
    finally:
        await postgres.stop()


async def play(plan: Plan, home: Path) -> Evidence:
    """The whole run."""
    async with a_scene(home) as scene:
        gateway = Gateway(home, scene.config)
        try:
            await gateway.start()
            return await _play(plan, scene, gateway)
        finally:
            await gateway.stop()


async def _play(plan: Plan, scene: Scene, gateway: Gateway) -> Evidence:
    ledger, begun = Ledger(), time.time()
    storm = Storm(plan, gateway, scene.postgres, scene.smsc, scene.record)
    clients = Clients([gateway.url], scene.tenants, ledger)
    until = begun + plan.seconds + CALM_SECONDS
    injected, *_ = await asyncio.gather(
        _inject(plan, scene.smsc, begun),
        clients.send_all(plan, begun, until=until),
        storm.rage(begun),
    )
    unfinished = await settle(scene, CALM_SECONDS)
    return await gather_evidence(
        plan,
        ledger,
        storm.diary,
        injected,
        record=scene.record,
        smsc=scene.smsc,
        unfinished=unfinished,
    )


async def _inject(plan: Plan, smsc: Smsc, begun: float) -> list[Answer]:
    """The subscribers' messages, each at its time."""
    for reference, answer in enumerate(plan.answers):
        await asyncio.sleep(max(0.0, begun + answer.at - time.time()))
        await smsc.mo(
            from_=answer.source,
            to=address(answer.company),
            parts=list(answer.pieces),
            reference=reference % 255 + 1,
        )
    return list(plan.answers)


async def settle(scene: Scene, seconds: float) -> Mapping[str, int]:
    """Wait until nothing is under way; what is left after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        left = await scene.record.unfinished()
        stats = await scene.smsc.stats()
        if to_deliver := stats["waiting"] + stats["open"]:
            left = {**left, "deliver_sm": to_deliver}
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.2)
