"""What every step is given: the messages-to-be of one company, and what to work on them with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from clarion.engine.messages.routing import connector_for
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.store.rows import Runner
from clarion.engine.senders.channels.directory import ChannelDirectory
from clarion.engine.senders.model import Sender
from clarion.kit.vault import Vault
from clarion.settings import Settings, SmppConnector
from clarion.storage.database import Database


@dataclass(frozen=True)
class Means:
    """What the steps share between chunks."""

    settings: Settings
    channels: ChannelDirectory
    connector: Callable[[str, str | None, str], str | None]

    @classmethod
    def of(cls, db: Database, settings: Settings, vault: Vault) -> Means:
        @lru_cache(maxsize=10_000)
        def connector(address: str, wanted: str | None, medium: str) -> str | None:
            return connector_for(address, wanted, settings.connectors, medium)

        return cls(settings, ChannelDirectory(db, vault), connector)

    def carrier(self, sender: Sender, medium: str) -> str | None:
        """The connector that carries a medium for a sender id."""
        return self.connector(sender.address, sender.connector, medium)

    def latin1(self, connector: str) -> bool:
        """Whether texts travel as Latin-1 there."""
        settings = self.settings.connectors.get(connector)
        return isinstance(settings, SmppConnector) and settings.latin1


@dataclass(frozen=True)
class Chunk:
    """Up to some thousand messages-to-be of one company. `on` runs statements: each by itself
    before the transaction, then in it."""

    means: Means
    on: Runner
    company_id: int
    now: datetime
    candidates: Sequence[Candidate]
    performed: Counter[UUID]  # texts given to the translation service, by request

    def going(self) -> list[Candidate]:
        """Those that nothing has stopped."""
        return [c for c in self.candidates if c.code is None]
