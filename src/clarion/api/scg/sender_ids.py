"""/messaging/sender_ids: the addresses that a company sends from and receives at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource, Values
from clarion.api.scg.records import READ_ONLY, RECORD, is_foreign, record_columns
from clarion.api.shape import Attribute, Row, Shape, Version, choice, texts
from clarion.engine.consent.addresses.model import Manager
from clarion.engine.senders.model import NewSender, Ownership, SenderChange, SenderState
from clarion.engine.senders.service import (
    change_sender,
    create_sender,
    delete_sender,
    shown_credentials,
    take_sender,
)
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.listing import Column, Listing

Name = Annotated[str, Meta(max_length=255)]
Flag = Annotated[str | None, Meta(description="YES, or absent.")]


class SenderId(Struct, kw_only=True):
    """An address that messages leave from and come to."""

    id: str
    parent_id: Annotated[
        str | None, Meta(description="The operator's sender id that this one was made from.")
    ] = None
    name: Name | None = None
    ownership: Annotated[Ownership, Meta(description="Who can use it.")] = Ownership.PRIVATE
    class_id: Name = ""
    type_id: Name = ""
    state: SenderState = SenderState.PENDING_IMPLEMENTATION
    address: Annotated[Name, Meta(description="Short code, number, name, e-mail address, ...")] = ""
    content_type: Name | None = None
    message_templates: Annotated[
        list[str], Meta(description="Ids or names of the message templates that apply to it.")
    ] = []
    templates_only: Annotated[
        str | None, Meta(description="YES: takes only messages that are made from templates.")
    ] = None
    country: Annotated[str | None, Meta(description="Set by the operator.")] = None
    operators: Annotated[
        list[str] | None, Meta(description="Carriers that have it; set by the operator.")
    ] = None
    credentials: Annotated[
        str | None, Meta(description="A string that holds JSON; values are shown as ***.")
    ] = None
    two_way_required: Flag = None
    keep_sender_address: Flag = None
    dr_required: Flag = None
    consent_managed_by: Manager = Manager.USER
    capabilities: Annotated[list[str], Meta(description="SMS, MMS, EMAIL, ...")] = []
    check_white_list: bool = False
    billing: dict[str, Any] | None = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class Purchase(Struct):
    """Which of the operator's sender ids to take."""

    parent_id: str | None = None


def _flag(value: Any) -> bool:
    word = str(value).strip().upper()
    if word in ("YES", "TRUE", "1"):
        return True
    if word in ("NO", "FALSE", "0", ""):
        return False
    raise ValueError("it must be YES or NO")


def _yes(value: bool) -> str | None:  # noqa: FBT001 - a converter
    return "YES" if value else None


def _parent(value: str) -> UUID | None:
    if not value:
        return None
    found = ids.parse(value)
    if found is None:
        raise ValueError("there is no such sender id to take")
    return found


def _billing(value: Any) -> Any:
    """An object, or a string that holds one."""
    if value in ("", {}):
        return None
    if isinstance(value, dict):
        return value
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"description": value}


_YES_NO = Attribute(show=_yes, take=_flag, wire_type=str | bool | int)
_ARRAY = Attribute(take=texts, wire_type=list[str] | str)
SHAPE = Shape(
    SenderId,
    {
        **RECORD,
        "parent_id": Attribute(take=_parent, wire_type=str),
        "state": choice(SenderState, {"ATIVE": "ACTIVE"}),
        "message_templates": _ARRAY,
        "templates_only": _YES_NO,
        "country": READ_ONLY,
        "operators": Attribute(read_only=True, show=lambda values: values or None),
        "two_way_required": _YES_NO,
        "keep_sender_address": _YES_NO,
        "dr_required": _YES_NO,
        "capabilities": _ARRAY,
        "consent_managed_by": choice(
            Manager, {"SCG_UNSOLICITED_OPT-OUT": "SCG_UNSOLICITED_OPT_OUT"}
        ),
        "check_white_list": Attribute(spellings=("check_whitelist",)),
        "billing": Attribute(take=_billing, wire_type=dict[str, Any] | str),
    },
)
_YES_OR_NO = frozenset({"YES", "NO"})


def _flag_column(name: str) -> Column:
    sql = f"case when s.{name} then 'YES' else 'NO' end"
    return Column(name, sql, "enum", choices=_YES_OR_NO)


