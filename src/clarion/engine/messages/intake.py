"""What becomes of a message request while its client waits: checked, then stored (flush.py).

Most requests need nothing but what is in memory: those are in line when `accept` returns, without
a coroutine of their own. The others wait for what they need first.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from clarion.engine.accounts.model import Caller
from clarion.engine.messages.depth import QueueDepths
from clarion.engine.messages.express import Express
from clarion.engine.messages.flush import Flusher, Waiting
from clarion.engine.messages.model import NewRequest, Route
from clarion.engine.messages.plan import asks_for_steps, has_rules
from clarion.engine.messages.planning import Planner
from clarion.engine.messages.prepare import prepare
from clarion.engine.messages.prepared import Prepared
from clarion.engine.messages.reading import require_message
from clarion.engine.messages.routing import connector_for
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import Sender
from clarion.errors import InvalidInput, NotAllowed
from clarion.settings import Settings, SmppConnector
from clarion.storage.database import Database

MAX_WAYS = 10_000


class _Way(Struct, frozen=True):
    """What is the same for every request from one sender id, as long as that stays as it is."""

    sender: Sender
    route: Route
    latin1: bool


class Intake:
    """Accepts message requests for every door of this process."""

    def __init__(
        self,
        db: Database,
        senders: SenderDirectory,
        planner: Planner,
        settings: Settings,
        *,
        queued: Callable[[str], None] | None = None,
        writer: Database | None = None,
        express: Express | None = None,
    ) -> None:
        """`queued` is told the connector when a flush has put messages into its queue; `writer` is
        a pool for the flushes alone, with WRITER_SESSION; `express` is this process's dispatchers,
        if it has any."""
        self._db = db
        self._senders = senders
        self._planner = planner
        self._settings = settings
        self._billed = settings.billing.enabled  # every message then has its price
        self._depths = QueueDepths(db, settings.intake.sender_queue_limit)
        self._flusher = Flusher(db, writer=writer, queued=queued, express=express)
        self._ways: dict[tuple[int, str], _Way] = {}

    def start(self) -> None:
        self._flusher.start()

    async def stop(self) -> None:
        """Store what is in line, then end."""
        await self._flusher.stop()

    def accept(self, caller: Caller, new: NewRequest) -> Awaitable[UUID]:
        """Store a request; its id comes after the commit.

        A known external_id of the same application answers the id that it had the first time.
        Raises, at once or when it is awaited, InvalidInput and its kinds, NotAllowed (sender not
        ACTIVE), AlreadyExists (the external_id came with another body), TooManyRequests (the
        sender's queue is full), Unavailable (nothing was stored).
        """
        begun = time.perf_counter()
        if new.reply_to is None and not self._billed and not asks_for_steps(new):
            sender = self._senders.known(caller.company_id, new.sender)
            if sender is not None and self._planner.knows_no_consent_needed():
                way = self._way(caller.company_id, new.sender, sender)
                if way is not None:
                    return self._accept_plain(caller, new, way, begun)
        return self._accept_slowly(caller, new, begun)

    def _accept_plain(
        self, caller: Caller, new: NewRequest, way: _Way, begun: float
    ) -> Awaitable[UUID]:
        """A request whose messages are made while the client waits."""
        prepared = prepare(
            new,
            company_id=caller.company_id,
            application_id=caller.application_id,
            route=way.route,
            latin1=way.latin1,
            limits=self._settings.intake,
            now=datetime.now(UTC),
        )
        return self._line_up(caller, new, prepared, begun)

    async def _accept_slowly(self, caller: Caller, new: NewRequest, begun: float) -> UUID:
        company_id = caller.company_id
        if new.reply_to is not None:
            await require_message(self._db, company_id, new.reply_to)
        if not self._billed and not asks_for_steps(new):
            sender = await self._senders.resolve(company_id, new.sender)
            if not await self._planner.needs_consent(sender):
                way = self._way(company_id, new.sender, sender)
                if way is not None:
                    return await self._accept_plain(caller, new, way, begun)
        prepared = await self._planner.prepare(caller, new, datetime.now(UTC))
        return await self._line_up(caller, new, prepared, begun)

    def _line_up(
        self, caller: Caller, new: NewRequest, prepared: Prepared, begun: float
    ) -> Awaitable[UUID]:
        """Put it in line, with room in its sender's queue if it is to add to one."""
        waiting = Waiting(
            prepared=prepared,
            caller=caller,
            external_id=new.external_id,
            fingerprint=_fingerprint(new) if new.external_id else None,
            depth=None,
            begun=begun,
            answer=asyncio.get_running_loop().create_future(),
        )
        if prepared.sender_id is not None and prepared.queued:
            key = prepared.company_id, prepared.connector, prepared.sender_id
            waiting.depth = self._depths.reserve(prepared.queued, key)
            if waiting.depth is None:
                return self._line_up_counted(waiting, key)
        self._flusher.line_up(waiting)
        return waiting.answer

    async def _line_up_counted(self, waiting: Waiting, key: tuple[int, str, UUID]) -> UUID:
        await self._depths.count(key)
        waiting.depth = self._depths.reserve(waiting.prepared.queued, key, counted=True)
        self._flusher.line_up(waiting)
        return await waiting.answer

    def _way(self, company_id: int, reference: str, sender: Sender) -> _Way | None:
        """The way of requests from a sender id; None: they need steps."""
        key = company_id, reference
        way = self._ways.get(key)
        if way is None or way.sender is not sender:
            if has_rules(sender):
                return None
            if len(self._ways) >= MAX_WAYS:
                self._ways.clear()
            way = self._ways[key] = self._find_way(sender)
        return way

    def _find_way(self, sender: Sender) -> _Way:
        if sender.state != "ACTIVE":
            raise NotAllowed(f"from: the sender id is {sender.state}, not ACTIVE", field="from")
        if "SMS" not in sender.capabilities:
            raise InvalidInput("from: the sender id cannot send SMS", field="from")
        connectors = self._settings.connectors
        connector = connector_for(sender.address, sender.connector, connectors)
        if connector is None:
            raise InvalidInput("from: no connector carries this sender id", field="from")
        settings = connectors[connector]
        return _Way(
            sender=sender,
            route=Route(sender.id, sender.address, connector, sender.priority),
            latin1=isinstance(settings, SmppConnector) and settings.latin1,
        )


def _fingerprint(new: NewRequest) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(new)).digest()
