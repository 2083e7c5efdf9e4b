"""SMS as connectors take them: the parts of a message that the carrier has not taken yet."""

from __future__ import annotations

from datetime import datetime

from clarion.engine.messages.outcomes import Entry
from clarion.engine.messages.ports import Submission
from clarion.engine.messages.prepare import ENCODING_CODES
from clarion.kit.segments import Encoding, segment

_ENCODINGS = {code: encoding for encoding, code in ENCODING_CODES.items()}


def sms_submission(
    entry: Entry,
    *,
    source: str,
    destination: str,
    body: str,
    encoding: int,
    expires_at: datetime | None,
) -> Submission:
    """`encoding` as stored (model.Content)."""
    alphabet = _ENCODINGS[encoding]
    parts: tuple[str, ...] = (body,)
    pending: tuple[int, ...] = (1,)
    if entry.total > 1:
        parts = segment(body, latin1=alphabet is Encoding.LATIN1).parts
        taken = entry.parts_taken
        pending = tuple(n for n in range(1, len(parts) + 1) if not taken >> (n - 1) & 1)
    return Submission(
        message_id=entry.message_id,
        source=source,
        destination=destination,
        parts=parts,
        pending=pending,
        encoding=alphabet,
        reference=entry.message_id.int & 0xFF,
        expires_at=expires_at,
        priority=entry.claim.priority,
    )
