"""/delivery-configurations: where events go, and how."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Call, Route
from clarion.api.ess.wire import AS_TEXT, Name, comma_ranges, number_key
from clarion.api.resource import Resource, Values
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.events.configurations import service
from clarion.engine.events.configurations.model import ConfigurationChange, NewConfiguration
from clarion.engine.events.model import AuthenticationType, Format, Protocol
from clarion.storage.listing import Bound, Column, Listing, fetch_page

TAG = "Delivery Configuration"
BUFFER_PATH = "/ess-event-buffer/v1/aggregate/"


class DeliveryConfiguration(Struct, kw_only=True, rename="kebab"):
    """Where events go, and how."""

    id: str
    del_cfg_nm: Annotated[Name, Meta(description="Unique within the company.")] = ""
    del_prtcl_cd: Annotated[
        Protocol,
        Meta(description="REST: posted to the address. STREAM: taken by a connected client."),
    ] = Protocol.REST
    addr: Annotated[
        Annotated[str, Meta(max_length=2000)] | None,
        Meta(description="The receiver's URL. With a cron-expression the service fills it in."),
    ] = None
    del_fmt_cd: Format = Format.JSON
    is_active: Annotated[
        bool, Meta(description="What is subscribed while it is not active waits until it is.")
    ] = True
    throttling: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Deliveries a minute, at most."),
    ] = None
    cron_expression: Annotated[
        Annotated[str, Meta(max_length=255)] | None,
        Meta(
            description="Events are collected into files, each closed at these times: seconds, "
            "minutes, hours, days, months, weekdays."
        ),
    ] = None
    latest_event_only: Annotated[
        bool, Meta(description="Of each key a file has the newest event only.")
    ] = False
    ordered: Annotated[
        bool, Meta(description="Events with one key go one after another, in order.")
    ] = False
    authentication_type: AuthenticationType = AuthenticationType.NONE
    inactive_reason: Annotated[str | None, Meta(description="Why the service switched it off.")] = (
        None
    )
    held_until: Annotated[
        datetime | None, Meta(description="No delivery goes before: the receiver is not able.")
    ] = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


SHAPE = Shape(
    DeliveryConfiguration,
    {
        "id": AS_TEXT,
        "del-cfg-nm": Attribute(column="name"),
        "del-prtcl-cd": Attribute(column="protocol"),
        "addr": Attribute(column="address"),
        "del-fmt-cd": Attribute(column="format"),
        "is-active": Attribute(column="active"),
        "cron-expression": Attribute(column="cron_expression"),
        "latest-event-only": Attribute(column="latest_event_only"),
        "authentication-type": Attribute(read_only=True, column="authentication_type"),
        "inactive-reason": Attribute(read_only=True, column="inactive_reason"),
        "held-until": Attribute(read_only=True, column="held_until"),
        "last-updated-date": Attribute(read_only=True, column="updated_at"),
        "version-number": Attribute(column="version"),
    },
)
LISTING = Listing(
    source="delivery_configuration c",
    tenant="c.company_id",
    key="c.id",
    select="c.id, c.name, c.protocol, c.address, c.format, c.active, c.throttling, "
    "c.cron_expression, c.latest_event_only, c.ordered, c.authentication_type, "
    "c.inactive_reason, c.held_until, c.updated_at, c.version",
    always="c.deleted_at is null",
    limit=1000,
    counted=False,
    columns=(
        Column("id", "c.id", "integer"),
        Column("del-cfg-nm", "c.name"),
        Column(
            "del-prtcl-cd", "c.protocol", "enum", choices=frozenset(each.value for each in Protocol)
        ),
        Column("addr", "c.address"),
        Column("del-fmt-cd", "c.format", "enum", choices=frozenset(each.value for each in Format)),
        Column("is-active", "c.active", "boolean"),
        Column("throttling", "c.throttling", "integer"),
        Column("cron-expression", "c.cron_expression"),
        Column("latest-event-only", "c.latest_event_only", "boolean"),
        Column("ordered", "c.ordered", "boolean"),
        Column(
            "authentication-type",
            "c.authentication_type",
            "enum",
            choices=frozenset(each.value for each in AuthenticationType),
        ),
        Column("last-updated-date", "c.updated_at", "timestamp", never_null=True),
    ),
)


# ---------------------------------------------------------------- what is shown


async def complete(call: Call, rows: Sequence[Row]) -> list[Row]:
    """What is collected into files has an address for show."""
    return [
        dict(row) | {"address": buffer_address(call, row["id"])} if row["cron_expression"] else row
        for row in rows
    ]


def buffer_address(call: Call, id: int) -> str:
    """Where the reference shows events of a cron configuration go; nothing is posted there."""
    return f"{call.services.settings.http.address}{BUFFER_PATH}{id}"


async def buffer_addresses(call: Call, ids: Collection[int]) -> dict[int, str]:
    """Of those of these configurations that collect into files."""
    if not ids:
        return {}
    collecting = Bound("c.id = any({}::bigint[]) and c.cron_expression is not null", sorted(ids))
    page = await fetch_page(
        call.services.db,
        LISTING,
        company_id=call.caller.company_id,
        query={"limit": "1000"},
        also=[collecting],
    )
    return {row["id"]: buffer_address(call, row["id"]) for row in page.rows}


# ---------------------------------------------------------------- what is done


async def create(call: Call, values: Values) -> str:
    values.pop("version", None)  # of what does not exist yet
    new = NewConfiguration(**values)
    return str(await service.create(call.services.db, call.caller, new))


async def replace(call: Call, id: int, values: Values) -> None:
    """What the reference's body has is set anew; what is beyond that stays unless it is named."""
    change = ConfigurationChange(**_PRINTED | values)
    await service.change(call.services.db, call.caller, id, change)


async def delete(call: Call, id: int) -> None:
    await service.delete(call.services.db, call.caller, id)


_PRINTED: Values = {
    "protocol": Protocol.REST,
    "address": None,
    "format": Format.JSON,
    "active": True,
    "throttling": None,
}
CONFIGURATIONS = Resource(
    name=TAG,
    path="/delivery-configurations",
    shape=SHAPE,
    listing=LISTING,
    about="Where events go, and how. The address of one that collects into files is the service's.",
    key=number_key,
    parameter="del-config-id",
    collection="delivery-configurations",
    complete=complete,
    rewrite=comma_ranges,
    required=("del-cfg-nm",),
    create=create,
    replace=replace,
    delete=delete,
)


def routes() -> list[Route]:
    return CONFIGURATIONS.routes()
