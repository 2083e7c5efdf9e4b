"""What an SMSC says to us, step by step: for `clarion connector test`.

It binds beside the connector's own binds, so an SMSC that allows only those refuses it; the words
say so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from clarion.connectors.smpp import dial, incoming, pdu, statuses
from clarion.connectors.smpp.model import Answer, Delivery, End, Ending
from clarion.connectors.smpp.outgoing import Outgoing, Ticket, Unsendable
from clarion.connectors.smpp.session import Session
from clarion.engine.messages.ports import Receipt, Submission
from clarion.settings import SmppConnector

RECEIPT_PATIENCE = 15.0
_STEP = 0.02

_ADVICE = {
    End.UNREACHABLE: "check host, port and tls, and that the SMSC's firewall lets this host in",
    End.SILENT: "the connection stands, but the SMSC says nothing: is it an SMPP port, and does it "
    "expect TLS?",
    End.LOST: "the SMSC hung up without an answer: it may not know this host's address, or expect "
    "TLS",
    End.BROKEN: "what answers there is not an SMSC, or it expects TLS",
}
_REFUSAL_ADVICE = {
    "ESME_RINVPASWD": "check password",
    "ESME_RINVSYSID": "check system_id",
    "ESME_RINVSYSTYP": "check system_type",
    "ESME_RALYBND": "the SMSC allows no further bind beside those of the running gateway",
    "ESME_RINVCMDID": "the SMSC does not know this kind of bind: try bind = 'pair'",
}


class Step(Struct, frozen=True):
    """One thing that was tried. `words` say what came of it, and what to do about it."""

    name: str
    ok: bool
    words: str
    seconds: float


class ProbeReport(Struct, frozen=True):
    connector: str
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)


async def probe(
    name: str,
    settings: SmppConnector,
    *,
    send: Submission | None = None,
    receipt_patience: float = RECEIPT_PATIENCE,
) -> ProbeReport:
    """Connect, bind, ask for a sign of life, send one message if given, unbind."""
    return ProbeReport(name, tuple(await _Probe(settings, receipt_patience).run(send)))


class _Probe:
    """Hears the sessions of one report."""

    def __init__(self, settings: SmppConnector, receipt_patience: float) -> None:
        self._settings = settings
        self._patience = receipt_patience
        self._steps: list[Step] = []
        self._answers: list[Answer[Ticket]] = []
        self._receipts: list[Receipt] = []

    async def run(self, send: Submission | None) -> list[Step]:
        sessions: list[Session[Ticket]] = []
        try:
            for command_id in dial.KINDS[self._settings.bind]:
                session = await self._bind(command_id)
                if session is None:
                    return self._steps
                sessions.append(session)
                await self._enquire(session)
            if send is not None:
                await self._send(sessions[0], send)
        finally:
            await self._part(sessions)
        return self._steps

    # ------------------------------------------------------------ steps

    async def _bind(self, command_id: int) -> Session[Ticket] | None:
        began = time.monotonic()
        session = dial.new_session(self._settings, command_id, self)
        ending = await dial.open_session(session, self._settings)
        step = pdu.name(command_id)
        if session.address is not None:
            words = f"reached {dial.where(self._settings)} at {session.address}"
            self._add("connect", True, words, began)
        else:
            step = "connect"
        if ending is not None:
            self._add(step, False, f"{ending.words}: {_advice(ending)}", began)
            return None
        self._add(step, True, _bound_words(session), began)
        return session

    async def _enquire(self, session: Session[Ticket]) -> None:
        began = time.monotonic()
        session.enquire()
        await self._until(lambda: session.round_trip is not None, session, self._timeout)
        if session.round_trip is None:
            self._add("enquire_link", False, "no answer: keep-alive will end this bind", began)
        else:
            words = f"answered after {session.round_trip * 1000:.1f} ms"
            self._add("enquire_link", True, words, began)

    async def _send(self, session: Session[Ticket], send: Submission) -> None:
        began = time.monotonic()
        if not session.transmits:
            return self._add("submit_sm", False, "a receiver's bind cannot send", began)
        try:
            requests = Outgoing(self._settings).requests(send)
        except Unsendable as error:
            return self._add("submit_sm", False, error.failure.words, began)
        session.submit(requests)
        await self._until(lambda: len(self._answers) == len(requests), session, self._timeout)
        if self._tell_answers(len(requests), began) and self._settings.receipts:
            await self._await_receipts(session)
        return None

    def _tell_answers(self, wanted: int, began: float) -> bool:
        missing = wanted - len(self._answers)
        if missing:
            words = f"{missing} of {wanted} were not answered: the carrier may have them"
            self._add("submit_sm", False, words, began)
            return False
        for _, status, external_id in self._answers:
            taken = status == statuses.OK
            words = f"taken as {external_id}" if taken else _status_words(status)
            self._add("submit_sm", taken, words, began)
        return all(status == statuses.OK for _, status, _ in self._answers)

    async def _await_receipts(self, session: Session[Ticket]) -> None:
        """No receipt is no failure: the phone may be off, or the receipt go to another bind."""
        began = time.monotonic()
        wanted = len({external_id for _, _, external_id in self._answers})
        await self._until(lambda: len(self._receipts) >= wanted, session, self._patience)
        for receipt in self._receipts:
            error = f", error {receipt.error}" if receipt.error else ""
            words = f"{receipt.state.value} for {receipt.external_id}{error}"
            self._add("receipt", True, words, began)
        if not self._receipts:
            words = f"none within {self._patience:g} s; it may come later, or on another bind"
            self._add("receipt", True, words, began)

    async def _part(self, sessions: list[Session[Ticket]]) -> None:
        for session in sessions:
            began = time.monotonic()
            session.drain(self._timeout)
            ending = await session.closed
            self._add("unbind", ending.kind is End.STOPPED, ending.words, began)

    # ------------------------------------------------------------ session.Listener

    def answered(self, session: Session[Ticket], answers: list[Answer[Ticket]]) -> None:
        self._answers += answers

    def delivered(self, session: Session[Ticket], deliveries: list[Delivery]) -> None:
        """Receipts of this probe are taken. Everything else belongs to the gateway: the SMSC is
        asked to deliver it again."""
        ours = {key for _, _, external_id in self._answers for key in _spellings(external_id)}
        for reply, message in deliveries:
            found = incoming.read(message, self._settings.default_alphabet)
            mine = isinstance(found, Receipt) and not ours.isdisjoint(_spellings(found.external_id))
            if isinstance(found, Receipt) and mine:
                self._receipts.append(found)
            session.reply((reply,), status=statuses.OK if mine else statuses.RX_T_APPN)

    def unanswered(self, session: Session[Ticket], tickets: list[Ticket]) -> None:
        pass  # `_tell_answers` counts what is missing

    def writable(self, session: Session[Ticket]) -> None:
        pass  # one message always has room

    def ended(self, session: Session[Ticket], ending: Ending, tickets: list[Ticket]) -> None:
        pass  # each step looks for itself

    # ------------------------------------------------------------ helpers

    @property
    def _timeout(self) -> float:
        return self._settings.response_timeout

    async def _until(
        self, condition: Callable[[], bool], session: Session[Ticket], seconds: float
    ) -> None:
        """Wait for it, but not longer than the session lives or the time lasts."""
        deadline = time.monotonic() + seconds
        over = session.closed.done
        # A person waits, and nothing tells of an enquire_link_resp: looking again is good enough.
        while not condition() and not over() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_STEP)

    def _add(self, name: str, ok: bool, words: str, began: float) -> None:  # noqa: FBT001
        self._steps.append(Step(name, ok, words, time.monotonic() - began))


def _spellings(external_id: str) -> set[str]:
    """SMSCs write an id in hexadecimal in the response and in decimal in the receipt, or padded."""
    plain = external_id.lower().lstrip("0")
    found = {plain}
    if plain.isascii() and plain.isdigit():
        found.add(f"{int(plain):x}")
    return found


def _bound_words(session: Session[Ticket]) -> str:
    peer = session.peer
    if peer is None:
        return "bound"
    version = peer.interface_version
    named = "names no version" if version is None else f"speaks SMPP {version >> 4}.{version & 15}"
    return f"bound; the SMSC calls itself {peer.system_id!r} and {named}"


def _advice(ending: Ending) -> str:
    if ending.kind is End.REFUSED:
        fallback = "ask the carrier what it means"
        return _REFUSAL_ADVICE.get(statuses.name(ending.status), fallback)
    return _ADVICE.get(ending.kind, "try again")


def _status_words(status: int) -> str:
    return f"{statuses.name(status)}: {statuses.words(status)}"
