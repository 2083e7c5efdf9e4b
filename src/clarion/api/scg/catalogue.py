"""/messaging/sender_id_classes and /messaging/sender_id_types: what sender ids can be.

Both are the same for every company and only read (SCG reference, Sender ID Class and Sender ID
Type). Arrays and strings that are empty are left out: strict clients take them for something else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from clarion.api.resource import Resource, text_key
from clarion.api.shape import Attribute, Shape
from clarion.storage.listing import Column, Listing


class SenderIdClass(Struct, kw_only=True):
    """What a sender id sends, how fast and when."""

    id: str
    name: str | None = None
    description: str | None = None
    designation: Annotated[str | None, Meta(description="What it is mainly for.")] = None
    applicable_countries: Annotated[
        list[str] | None, Meta(description="ISO 3166 codes, or OTHER: all without a class.")
    ] = None
    country_peak_throughput: Annotated[
        float | None, Meta(description="Messages a second to one country, for one company.")
    ] = None
    country_peak_total_throughput: Annotated[
        float | None, Meta(description="Messages a second to one country, for all companies.")
    ] = None
    country_daily_throughput: Annotated[
        float | None, Meta(description="Messages a day to one country, for one company.")
    ] = None
    delivery_window: Annotated[
        str | None, Meta(description="JSON: allowed times by country and day of the recipient.")
    ] = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: int | None = None


class SenderIdType(Struct, kw_only=True):
    """What kind of address a sender id has, and what can travel with it."""

    id: str
    name: str | None = None
    description: str | None = None
    capabilities: Annotated[list[str] | None, Meta(description="SMS, MMS, EMAIL, ...")] = None
    allowed_mime_types: Annotated[
        list[str] | None, Meta(description="Absent: all but the blocked ones.")
    ] = None
    blocked_mime_types: list[str] | None = None
    gateway_id: Annotated[str | None, Meta(description="What carries its messages.")] = None
    credential_parameter_list: Annotated[
        list[str] | None, Meta(description="What its `credentials` must hold, by provider.")
    ] = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: int | None = None


def _filled(values: list[str]) -> list[str] | None:
    return values or None


_COMMON = {
    "created_date": Attribute(column="created_at"),
    "last_updated_date": Attribute(column="updated_at"),
    "version_number": Attribute(column="version"),
}
_LISTED = Attribute(show=_filled)


def _catalogue(
    name: str, path: str, struct: type[Struct], listing: Listing, **more: Any
) -> Resource:
    return Resource(
        name=name,
        path=path,
        shape=Shape(struct, _COMMON | more),
        listing=listing,
        about="A catalogue that every company sees and none changes.",
        key=text_key,
    )


CLASSES = _catalogue(
    "Sender ID Class",
    "/messaging/sender_id_classes",
    SenderIdClass,
    Listing(
        source="sender_id_class",
        tenant=None,
        columns=(
            Column("id", "id"),
            Column("name", "name"),
            Column("description", "description"),
            Column("designation", "designation"),
            Column("applicable_countries", "applicable_countries", "text_array"),
            Column("country_peak_throughput", "country_peak_throughput", "number"),
            Column("country_peak_total_throughput", "country_peak_total_throughput", "number"),
            Column("country_daily_throughput", "country_daily_throughput", "number"),
            Column("created_date", "created_at", "timestamp"),
            Column("last_updated_date", "updated_at", "timestamp"),
            Column("version_number", "version", "integer"),
        ),
    ),
    applicable_countries=_LISTED,
)

TYPES = _catalogue(
    "Sender ID Type",
    "/messaging/sender_id_types",
    SenderIdType,
    Listing(
        source="sender_id_type",
        tenant=None,
        columns=(
            Column("id", "id"),
            Column("name", "name"),
            Column("description", "description"),
            Column("capabilities", "capabilities", "text_array"),
            Column("allowed_mime_types", "allowed_mime_types", "text_array"),
            Column("blocked_mime_types", "blocked_mime_types", "text_array"),
            Column("gateway_id", "gateway_id"),
            Column("credential_parameter_list", "credential_parameter_list", "text_array"),
            Column("created_date", "created_at", "timestamp"),
            Column("last_updated_date", "updated_at", "timestamp"),
            Column("version_number", "version", "integer"),
        ),
    ),
    allowed_mime_types=_LISTED,
    blocked_mime_types=_LISTED,
    credential_parameter_list=_LISTED,
)
