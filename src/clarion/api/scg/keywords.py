"""/messaging/keywords: the words that subscribers send, everybody's and the company's own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from clarion.api.call import Call, Route
from clarion.api.resource import Resource, Values
from clarion.api.scg.records import RECORD, record_columns
from clarion.api.shape import Attribute, Shape, Version, choice
from clarion.engine.consent.keywords.model import (
    Case,
    KeywordChange,
    NewKeyword,
    Type,
    read_actions,
)
from clarion.engine.consent.keywords.reserved import BY_WORD, SINCE, Meaning, Reserved
from clarion.engine.consent.keywords.service import (
    change_keyword,
    create_keyword,
    delete_keyword,
    replace_keyword,
)
from clarion.errors import NotAllowed
from clarion.kit import ids
from clarion.storage.listing import Column, Listing

Indexed = Annotated[str, Meta(max_length=255)]
Long = Annotated[str, Meta(max_length=4000)]
_PREFIX = "sender_id:"


class Keyword(Struct, kw_only=True):
    """A word that subscribers send, and what it does."""

    id: str
    name: Annotated[Indexed | None, Meta(description="Without one: the value.")] = None
    description: Long | None = None
    value: Annotated[
        Indexed, Meta(description="The word, or a POSIX extended regular expression.")
    ] = ""
    case: Annotated[Case, Meta(description="Whether case matters.")] = Case.INSENSITIVE
    sender_id: Annotated[
        str | None, Meta(description="Where it holds; absent: on all sender ids of the company.")
    ] = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    associated_info: Long | None = None
    campaign_id: Indexed | None = None
    type: Annotated[Type, Meta(description="RESERVED ones are everybody's.")] = Type.COMPANY
    actions: Annotated[
        list[str],
        Meta(description="OPTIN, OPTOUT, STORE; on input also with commas or blanks between."),
    ] = []
    reply_template: Annotated[
        Indexed | None, Meta(description="The message template that answers.")
    ] = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


def _sender(value: str) -> UUID | None:
    text = value.strip().removeprefix(_PREFIX).strip()
    if not text:
        return None
    found = ids.parse(text)
    if found is None:
        raise ValueError("there is no such sender id.")
    return found


def _filled(value: str) -> str | None:
    return value or None


_OPTIONAL = Attribute(take=_filled, wire_type=Indexed)
SHAPE = Shape(
    Keyword,
    {
        **RECORD,
        "name": _OPTIONAL,
        "case": choice(Case),
        "sender_id": Attribute(take=_sender, wire_type=str),
        "campaign_id": _OPTIONAL,
        "type": choice(Type),
        "actions": Attribute(take=read_actions, wire_type=list[str] | str),
        "reply_template": _OPTIONAL,
    },
)


def _row(word: Reserved) -> str:
    actions = "" if word.meaning is Meaning.HELP else word.meaning
    return f"('{word.id}'::uuid, '{word.word}', '{{{actions}}}'::text[])"


_WORDS = ", ".join(map(_row, BY_WORD.values()))  # of constants alone
_RESERVED = (
    "select null::integer as company_id, r.id, r.word as name, null as description, "
    "r.word as value, 'INSENSITIVE' as case, null::uuid as sender_id, "
    "null::timestamptz as valid_from, null::timestamptz as valid_to, null as associated_info, "
    "null as campaign_id, 'RESERVED' as type, r.actions, null as reply_template, "
    f"null::integer as application_id, '{SINCE.isoformat()}'::timestamptz as updated_at, "
    "1 as version"
)
_OWN = (
    "select company_id, id, name, description, value, "
    "case when case_sensitive then 'SENSITIVE' else 'INSENSITIVE' end, sender_id, valid_from, "
    "valid_to, associated_info, campaign_id, 'COMPANY', actions, reply_template, application_id, "
    "updated_at, version from keyword where company_id = $1 and deleted_at is null"
)
LISTING = Listing(
    source=f"({_RESERVED} from (values {_WORDS}) as r (id, word, actions) union all {_OWN}) k",
    tenant="k.company_id is null or k.company_id = $1",
    key="k.id",
    select="k.*",
    columns=(
        Column("id", "k.id", "id"),
        Column("name", "k.name"),
        Column("description", "k.description"),
        Column("value", "k.value"),
        Column("case", "k.case", "enum", choices=frozenset(Case)),
        Column("sender_id", "k.sender_id", "id"),
        Column("valid_from", "k.valid_from", "timestamp"),
        Column("valid_to", "k.valid_to", "timestamp"),
        Column("campaign_id", "k.campaign_id"),
        Column("type", "k.type", "enum", choices=frozenset(Type)),
        Column("actions", "k.actions", "text_array"),
        Column("reply_template", "k.reply_template"),
        *record_columns("k"),
        Column("version_number", "k.version", "integer"),
    ),
)


async def rewrite(_: Call, query: dict[str, str]) -> list[Any]:
    """Actions in any case."""
    if actions := query.get("actions"):
        query["actions"] = ",".join(actions.upper().split())
    return []


async def create(call: Call, values: Values) -> str:
    new = _new(values)
    return ids.show(await create_keyword(call.services.db, call.caller, new))


async def update(call: Call, id: UUID, values: Values) -> None:
    _check_type(values)
    await change_keyword(call.services.db, call.caller, id, KeywordChange(**values))


async def replace(call: Call, id: UUID, values: Values) -> None:
    version = values.pop("version", None)
    new = _new(values)
    await replace_keyword(call.services.db, call.caller, id, new, version=version)


async def delete(call: Call, id: UUID) -> None:
    await delete_keyword(call.services.db, call.caller, id)


def _new(values: Values) -> NewKeyword:
    _check_type(values)
    return NewKeyword(**values)


def _check_type(values: Values) -> None:
    if values.pop("type", Type.COMPANY) is Type.RESERVED:
        raise NotAllowed(
            "type: RESERVED keywords are everybody's; no company makes or changes one."
        )


KEYWORDS = Resource(
    name="Keyword",
    path="/messaging/keywords",
    shape=SHAPE,
    listing=LISTING,
    about="A word that subscribers send: it can change their consent, be remembered and answered.",
    rewrite=rewrite,
    required=("value",),
    create=create,
    update=update,
    replace=replace,
    delete=delete,
)


def routes() -> list[Route]:
    return KEYWORDS.routes()
