"""Which address a recipient is reached at, and from which sender id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.plan import Plan
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.recipients import Kind, Named
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.senders.channels.choice import Destination, choose
from clarion.engine.senders.model import Sender
from clarion.kit import ids

_TEXT, _MEDIA = (Medium.SMS, Medium.MMS), (Medium.MMS,)


def address_candidate(plan: Plan, named: Named) -> Candidate:
    """A recipient whose address the client gave."""
    c = Candidate(plan, named.given, named.kind, named.address, named.country)
    if named.wrong:
        c.fail(FailureCode.INVALID_RECIPIENT, named.wrong)
    return c


async def choose_senders(chunk: Chunk) -> None:
    """The sender id and the medium of each."""
    for c in chunk.going():
        if c.sender is None:
            _choose(chunk, c)


def media_of(plan: Plan, kind: Kind) -> Sequence[str]:
    """The media that reach an address of this kind, the best first."""
    if kind is Kind.PUSH:
        return (Medium.PSH,)
    if kind is Kind.EMAIL:
        return (Medium.EMAIL,)
    return _MEDIA if plan.has_media or plan.options.group_mms else _TEXT


def _choose(chunk: Chunk, c: Candidate) -> None:
    for medium in media_of(c.plan, c.kind):
        sender = _sender(chunk, c, medium)
        connector = sender and chunk.means.carrier(sender, medium)
        if sender and connector:
            c.sender, c.medium, c.connector = sender, medium, connector
            return
    c.fail(FailureCode.NO_SENDER, _no_sender(c))


def _sender(chunk: Chunk, c: Candidate, medium: str) -> Sender | None:
    plan = c.plan
    if plan.channel is None:
        return plan.sender if medium in plan.sender.capabilities else None
    made = choose(
        plan.channel, [Destination(c.address, medium, c.country)],
        sort_criteria=plan.options.sender_id_sort_criteria, price=lambda _s, _c: None,
        room=lambda _: True, recipient=_stickiness(c),
    )  # fmt: skip
    return made.sender if made else None


def _stickiness(c: Candidate) -> str:
    """What always leads to the same sender id: the recipient; of a group MMS, the group."""
    if c.plan.options.group_mms:
        return ids.show(c.plan.request_id)
    return c.address if c.contact_id is None else ids.show(c.contact_id)


def _no_sender(c: Candidate) -> str:
    wanted = " or ".join(media_of(c.plan, c.kind))
    where = f" to {c.country}" if c.country and c.plan.channel else ""
    whose = "No sender id of the channel" if c.plan.channel else "The sender id cannot:"
    return f"{whose} can send {wanted}{where}." if c.plan.channel else f"{whose} send {wanted}."


def unseen(candidates: Iterable[Candidate], seen: set[str]) -> tuple[list[Candidate], int]:
    """Those whose address has not come before in their request, and how many have."""
    fresh: dict[str, Candidate] = {}
    count = 0
    for c in candidates:
        count += 1
        address = c.address or c.given
        if address not in seen:
            fresh.setdefault(address, c)
    return list(fresh.values()), count - len(fresh)
