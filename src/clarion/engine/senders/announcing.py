"""Changes of sender ids' states, for those who subscribed to them. ESS reference, SCG-Sender-ID."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg

from clarion.engine.events.announcing import announce
from clarion.engine.events.model import Happening
from clarion.engine.senders.model import SenderState
from clarion.kit import ids

NEW = SenderState.PENDING_IMPLEMENTATION
"""What a sender id is before it is anything else."""

DELETED = "DELETED"  # a mark beside its state, and for those outside the end of all states

BY_COMPANY, BY_OPERATOR = "COMPANY", "OPERATOR"
_WORDS = {
    BY_COMPANY: "Its company has changed it.",
    BY_OPERATOR: "The operator has changed it.",
}


async def announce_state(
    tx: asyncpg.Connection,
    row: Mapping[str, Any],
    after: str,
    *,
    before: str | None = None,
    by: str = BY_COMPANY,
    at: datetime,
) -> None:
    """Of the sender id of this row, whose state is `before` if nothing else is said."""
    was = row["state"] if before is None else before
    if was == after:
        return
    happening = Happening(
        topic="SCG-Sender-ID",
        type="sender_id_state_change",
        key=ids.show(row["id"]),
        fields={
            "sender_id_id": ids.show(row["id"]),
            "previous_state": was,
            "new_state": after,
            "reason_code": by,
            "reason_description": _WORDS[by],
        },
    )
    await announce(tx, row["company_id"], [happening], at=at, application_id=row["application_id"])
