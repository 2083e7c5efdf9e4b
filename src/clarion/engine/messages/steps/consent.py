"""Who has not agreed, or has refused, is not written to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from clarion.engine.consent.addresses import Asked, refused
from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.recipients import Kind
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk

_TYPES = {Kind.NUMBER: "MDN", Kind.EMAIL: "EMAIL", Kind.PUSH: "PUSH"}


async def check_consent(chunk: Chunk) -> None:
    """Messages that answer a subscriber's own are wanted, whatever was said before."""
    asked: dict[str, list[Candidate]] = defaultdict(list)
    needed: dict[tuple[object, str], bool] = {}
    for c in chunk.going():
        if c.sender is None or c.plan.options.auto_reply:
            continue
        key = (c.sender.id, c.plan.requirement)
        if key not in needed:
            needed[key] = await chunk.means.gate.needed(c.sender, c.plan.requirement)
        if needed[key]:
            asked[c.plan.requirement].append(c)
    for requirement in sorted(asked):
        await _check(chunk, asked[requirement], requirement)


async def _check(chunk: Chunk, candidates: Sequence[Candidate], requirement: str) -> None:
    questions = [
        Asked(position, c.sender.id, _TYPES[c.kind], c.address)
        for position, c in enumerate(candidates)
        if c.sender
    ]
    found = await refused(chunk.on, chunk.company_id, questions, requirement)
    for position, why in found.items():
        candidates[position].fail(FailureCode.NO_CONSENT, why.words)
