"""What becomes of application tokens, for those who subscribed. ESS reference, SCG-Contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from clarion.engine.contacts.fast_access.store import Runner
from clarion.engine.events.announcing import announce
from clarion.engine.events.model import Happening
from clarion.kit import ids

DELETED = "DELETED"


async def announce_tokens(
    tx: Runner, company_id: int, rows: Sequence[Mapping[str, Any]], state: str, *, at: datetime
) -> None:
    """The tokens of these rows (contact_id, sender_id_address, application_id) are that now."""
    await announce(tx, company_id, [_happening(row, state) for row in rows], at=at)


def _happening(row: Mapping[str, Any], state: str) -> Happening:
    owner = row["application_id"]
    return Happening(
        topic="SCG-Contact",
        type="application_token_state_change",
        key=ids.show(row["contact_id"]),
        fields=({} if owner is None else {"application_id": owner})
        | {
            "new_state": state,
            "sender_id_address": row["sender_id_address"],
            "contact_id": ids.show(row["contact_id"]),
        },
    )
