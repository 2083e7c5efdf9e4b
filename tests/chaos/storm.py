"""Makes the trouble of a plan, and notes when it was and who was in the gateway's hands then."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..peers.smsc import Smsc
from .plan import Act, Plan, Trouble
from .record import Record
from .stage import Gateway, Postgres

CALM: dict[str, object] = {"silent": 0, "error": 0, "throttle": 0}


@dataclass
class Kill:
    """A kill of the gateway, and the messages that its claims listed when it was dead."""

    at: float
    claimed: frozenset[str]


@dataclass
class Diary:
    """What was done."""

    acts: list[tuple[float, Trouble]] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)


class Storm:
    """The trouble of one run."""

    def __init__(
        self, plan: Plan, gateway: Gateway, postgres: Postgres, smsc: Smsc, record: Record
    ) -> None:
        self._plan = plan
        self._gateway = gateway
        self._postgres = postgres
        self._smsc = smsc
        self._record = record
        self._rng = random.Random(plan.seed + 1)
        self.diary = Diary()

    async def rage(self, begun: float) -> None:
        """Every act at its time, one after the other; then calm."""
        for act in self._plan.acts:
            await asyncio.sleep(max(0.0, begun + act.at - time.time()))
            self.diary.acts.append((time.time(), act.trouble))
            await self._DOES[act.trouble](self, act)
        await self._smsc.configure(**CALM)

    async def _gateway_dies(self, _: Act) -> None:
        await self._gateway.kill()
        await self._note_kill()
        self._gateway.allow()

    async def _database_dies(self, act: Act) -> None:
        await self._postgres.kill(act.seconds)

    async def _backend_dies(self, _: Act) -> None:
        pids = await self._record.backends()
        if pids:
            self._postgres.kill_backend(self._rng.choice(pids))

    async def _both_die(self, act: Act) -> None:
        await asyncio.gather(self._postgres.kill(act.seconds), self._gateway.kill())
        await self._note_kill()
        self._gateway.allow()

    async def _connections_end(self, _: Act) -> None:
        await self._smsc.kick()

    async def _responses_vanish(self, act: Act) -> None:
        await self._smsc.configure(silent=0.1)
        asyncio.get_running_loop().create_task(self._later(act.seconds, silent=0))

    async def _carrier_throttles(self, act: Act) -> None:
        await self._smsc.configure(throttle=40)
        asyncio.get_running_loop().create_task(self._later(act.seconds, throttle=0))

    async def _carrier_errs(self, act: Act) -> None:
        await self._smsc.configure(error=0.3)
        asyncio.get_running_loop().create_task(self._later(act.seconds, error=0))

    async def _later(self, seconds: float, **options: object) -> None:
        await asyncio.sleep(seconds)
        await self._smsc.configure(**options)

    async def _note_kill(self) -> None:
        """The gateway is dead and must not come back before its claims are read."""
        at = time.time()
        self.diary.kills.append(Kill(at, await self._record.claimed()))

    _DOES: dict[Trouble, Callable[[Storm, Act], Awaitable[None]]] = {  # noqa: RUF012
        Trouble.GATEWAY: _gateway_dies,
        Trouble.DATABASE: _database_dies,
        Trouble.BACKEND: _backend_dies,
        Trouble.BOTH: _both_die,
        Trouble.CUT: _connections_end,
        Trouble.SILENCE: _responses_vanish,
        Trouble.THROTTLE: _carrier_throttles,
        Trouble.ERRORS: _carrier_errs,
    }
