"""Links in messages whose opening is to be known."""

from __future__ import annotations

from clarion.engine.messages.links.model import has_track_calls
from clarion.engine.messages.links.service import make_links, preview
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk
from clarion.errors import BadTrackingUrl


async def shorten_links(chunk: Chunk) -> None:
    """Short links in place of `#track(...)`; those of test messages lead nowhere."""
    tracked = [c for c in chunk.going() if has_track_calls(c.text)]
    real = [c for c in tracked if not c.plan.test]
    bodies = [(c.id, c.text) for c in real]
    made = await make_links(chunk.on, chunk.company_id, bodies, chunk.means.links)
    for c, body in zip(real, made, strict=True):
        _take(c, body)
    for c in tracked:
        if c.plan.test:
            _take(c, _previewed(c, chunk.company_id, chunk.means.links))


def _previewed(c: Candidate, company_id: int, base: str) -> str | BadTrackingUrl:
    try:
        return preview(c.text, company_id, base)
    except BadTrackingUrl as error:
        return error


def _take(c: Candidate, body: str | BadTrackingUrl) -> None:
    if isinstance(body, BadTrackingUrl):
        c.fail_text(body.message)
    else:
        c.body = body
