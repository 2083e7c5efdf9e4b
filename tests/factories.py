"""Valid things in one line; a test states only what matters to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.messages.expand import Expander
from clarion.engine.messages.intake import Intake
from clarion.engine.messages.model import NewRequest
from clarion.engine.messages.planning import Planner
from clarion.engine.messages.steps.means import Means
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender, seed_catalogue
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.settings import Settings
from clarion.storage.database import Database

VAULT = Vault("a secret for tests only, 32 bytes")


@dataclass(frozen=True)
class Tenant:
    """A company with an application and an ACTIVE sender id."""

    caller: Caller
    sender_id: UUID
    address: str

    @property
    def company_id(self) -> int:
        return self.caller.company_id


async def a_tenant(db: Database, *, name: str = "acme", address: str = "12125550100") -> Tenant:
    await seed_catalogue(db)
    company = await create_company(db, name=name)
    made = await create_application(db, company.id, name="app")
    caller = Caller(company_id=company.id, application_id=made.application.id)
    sender_id = await a_sender(db, caller, address=address)
    return Tenant(caller, sender_id, address)


async def a_sender(db: Database, caller: Caller, *, address: str) -> UUID:
    new = NewSender(
        name="numbers",
        class_id="NOTIFICATIONS",
        type_id="LONGCODE",
        address=address,
        state=SenderState.ACTIVE,
        capabilities=["SMS"],
    )
    return await create_sender(db, VAULT, caller, new, auto_provision=True)


def a_request(
    *to: str, body: str = "hello", sender: str = "12125550100", **more: Any
) -> NewRequest:
    return NewRequest(sender=sender, recipients=list(to or ("+4915112345678",)), body=body, **more)


def a_means(db: Database, settings: Settings, **more: Any) -> Means:
    return Means.of(db, settings, VAULT, **more)


def an_intake(
    db: Database,
    settings: Settings,
    *,
    senders: SenderDirectory | None = None,
    means: Means | None = None,
    **more: Any,
) -> Intake:
    """Not yet started."""
    senders = senders or SenderDirectory(db)
    planner = Planner(db, senders, means or a_means(db, settings))
    return Intake(db, senders, planner, settings, **more)


def an_expander(
    db: Database,
    settings: Settings,
    *,
    senders: SenderDirectory | None = None,
    means: Means | None = None,
    node_id: UUID | None = None,
    queued: Callable[[str], None] = lambda _: None,
) -> Expander:
    return Expander(
        db,
        senders or SenderDirectory(db),
        means or a_means(db, settings),
        node_id=node_id or ids.new_id(),
        queued=queued,
    )
