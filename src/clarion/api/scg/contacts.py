"""/contacts: the people and things that a company's messages go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Call, Route
from clarion.api.resource import Resource, Values
from clarion.api.scg.records import RECORD
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.contacts.accounts import ACCOUNTS, open_accounts, seal_accounts
from clarion.engine.contacts.documents import read_object
from clarion.engine.contacts.fast_access.model import Rules
from clarion.engine.contacts.fast_access.store import read_rules
from clarion.engine.contacts.model import (
    EXTENDED,
    HANDLES,
    LISTS,
    MAX_TEXT,
    READERS,
    VoicePreference,
    read_value,
)
from clarion.engine.contacts.names import FAST_ACCESS
from clarion.engine.contacts.service import (
    change_contact,
    create_contact,
    delete_contact,
    replace_contact,
)
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.storage.listing import Bound, Column, Listing

NAMED = "fast_access."
"""Filters and sorting by a fast access attribute's own name begin with this."""

SPELT = frozenset({"primary_addr_country", "primary_email_addr"})
"""Attributes that are stored in one spelling of several."""

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Objects = list[dict[str, Any]]


class _Contact(Struct, kw_only=True):
    """Somebody, or something, that messages are sent to."""

    id: str
    external_id: Annotated[
        Text | None, Meta(description="The contact's id in the company's own systems; unique.")
    ] = None
    first_name: Text | None = None
    last_name: Text | None = None
    birth_date: Annotated[str | None, Meta(description="YYYY-MM-DD")] = None
    first_acquisition_date: Annotated[
        datetime | None, Meta(description="Of the first opt-in to anything.")
    ] = None
    last_acquisition_date: Annotated[datetime | None, Meta(description="Of the last opt-in.")] = (
        None
    )
    primary_mdn: Annotated[
        Text | None, Meta(description="Telephone number in its international form; unique.")
    ] = None
    primary_addr_line1: Text | None = None
    primary_addr_line2: Text | None = None
    primary_addr_city: Text | None = None
    primary_addr_zip: Text | None = None
    primary_addr_state: Text | None = None
    primary_addr_country: Annotated[
        Text | None, Meta(description="A code of ISO 3166, of two or three letters.")
    ] = None
    primary_email_addr: Text | None = None
    primary_social_handle: Text | None = None
    social_handles: Annotated[list[str] | None, Meta(description="As fb:<id>@<sender address>")] = (
        None
    )
    address_list: Annotated[
        Objects | None,
        Meta(description="priority, designation, use, source, status, line1, line2, city, ..."),
    ] = None
    account_list: Annotated[
        Objects | None,
        Meta(description="priority, designation, source, status, type, username, domain, ..."),
    ] = None
    device_list: Annotated[
        Objects | None,
        Meta(description="priority, designation, source, status, msisdn, carrier, model, ..."),
    ] = None
    interest_list: Annotated[Objects | None, Meta(description="code, name, source, score")] = None
    demographic_list: Annotated[Objects | None, Meta(description="name, source, score")] = None
    extended_attributes: Annotated[
        str | None, Meta(description="A text that holds a JSON object.")
    ] = None
    fast_access: Annotated[
        dict[str, str] | None, Meta(description="Fast access attributes by their names.")
    ] = None
    preferred_language: Annotated[
        Text | None, Meta(description="Messages are translated into it, where that is asked for.")
    ] = None
    voice_preference: VoicePreference = VoicePreference.NONE
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


Contact: type[Struct] = msgspec.defstruct(
    "Contact", [(name, Text | None, None) for name in FAST_ACCESS], bases=(_Contact,), kw_only=True
)


def _fast_access(value: Any) -> dict[str, str | None]:
    return {name: _as_text(each) for name, each in read_object(value).items()}


def _as_text(value: Any) -> str | None:
    """A fast access value as clients write it: mostly a text already."""
    if value is None or value == "null":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise ValueError("values are texts")
    return msgspec.json.encode(value).decode()


_SCALAR = str | int | float
_WIRE: Mapping[str, Any] = {
    **dict.fromkeys(READERS, _SCALAR),
    **dict.fromkeys(LISTS, list[Any] | dict[str, Any] | str),
    HANDLES: list[Any] | str,
    EXTENDED: str | dict[str, Any],
    "voice_preference": str | bool,
}
_MORE: Mapping[str, dict[str, Any]] = {
    "account_list": {"reference": "customer_account_list"},
    "device_list": {"reference": "customer_device_list"},
    "birth_date": {"show": lambda day: day.isoformat()},
    HANDLES: {"only": "live"},
}


def _attribute(name: str) -> Attribute:
    take = partial(read_value, name)
    return Attribute(take=take, wire_type=_WIRE[name], **_MORE.get(name, {}))


