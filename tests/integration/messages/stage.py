"""A company with all that messages can be made from; what it sends is prepared, and goes nowhere
until a test starts a carrier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
from pipeline import Gateway, Place
from tests.factories import VAULT, Tenant

from clarion.engine.billing.model import ANY, Rate
from clarion.engine.billing.rates import load_rates
from clarion.engine.billing.service import add_credit, balance_of
from clarion.engine.contacts.groups.model import GroupType, NewGroup
from clarion.engine.contacts.groups.service import add_members, create_group
from clarion.engine.contacts.service import create_contact
from clarion.engine.contacts.tokens.model import NewToken, Provider
from clarion.engine.contacts.tokens.service import create_token
from clarion.engine.messages.model import NewRequest
from clarion.engine.messages.translation import Translation
from clarion.engine.senders.channels.model import NewChannel, Priority
from clarion.engine.senders.channels.service import add_senders, create_channel
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender
from clarion.engine.senders.templates.model import NewTemplate
from clarion.engine.senders.templates.service import create_template
from clarion.kit import ids

_numbers = count(1)
_TYPES = {"SMS": "LONGCODE", "MMS": "LONGCODE", "PSH": "PUSH", "EMAIL": "EMAIL"}


class Stage:
    """One company on a gateway that dispatches nothing."""

    def __init__(self, place: Place, gateway: Gateway, tenant: Tenant) -> None:
        self.place = place
        self.db = place.db
        self.gateway = gateway
        self.tenant = tenant
        self.caller = tenant.caller
        self.company_id = tenant.company_id

    # ------------------------------------------------------------ what there is

    async def sender(self, *capabilities: str, address: str = "", **more: Any) -> UUID:
        """An ACTIVE sender id of a type that has these capabilities."""
        wanted = capabilities or ("SMS",)
        number = next(_numbers)
        made = {"EMAIL": f"news{number}@acme.example", "PSH": f"app{number}"}
        new = NewSender(
            name=f"sender {number}",
            class_id=more.pop("class_id", "NOTIFICATIONS"),
            type_id=more.pop("type_id", _TYPES[wanted[0]]),
            address=address or made.get(wanted[0], f"1213{6_000_000 + number}"),
            state=SenderState.ACTIVE,
            capabilities=list(wanted),
            **more,
        )
        return await create_sender(self.db, VAULT, self.caller, new, auto_provision=True)

    async def address_of(self, sender: UUID) -> str:
        address: str = await self.db.fetchval(
            "select address from sender_id where company_id = $1 and id = $2",
            self.company_id,
            sender,
        )
        return address

    async def channel(self, *senders: UUID, priority: Priority = Priority.NORMAL) -> str:
        """As a `from`."""
        name = f"channel {next(_numbers)}"
        id = await create_channel(self.db, self.caller, NewChannel(name=name, priority=priority))
        await add_senders(self.db, self.caller, id, senders)
        return f"channel:{ids.show(id)}"

    async def contact(self, mdn: str | None = None, **values: Any) -> UUID:
        given = {"primary_mdn": mdn} if mdn else {}
        return await create_contact(self.db, self.caller, given | values)

    async def token(
        self, contact: UUID, sender: UUID, token: str, provider: Provider = Provider.APN
    ) -> None:
        application = await self.address_of(sender)
        new = NewToken(
            sender_id_address=application, message_delivery_provider=provider, token=token
        )
        await create_token(self.db, self.caller, contact, new)

    async def group(self, *contacts: UUID) -> UUID:
        id = await create_group(self.db, self.caller, NewGroup(name=f"group {next(_numbers)}"))
        await add_members(self.db, self.caller, id, contacts)
        return id

    async def dynamic_group(self, criteria: str) -> UUID:
        new = NewGroup(name=f"group {next(_numbers)}", type=GroupType.DYNAMIC, criteria=criteria)
        return await create_group(self.db, self.caller, new)

    async def template(self, name: str, pattern: str, **more: Any) -> UUID:
        return await create_template(
            self.db, self.caller, NewTemplate(name=name, pattern=pattern, **more)
        )

    async def status(self, address: str, status: str, *, sender: UUID | None = None) -> None:
        """What a subscriber has said to a sender id."""
        await self.db.execute(
            """insert into contact_address_status (company_id, id, sender_id, address_type,
                address, consent_status, updated_at) values ($1, $2, $3, 'MDN', $4, $5, now())""",
            self.company_id,
            ids.new_id(),
            sender or self.tenant.sender_id,
            address,
            status,
        )

    async def prices(self, price: str, **more: str) -> None:
        """One rate for all that this company sends, and others by country."""
        rates = [Rate(self.company_id, ANY, ANY, ANY, ANY, Decimal(price))]
        rates += [
            Rate(self.company_id, ANY, ANY, country, ANY, Decimal(each))
            for country, each in more.items()
        ]
        await load_rates(
            self.db, rates, starts_at=datetime.now(UTC) - timedelta(seconds=1), source="test"
        )

    async def credit(self, amount: str) -> None:
        await add_credit(self.db, self.company_id, Decimal(amount))

    async def balance(self) -> Decimal:
        return await balance_of(self.db, self.company_id)

    # ------------------------------------------------------------ what it does

    async def send(self, *to: str, **more: Any) -> UUID:
        """A request whose messages are made; of the company's first sender id, unless `sender`
        says otherwise."""
        request = await self.accept(*to, **more)
        await self.expand()
        return request

    async def accept(self, *to: str, **more: Any) -> UUID:
        sender = more.pop("sender", self.tenant.address)
        new = NewRequest(
            sender=sender if isinstance(sender, str) else ids.show(sender),
            recipients=list(to),
            body=more.pop("body", "hello"),
            **more,
        )
        return await self.gateway.intake.accept(self.caller, new)

    async def expand(self) -> None:
        while await self.gateway.expander.step():
            pass

    # ------------------------------------------------------------ what comes of it

    async def messages(self, request: UUID) -> list[asyncpg.Record]:
        return await self.place.messages(self.tenant, request)

    async def message(self, request: UUID) -> asyncpg.Record:
        return await self.place.message(self.tenant, request)

    async def request(self, request: UUID) -> asyncpg.Record:
        return await self.place.request(self.tenant, request)

    async def fate(self, request: UUID) -> list[tuple[str, str, str | None]]:
        """(address, state, failure code) of each message."""
        return [
            (row["peer_address"], row["state"], row["failure_code"])
            for row in await self.messages(request)
        ]

    async def bodies(self, request: UUID) -> list[str]:
        """What each message says."""
        shared = (await self.request(request))["body"]
        return [row["body"] or shared for row in await self.messages(request)]


class Dictionary:
    """A translation service that marks what it has translated."""

    def __init__(self, *, unknown: str = "xx") -> None:
        self.asked: list[str] = []
        self._unknown = unknown

    async def translate(self, texts: list[str], source: str, target: str) -> list[Translation]:
        self.asked += texts
        if target == self._unknown:
            return [Translation(None, "The language is not known.") for _ in texts]
        return [Translation(f"[{target}] {text}") for text in texts]

    async def close(self) -> None:
        pass
