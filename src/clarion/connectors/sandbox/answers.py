"""What a virtual handset answers by itself."""

from __future__ import annotations

from clarion.connectors.sandbox.numbers import Answer
from clarion.engine.messages.ports import Inbound, Submission
from clarion.kit.segments import segment

LONG_ANSWER = " ".join(
    f"This is line {line} of a long answer from the sandbox." for line in range(1, 9)
)


def answer_to(submission: Submission, answer: Answer) -> list[Inbound]:
    """The parts of the answer, in the order in which they arrive."""
    if answer is Answer.STOP:
        return _parts(submission, "STOP")
    if answer is Answer.LONG:
        return _parts(submission, LONG_ANSWER)[::-1]
    return _parts(submission, "".join(submission.parts))


def _parts(submission: Submission, text: str) -> list[Inbound]:
    parts = segment(text).parts
    return [
        Inbound(
            source=submission.destination.removeprefix("+"),
            destination=submission.source,
            text=part,
            reference=submission.reference if len(parts) > 1 else None,
            total=len(parts),
            number=number,
        )
        for number, part in enumerate(parts, 1)
    ]
