"""Everything the doors need from the rest of the process, built once by app.py.

    app = create_app(Services(...))     # an ASGI application, see server.py

Protocols name only what the doors use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from clarion.engine.accounts.model import Caller
from clarion.engine.senders.directory import SenderDirectory
from clarion.kit.vault import Vault
from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore

if TYPE_CHECKING:
    from clarion.engine.events.matching.handing import Express
    from clarion.engine.events.matching.interest import Interests
    from clarion.engine.events.streaming.desk import StreamDesk
    from clarion.engine.messages.links.model import Link
    from clarion.engine.messages.model import NewRequest


class Tokens(Protocol):
    """Who stands behind an access token."""

    def cached(self, token: str) -> Caller | None:
        """The token's caller, if that is known now without asking the database."""

    async def find(self, token: str) -> Caller | None:
        """The token's caller; None: unknown, expired or revoked."""

    async def application(self, company_id: int, application_id: int) -> Caller | None:
        """The caller that the internal headers name; None: there is no such application."""


class Acceptance(Protocol):
    """Where message requests become durable."""

    def accept(self, caller: Caller, request: NewRequest) -> Awaitable[UUID]:
        """The id of the request, once it is committed. Raises at once, or when awaited."""


class ConnectorHealth(Protocol):
    """One connector's state, as a port's Health shows it."""

    @property
    def ready(self) -> bool: ...
    @property
    def words(self) -> str: ...


class Visits(Protocol):
    """Where short links are opened."""

    async def open(self, shown: str) -> Link | None:
        """The link that ends in this code; None: there is none."""

    async def count(self, link: Link) -> None:
        """A person has opened it."""


def no_connectors() -> Mapping[str, ConnectorHealth]:
    """The health of a process that runs no connectors."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Services:
    """What handlers reach through `call.services`."""

    settings: Settings
    db: Database
    tokens: Tokens
    intake: Acceptance
    senders: SenderDirectory
    files: FileStore
    vault: Vault
    connector_health: Callable[[], Mapping[str, ConnectorHealth]] = no_connectors
    links: Visits | None = None  # none where no visitors come
    interests: Interests | None = None  # what is known of subscriptions, where it is kept
    express: Express | None = None  # the deliverer of events of this process, if it has one
    streams: StreamDesk | None = None  # none where nobody follows events
    sandbox: Any = None  # the sandbox carrier, if this process runs it; api/sandbox.py knows it
