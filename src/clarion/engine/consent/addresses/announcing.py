"""Changes of consent, for those who subscribed to them. ESS reference, SCG-Sender-ID."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.consent.addresses.store import Runner
from clarion.engine.events.announcing import announce
from clarion.engine.events.model import Happening
from clarion.kit import ids

TOPIC = "SCG-Sender-ID"
CHANGED = "sender_id_recipient_consent_change"


class ConsentChange(Struct, frozen=True):
    """What an address's consent to a sender id has become."""

    sender_id: UUID
    address: str
    status: str
    application_id: int | None = None


async def announce_consent(
    tx: Runner,
    company_id: int,
    changes: Iterable[ConsentChange],
    *,
    at: datetime,
    application_id: int | None = None,
) -> None:
    """`application_id`: of those changes that name none."""
    happenings = [_happening(each) for each in changes]
    await announce(tx, company_id, happenings, at=at, application_id=application_id)


def _happening(change: ConsentChange) -> Happening:
    owner = {} if change.application_id is None else {"application_id": change.application_id}
    return Happening(
        topic=TOPIC,
        type=CHANGED,
        key=change.address,
        fields=owner
        | {
            "sender_id_id": ids.show(change.sender_id),
            "recipient_address": change.address,
            "consent_status": change.status,
        },
    )
