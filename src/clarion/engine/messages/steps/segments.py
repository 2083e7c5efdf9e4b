"""How long a text is on the air: what does not fit into the fragments allowed stops here."""

from __future__ import annotations

from clarion.engine.messages.model import Content, FailureCode
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.prepare import content_of
from clarion.engine.messages.steps.chunk import Chunk

_OTHER_MEDIA = Content(encoding=2, fragments=1)  # whole, in whatever their carriers write


async def measure_texts(chunk: Chunk) -> None:
    most = chunk.means.settings.intake.max_fragments
    known: dict[tuple[str, str], Content | None] = {}  # one text often goes to many
    for c in chunk.going():
        if c.medium != Medium.SMS:
            content: Content | None = _OTHER_MEDIA
        else:
            key = (c.text, c.connector)
            if key not in known:
                known[key] = _measure(c.text, most, latin1=chunk.means.latin1(c.connector))
            content = known[key]
        if content is None:
            c.fail(FailureCode.TOO_LONG, f"Its text needs more than {most} fragments.")
        else:
            c.encoding, c.fragments = content.encoding, content.fragments


def _measure(text: str, most: int, *, latin1: bool) -> Content | None:
    if len(text) > most * 160:  # no alphabet is denser
        return None
    content = content_of(text, latin1=latin1)
    return content if content.fragments <= most else None
