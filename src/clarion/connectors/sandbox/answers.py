"""What a virtual handset answers by itself."""

from __future__ import annotations

from clarion.connectors.sandbox.numbers import Answer
from clarion.engine.messages.ports import Inbound, Medium, Submission
from clarion.kit.segments import segment

LONG_ANSWER = " ".join(
    f"This is line {line} of a long answer from the sandbox." for line in range(1, 9)
)


def answer_to(submission: Submission, answer: Answer) -> list[Inbound]:
    """The parts of the answer, in the order in which they arrive."""
    if submission.medium != Medium.SMS:
        return [_whole(submission, answer)]
    return _parts(submission, _text(submission, answer))[:: -1 if answer is Answer.LONG else 1]


def _text(submission: Submission, answer: Answer) -> str:
    if answer is Answer.STOP:
        return "STOP"
    return LONG_ANSWER if answer is Answer.LONG else "".join(submission.parts)


def _whole(submission: Submission, answer: Answer) -> Inbound:
    """An MMS or a mail: one piece, however long."""
    mail = submission.medium == Medium.EMAIL
    return Inbound(
        source=submission.destination.removeprefix("+"),
        destination=submission.source,
        text=_text(submission, answer),
        reference=None,
        total=1,
        number=1,
        medium=submission.medium,
        subject=f"Re: {submission.subject}" if mail and submission.subject else None,
        media=submission.media if answer is Answer.ECHO else (),
    )


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
