"""The sandbox: a carrier inside Clarion, with a virtual handset behind every number, an application
behind every token, and a mailbox behind every e-mail address.

It answers as a real one does: later, in batches, and for some numbers (numbers.py), tokens and
mailboxes (addresses.py) badly. It keeps no files. An external id says what kind of address it was
given for, so after a crash the receipts that are still owed can be read off the ids of the messages
that wait for one: `outstanding` brings those.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count

from msgspec import Struct

from clarion.connectors.sandbox.addresses import handset_of, key_of
from clarion.connectors.sandbox.agenda import Agenda
from clarion.connectors.sandbox.answers import answer_to
from clarion.connectors.sandbox.numbers import ORDINARY, Handset
from clarion.engine.messages.ports import (
    CarrierEvents,
    Failure,
    FailureKind,
    Health,
    Inbound,
    Outcome,
    Receipt,
    ReceiptState,
    Submission,
)
from clarion.log import get_logger
from clarion.settings import SandboxConnector

log = get_logger(__name__)

RESUMED = "sandbox.resumed"
RESUME_FAILED = "sandbox.resume_failed"

WINDOW = 10_000  # parts under way at most
BATCH = 500  # receipts or answers handed over at once
AGAIN = 1.0  # seconds until what could not be stored is offered again
REMEMBERED = 10_000  # parts whose single failure is remembered
DRAIN = 2.0  # seconds that stop() waits for commits under way

NO_ANSWER = Failure(
    FailureKind.UNCERTAIN,
    "NO_ANSWER",
    "the sandbox carrier did not answer; it may have the message",
)
STOPPED = Failure(FailureKind.NOT_SENT, "STOPPED", "the sandbox carrier is not running")

Outstanding = Callable[[str], Awaitable[Sequence[str]]]
"""The external ids of a connector's parts that still wait for their last receipt."""


class _Owed(Struct, frozen=True, gc=False):
    external_id: str
    state: ReceiptState
    error: str | None


