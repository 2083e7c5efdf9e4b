"""/consent/contact_address_history: what became of consent, and the keywords that came."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Route
from clarion.api.resource import Resource
from clarion.api.scg.records import WRITTEN_ONCE
from clarion.api.shape import Attribute, Shape, Version
from clarion.engine.consent.addresses.model import ConsentStatus, Source
from clarion.storage.listing import Column, Listing


class ContactAddressHistory(Struct, kw_only=True):
    """A change of consent, or a keyword of a subscriber's."""

    id: str
    msisdn: Annotated[str, Meta(description="The address, a number or another one.")] = ""
    sender_id: str | None = None
    source: Annotated[
        Source, Meta(description="MESSAGE: the subscriber; CARRIER: its list; COMPANY: the client.")
    ] = Source.MESSAGE
    status: Annotated[ConsentStatus, Meta(description="From then on.")] = ConsentStatus.NONE
    timestamp: Annotated[datetime | None, Meta(description="When the message came.")] = None
    message: Annotated[str | None, Meta(description="What the subscriber wrote.")] = None
    keyword: Annotated[str | None, Meta(description="The keyword that was found in it.")] = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


SHAPE = Shape(
    ContactAddressHistory,
    {
        **WRITTEN_ONCE,
        "msisdn": Attribute(column="address"),
        "timestamp": Attribute(column="at"),
    },
)
LISTING = Listing(
    source="contact_address_history h",
    tenant="h.company_id",
    key="h.id",
    select="h.*, 1 as version",
    columns=(
        Column("id", "h.id", "id"),
        Column("msisdn", "h.address", "msisdn"),
        Column("sender_id", "h.sender_id", "id"),
        Column("source", "h.source", "enum", choices=frozenset(Source)),
        Column("status", "h.status", "enum", choices=frozenset(ConsentStatus)),
        Column("timestamp", "h.at", "timestamp"),
        Column("keyword", "h.keyword"),
        Column("application_id", "h.application_id", "integer"),
        Column("created_date", "h.id", "created"),
        Column("last_updated_date", "h.id", "created"),
    ),
)


HISTORY = Resource(
    name="Contact Address History",
    path="/consent/contact_address_history",
    shape=SHAPE,
    listing=LISTING,
    about="Every change of consent, and every keyword that came. Nothing is ever taken away.",
)


def routes() -> list[Route]:
    """It is only listed."""
    return [route for route in HISTORY.routes() if route.path == HISTORY.path]