SHAPE = Shape(
    Contact,
    {name: _attribute(name) for name in READERS}
    | {name: Attribute(take=_as_text, wire_type=_SCALAR | bool) for name in FAST_ACCESS}
    | {
        **RECORD,
        "fast_access": Attribute(take=_fast_access, wire_type=dict[str, Any] | str),
    },
)
LISTING = Listing(
    source="contact c",
    tenant="c.company_id",
    key="c.id",
    select="c.*",
    always="c.deleted_at is null",
    columns=(
        Column("id", "c.id", "id"),
        Column("external_id", "c.external_id"),
        Column("first_name", "c.first_name"),
        Column("last_name", "c.last_name"),
        Column("birth_date", "c.birth_date", "day"),
        Column("first_acquisition_date", "c.first_acquisition_date", "timestamp"),
        Column("last_acquisition_date", "c.last_acquisition_date", "timestamp"),
        Column("primary_mdn", "c.primary_mdn", "msisdn"),
        Column("primary_addr_line1", "c.primary_addr_line1"),
        Column("primary_addr_line2", "c.primary_addr_line2"),
        Column("primary_addr_city", "c.primary_addr_city"),
        Column("primary_addr_zip", "c.primary_addr_zip"),
        Column("primary_addr_state", "c.primary_addr_state"),
        Column("primary_email_addr", "c.primary_email_addr"),
        Column("primary_addr_country", "c.primary_addr_country"),
        Column("application_id", "c.application_id", "integer"),
        Column("created_date", "c.id", "created"),
        Column("last_updated_date", "c.updated_at", "timestamp", never_null=True),
        *(Column(name, f"c.{name}") for name in FAST_ACCESS),
    ),
)


def sealed(call: Call, values: Values) -> Values:
    """With the tokens of accounts as they are stored."""
    return seal_accounts(call.services.vault, call.caller.company_id, values)


async def create(call: Call, values: Values) -> str:
    return ids.show(await create_contact(call.services.db, call.caller, sealed(call, values)))


async def update(call: Call, id: UUID, values: Values) -> None:
    version = values.pop("version", None)
    written = sealed(call, values)
    await change_contact(call.services.db, call.caller, id, written, version=version)


async def put(call: Call, id: UUID, values: Values) -> None:
    version = values.pop("version", None)
    written = sealed(call, values)
    await replace_contact(call.services.db, call.caller, id, written, version=version)


async def delete(call: Call, id: UUID) -> None:
    await delete_contact(call.services.db, call.caller, id)


async def complete(call: Call, rows: Sequence[Row]) -> list[Row]:
    """With what is in the document, and fast access attributes by their names."""
    rules = await read_rules(call.services.db, call.caller.company_id)
    return [_completed(row, rules, call.services.vault) for row in rows]


def _completed(row: Row, rules: Rules, vault: Vault) -> Row:
    values = dict(row)
    values.update(row["document"])
    if ACCOUNTS in values:
        values[ACCOUNTS] = open_accounts(vault, row["company_id"], values[ACCOUNTS])
    values[EXTENDED] = row[EXTENDED]  # as the client wrote it
    if rules.names:
        named = {name: values.pop(column) for column, name in rules.names.items()}
        values["fast_access"] = {name: v for name, v in named.items() if v is not None} or None
    return values


async def as_stored(call: Call, query: dict[str, str]) -> Sequence[Bound]:
    """Turns fast access names in filters and sorting into the columns that they stand for, and
    countries and e-mail addresses into the spelling that is stored."""
    for name in query.keys() & SPELT:
        query[name] = ",".join(_spelling(name, each) for each in query[name].split(","))
    if not any(NAMED in part for pair in query.items() for part in pair):
        return ()
    columns = (await read_rules(call.services.db, call.caller.company_id)).columns
    for name in [name for name in query if name.startswith(NAMED)]:
        query[_column(name, columns)] = query.pop(name)
    if NAMED in query.get("sort", ""):
        terms = (term.strip() for term in query["sort"].split(","))
        query["sort"] = ",".join(_sort_term(term, columns) for term in terms)
    return ()


def _spelling(name: str, value: str) -> str:
    """What cannot be stored stays as it is, and matches nothing."""
    try:
        return str(read_value(name, value) or value)
    except InvalidInput:
        return value


def _sort_term(term: str, columns: Mapping[str, str]) -> str:
    bare = term.lstrip("+-")
    if not bare.startswith(NAMED):
        return term
    return term[: len(term) - len(bare)] + _column(bare, columns)


def _column(name: str, columns: Mapping[str, str]) -> str:
    own = name.removeprefix(NAMED)
    column = columns.get(own, own if own in FAST_ACCESS else None)
    if column is None:
        words = f"{name[:100]}: there is no fast access attribute of this name."
        raise InvalidInput(words, field=name[:100])
    return column


CONTACTS = Resource(
    name="Contact",
    path="/contacts",
    shape=SHAPE,
    listing=LISTING,
    about="Somebody, or something, that messages are sent to.",
    complete=complete,
    rewrite=as_stored,
    create=create,
    update=update,
    replace=put,
    delete=delete,
)


async def contact_of(call: Call) -> UUID:
    """The contact of a path that goes on behind its id. NotFound: the company has none such."""
    id = ids.parse(call.params["contact_id"])
    if id is None:
        raise NotFound("There is no such contact.")
    await CONTACTS.find(call, id)
    return id


def routes() -> list[Route]:
    return CONTACTS.routes()
