"""The clients: they send until they are acknowledged, as a careful client does.

A request with an external_id is repeated after every failure, since it cannot be accepted twice.
One without is given up when its fate is unknown: the client could not tell two from one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from .plan import Order, Plan
from .tenants import Tenant

PATH = "/scg-external-api/api/v1/messaging/message_requests"
AT_ONCE = 48  # requests under way
PATIENCE = aiohttp.ClientTimeout(total=6.0)
BREATH = 0.15
REPEATED = 20  # every so many acknowledged requests one is sent again


@dataclass
class Ledger:
    """What clients know."""

    acknowledged: dict[str, Order] = field(default_factory=dict)  # by request id
    ids: dict[str, set[str]] = field(default_factory=dict)  # external_id: the ids answered
    at: list[float] = field(default_factory=list)  # when something was acknowledged
    abandoned: list[Order] = field(default_factory=list)
    refused: list[tuple[Order, int, str]] = field(default_factory=list)
    failures: int = 0  # tries that were not acknowledged
    repeats: int = 0


class Clients:
    """All clients of a run."""

    def __init__(self, urls: Sequence[str], tenants: Sequence[Tenant], ledger: Ledger) -> None:
        self._urls = urls
        self._tenants = tenants
        self._ledger = ledger
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._turn = 0

    async def send_all(self, plan: Plan, begun: float, *, until: float) -> None:
        """Each order at its time; none is tried after `until`."""
        async with aiohttp.ClientSession(timeout=PATIENCE) as session, asyncio.TaskGroup() as tasks:
            for order in plan.orders:
                await asyncio.sleep(max(0.0, begun + order.at - time.time()))
                await self._slots.acquire()
                tasks.create_task(self._place(session, order, until))

    async def _place(self, session: aiohttp.ClientSession, order: Order, until: float) -> None:
        try:
            tries = [self._send(session, order, until) for _ in range(1 + order.twice)]
            found = await asyncio.gather(*tries)
            if found[0] and order.external_id and len(self._ledger.at) % REPEATED == 0:
                self._ledger.repeats += 1
                await self._send(session, order, until)
        finally:
            self._slots.release()

    async def _send(self, session: aiohttp.ClientSession, order: Order, until: float) -> bool:
        """Whether it was acknowledged."""
        while time.time() < until:
            status, answer = await self._post(session, order)
            if status == 200:
                self._note(order, answer)
                return True
            self._ledger.failures += 1
            if status is not None and status < 500 and status != 429:
                self._ledger.refused.append((order, status, answer))
                return False
            if order.external_id is None and status is None:
                break
            await asyncio.sleep(BREATH)
        self._ledger.abandoned.append(order)
        return False

    async def _post(self, session: aiohttp.ClientSession, order: Order) -> tuple[int | None, str]:
        tenant = self._tenants[order.company]
        body: dict[str, object] = {"from": tenant.address, "to": order.to, "body": order.body}
        if order.external_id:
            body["external_id"] = order.external_id
        self._turn += 1
        url = self._urls[self._turn % len(self._urls)] + PATH
        headers = {"Authorization": f"Bearer {tenant.token}"}
        try:
            async with session.post(url, json=body, headers=headers) as response:
                if response.status != 200:
                    return response.status, await response.text()
                return 200, (await response.json())["id"]
        except (aiohttp.ClientError, TimeoutError):
            return None, ""

    def _note(self, order: Order, request_id: str) -> None:
        self._ledger.acknowledged[request_id] = order
        self._ledger.at.append(time.time())
        if order.external_id:
            self._ledger.ids.setdefault(order.external_id, set()).add(request_id)