class Sandbox:
    """A Connector. `response_timeout` is the wait for the carrier that never answers."""

    def __init__(
        self,
        name: str,
        settings: SandboxConnector,
        *,
        outstanding: Outstanding | None = None,
        response_timeout: float = 2.0,
    ) -> None:
        self.name = name
        self.media = settings.media
        self._delay = settings.receipt_delay
        self._outstanding = outstanding
        self._response_timeout = response_timeout
        self._events: CarrierEvents | None = None
        self._wanted = 1
        self._stem = os.urandom(5).hex()
        self._numbers = count(1)
        self._answers: list[Outcome] = []
        self._overtaking: list[_Owed] = []
        self._failed_once: OrderedDict[tuple[object, int], None] = OrderedDict()
        self._silent: Agenda[Outcome] = Agenda(self._give_up)
        self._receipts: Agenda[_Owed] = Agenda(self._give_receipts)
        self._inbound: Agenda[Inbound] = Agenda(self._give_inbound)
        self._unsettled = 0
        self._settled = asyncio.Event()
        self._resuming: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ the port

    async def start(self, events: CarrierEvents) -> None:
        self._events = events
        if self._outstanding is not None:
            self._resuming = asyncio.create_task(self._resume(self._outstanding))
        events.room_changed(self.name)

    async def stop(self) -> None:
        if self._resuming is not None:
            self._resuming.cancel()
            with suppress(asyncio.CancelledError):
                await self._resuming
        self._give_up(self._silent.clear())
        self._flush()
        self._receipts.clear()
        self._inbound.clear()
        events, self._events = self._events, None
        if events is not None and self._unsettled:
            self._settled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN):
                    await self._settled.wait()

    def hold_binds(self, count: int) -> None:
        self._wanted = count
        if self._events is not None:
            self._events.room_changed(self.name)

    def room(self) -> int:
        return WINDOW - self._in_flight() if self._is_ready() else 0

    def submit(self, batch: Sequence[Submission]) -> None:
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._flush)
        for submission in batch:
            self._take(submission)

    def health(self) -> Health:
        ready = self._is_ready()
        return Health(
            ready=ready,
            binds=self._wanted if ready else 0,
            wanted=self._wanted,
            in_flight=self._in_flight(),
            words="virtual handsets answer" if ready else "not running",
        )

    # ------------------------------------------------------------ taking messages

    def _is_ready(self) -> bool:
        return self._events is not None and self._wanted > 0

    def _in_flight(self) -> int:
        return len(self._answers) + len(self._silent)

    def _take(self, submission: Submission) -> None:
        if not self._is_ready():
            self._refuse(submission, STOPPED)
            return
        key = key_of(submission.destination, submission.medium)
        handset = handset_of(key) if key else ORDINARY
        if handset.silent:
            for number in submission.pending:
                lost = Outcome(submission.message_id, number, None, NO_ANSWER)
                self._silent.add(self._response_timeout, lost)
            return
        if handset.failure is not None and self._fails_now(submission, handset):
            self._refuse(submission, handset.failure)
            return
        self._accept(submission, handset, key)

    def _refuse(self, submission: Submission, failure: Failure) -> None:
        self._answers += [
            Outcome(submission.message_id, number, None, failure) for number in submission.pending
        ]

    def _fails_now(self, submission: Submission, handset: Handset) -> bool:
        if handset.only_media and not submission.media:
            return False
        if not handset.once:
            return True
        key = (submission.message_id, submission.pending[0])
        if key in self._failed_once:
            del self._failed_once[key]
            return False
        self._failed_once[key] = None
        if len(self._failed_once) > REMEMBERED:
            self._failed_once.popitem(last=False)
        return True

    def _accept(self, submission: Submission, handset: Handset, key: str) -> None:
        for number in submission.pending:
            external_id = self._new_id(key)
            self._answers.append(Outcome(submission.message_id, number, external_id, None))
            self._owe(external_id, handset)
        if handset.answer is not None:
            for part in answer_to(submission, handset.answer):
                self._inbound.add(self._delay, part)

    def _new_id(self, key: str) -> str:
        return f"sb{key or 'x'}-{self._stem}-{next(self._numbers):x}"

    def _owe(self, external_id: str, handset: Handset) -> None:
        for state in handset.receipts:
            owed = _Owed(external_id, state, handset.error)
            if handset.early:
                self._overtaking.append(owed)
            else:
                reading = self._delay if state is ReceiptState.READ else 0.0
                self._receipts.add(self._delay + handset.late + reading, owed)

    # ------------------------------------------------------------ telling the engine

    def _give_up(self, lost: list[Outcome]) -> None:
        self._answers += lost
        self._flush()

    def _flush(self) -> None:
        overtaking, self._overtaking = self._overtaking, []
        answers, self._answers = self._answers, []
        if self._events is None:
            return
        if overtaking:
            self._give_receipts(overtaking)
        if answers:
            self._events.outcomes(self.name, answers)
            self._events.room_changed(self.name)

    def _give_receipts(self, owed: list[_Owed]) -> None:
        now = datetime.now(UTC)
        for start in range(0, len(owed), BATCH):
            batch = owed[start : start + BATCH]
            receipts = [Receipt(o.external_id, o.state, o.error, now) for o in batch]
            if self._events is not None:
                self._unsettled += 1
                settled = partial(self._receipts_settled, batch)
                self._events.receipts(self.name, receipts, settled)

    def _give_inbound(self, parts: list[Inbound]) -> None:
        for start in range(0, len(parts), BATCH):
            batch = parts[start : start + BATCH]
            if self._events is not None:
                self._unsettled += 1
                settled = partial(self._inbound_settled, batch)
                self._events.inbound(self.name, batch, settled)

    def _receipts_settled(self, batch: list[_Owed], stored: bool) -> None:  # noqa: FBT001
        self._one_settled()
        if not stored and self._events is not None:
            for owed in batch:
                self._receipts.add(AGAIN, owed)

    def _inbound_settled(self, batch: list[Inbound], stored: bool) -> None:  # noqa: FBT001
        self._one_settled()
        if not stored and self._events is not None:
            for part in batch:
                self._inbound.add(AGAIN, part)

    def _one_settled(self) -> None:
        self._unsettled -= 1
        if not self._unsettled:
            self._settled.set()

    # ------------------------------------------------------------ after a restart

    async def _resume(self, outstanding: Outstanding) -> None:
        """Owe the receipts that an earlier process still owed. One that was given and not
        recorded is given again: receipts may come twice."""
        while True:
            try:
                external_ids = await outstanding(self.name)
                break
            except Exception as error:  # the boundary of this worker: it must not end silently
                log.warning(RESUME_FAILED, connector=self.name, error=repr(error))
                await asyncio.sleep(AGAIN)
        for external_id in external_ids:
            self._owe(external_id, handset_of(_key_in(external_id)))
        if self._overtaking:
            self._flush()
        if external_ids:
            log.info(RESUMED, connector=self.name, receipts=len(external_ids))


def _key_in(external_id: str) -> str:
    return external_id.removeprefix("sb").partition("-")[0]
