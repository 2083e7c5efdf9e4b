"""What the steps share between chunks: what one process knows of senders, templates and prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from clarion.engine.billing.rates import RateTable
from clarion.engine.consent.addresses import ConsentGate
from clarion.engine.messages.links.service import public_url
from clarion.engine.messages.routing import connector_for
from clarion.engine.messages.translation import Translator
from clarion.engine.senders.channels.directory import ChannelDirectory
from clarion.engine.senders.model import Sender
from clarion.engine.senders.templates import TemplateDirectory
from clarion.engine.senders.throughput.model import Flow
from clarion.engine.senders.windows.service import WindowDirectory
from clarion.kit.vault import Vault
from clarion.settings import Settings, SmppConnector
from clarion.storage.database import Database

MAX_ROUTES = 10_000
FULL_SECONDS = 1.0
"""A sender id whose class lets nothing out for so long has no room."""


class Room(Protocol):
    """Whoever knows how fast each sender id may send (senders.throughput)."""

    def when_next(self, flow: Flow) -> float: ...


@dataclass(frozen=True)
class Means:
    settings: Settings
    channels: ChannelDirectory
    templates: TemplateDirectory
    windows: WindowDirectory
    gate: ConsentGate
    rates: RateTable
    translator: Translator | None
    throughput: Room | None
    links: str  # where short links begin
    _routes: dict[tuple[str, str | None, str], str | None]

    @classmethod
    def of(
        cls,
        db: Database,
        settings: Settings,
        vault: Vault,
        *,
        translator: Translator | None = None,
        throughput: Room | None = None,
    ) -> Means:
        return cls(
            settings=settings,
            channels=ChannelDirectory(db, vault),
            templates=TemplateDirectory(db),
            windows=WindowDirectory(db),
            gate=ConsentGate(db),
            rates=RateTable(db),
            translator=translator,
            throughput=throughput,
            links=public_url(settings),
            _routes={},
        )

    def carrier(self, sender: Sender, medium: str) -> str | None:
        """The connector that carries a medium for a sender id."""
        key = (sender.address, sender.connector, medium)
        if key not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            connectors = self.settings.connectors
            self._routes[key] = connector_for(sender.address, sender.connector, connectors, medium)
        return self._routes[key]

    def latin1(self, connector: str) -> bool:
        """Whether texts travel as Latin-1 there."""
        settings = self.settings.connectors.get(connector)
        return isinstance(settings, SmppConnector) and settings.latin1

    def price(
        self, company_id: int, sender: Sender, country: str | None, medium: str
    ) -> Decimal | None:
        """What one fragment costs; None: nobody knows. `rates` was refreshed before."""
        if not self.settings.billing.enabled:
            return None
        return self.rates.price(company_id, sender.type_id, country, None, medium)

    def room(self, sender: Sender, country: str | None) -> bool:
        """Whether a sender id's class lets it send now."""
        if self.throughput is None:
            return True
        flow = Flow(sender.company_id, sender.class_id, sender.address, country or "")
        return self.throughput.when_next(flow) < FULL_SECONDS