LISTING = Listing(
    source="sender_id s",
    tenant="s.company_id = $1 or s.deleted_at is null "
    "and s.company_id = (select id from operator_company) "
    "and s.ownership in ('SHARED', 'PREPROVISIONED')",
    key="s.id",
    select="s.*",
    deleted="s.deleted_at is not null",
    columns=(
        Column("id", "s.id", "id"),
        Column("parent_id", "s.parent_id", "id"),
        Column("name", "s.name"),
        Column(
            "ownership",
            "s.ownership",
            "enum",
            choices=frozenset(Ownership),
            enum="sender_ownership",
        ),
        Column("class_id", "s.class_id"),
        Column("type_id", "s.type_id"),
        Column("state", "s.state", "enum", choices=frozenset(SenderState), enum="sender_state"),
        Column("address", "s.address", "msisdn"),
        Column("country", "s.country"),
        Column("operators", "s.operators", "text_array"),
        _flag_column("templates_only"),
        _flag_column("two_way_required"),
        _flag_column("keep_sender_address"),
        _flag_column("dr_required"),
        Column("consent_managed_by", "s.consent_managed_by", "enum", choices=frozenset(Manager)),
        Column("capabilities", "s.capabilities", "text_array"),
        Column("check_white_list", "s.check_white_list", "boolean"),
        *record_columns("s"),
        Column("version_number", "s.version", "integer"),
    ),
)


async def create(call: Call, values: Values) -> str:
    services = call.services
    new = NewSender(**values)
    try:
        made = await create_sender(
            services.db,
            services.vault,
            call.caller,
            new,
            auto_provision=services.settings.senders.auto_provision,
        )
    except NotFound as error:
        raise InvalidInput(f"parent_id: {error.message}", field="parent_id") from error
    return ids.show(made)


async def update(call: Call, id: UUID, values: Values) -> None:
    values.pop("parent_id", None)  # never changes; clients send back what they have read
    change = SenderChange(**values)
    await change_sender(call.services.db, call.services.vault, call.caller, id, change)


async def delete(call: Call, id: UUID) -> None:
    await delete_sender(call.services.db, call.caller, id)


async def purchase(call: Call) -> Answer:
    """Take one of the operator's sender ids, named in the body, in the query or in the path."""
    named = call.params.get("id") or call.query.get("parent_id") or _named_in_body(call)
    if not named:
        raise InvalidInput("parent_id: it is required.", field="parent_id")
    parent = ids.parse(named)
    if parent is None:
        raise NotFound("There is no such sender id to take.")
    services = call.services
    made = await take_sender(services.db, services.vault, call.caller, parent)
    return json_answer({"id": ids.show(made)})


async def complete(call: Call, rows: Sequence[Row]) -> list[Row]:
    """Secrets hidden, and nothing of the operator's affairs for others."""
    return [_completed(call, row) for row in rows]


def _completed(call: Call, row: Row) -> Row:
    values = dict(row)
    if is_foreign(call, row):
        values |= {"credentials": None, "billing": None, "application_id": None}
    else:
        values["credentials"] = shown_credentials(call.services.vault, row)
    if row["deleted_at"] is not None:
        values["state"] = "DELETED"
    return values


def _named_in_body(call: Call) -> str | None:
    if not call.body.strip():
        return None
    return call.read(_PURCHASE).parent_id


_PURCHASE = msgspec.json.Decoder(Purchase, strict=False)
_PURCHASE_ABOUT = Operation(
    summary="Purchase Sender ID",
    tag="Sender ID",
    about="Takes a SHARED or PREPROVISIONED sender id of the operator.",
    request=Purchase,
    answer=Created,
)

SENDER_IDS = Resource(
    name="Sender ID",
    path="/messaging/sender_ids",
    shape=SHAPE,
    listing=LISTING,
    about="An address that messages leave from and come to.",
    complete=complete,
    create=create,
    update=update,
    delete=delete,
)


def routes() -> list[Route]:
    path = SENDER_IDS.path
    return [
        *SENDER_IDS.routes(),
        Route("POST", f"{path}/purchase", purchase, about=_PURCHASE_ABOUT),
        Route("POST", f"{path}/{{id}}/purchase", purchase, about=_PURCHASE_ABOUT),
    ]
