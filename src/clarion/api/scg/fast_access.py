"""/contacts/fast_access: how attributes of contacts that are filtered by come about."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource, Values
from clarion.api.scg.records import RECORD, record_columns
from clarion.api.shape import Attribute, Shape, Version
from clarion.engine.contacts.fast_access.model import (
    COLUMNS,
    JobState,
    NewRule,
    RuleChange,
    target_number,
)
from clarion.engine.contacts.fast_access.service import (
    begin_job,
    change_rule,
    create_rule,
    delete_rule,
)
from clarion.kit import ids
from clarion.storage.listing import Column, Listing


class FastAccessRule(Struct, kw_only=True):
    """What one of the attributes fast_access_1 to fast_access_20 of contacts holds."""

    id: str
    target_attribute: Annotated[str, Meta(description="fast_access_1 to fast_access_20")] = ""
    target_attribute_name: Annotated[
        str | None,
        Meta(description="Its name under fast_access, and in filters as fast_access.<name>."),
    ] = None
    value_derivation_script: Annotated[
        str | None,
        Meta(description="JSONPath (RFC 9535) on the contact; without one clients write it."),
    ] = None
    user_data: str | None = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class FastAccessJob(Struct, kw_only=True):
    """A run through all contacts after rules have changed."""

    id: str
    state: JobState = JobState.CREATED
    total_count: Annotated[
        int,
        Meta(description="Contacts to go through, as far as is known; at the end, what was done."),
    ] = 0
    processed_count: int = 0
    changed_count: Annotated[int, Meta(description="Contacts that have other values now.")] = 0
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: int | None = None


def _target(number: int) -> str:
    return COLUMNS[number - 1]


def _text(value: str) -> str | None:
    return None if value in ("", "null") else value


RULE_SHAPE = Shape(
    FastAccessRule,
    {
        **RECORD,
        "target_attribute": Attribute(
            column="number", show=_target, take=target_number, wire_type=str
        ),
        "target_attribute_name": Attribute(column="name", take=_text, wire_type=str),
        "value_derivation_script": Attribute(column="script", take=_text, wire_type=str),
        "user_data": Attribute(take=_text, wire_type=str),
    },
)
JOB_SHAPE = Shape(FastAccessJob, RECORD)
RULES = Listing(
    source="fast_access_rule f",
    tenant="f.company_id",
    key="f.id",
    select="f.*",
    columns=(
        Column("id", "f.id", "id"),
        Column("target_attribute", "'fast_access_' || f.number"),
        Column("target_attribute_name", "f.name"),
        *record_columns("f"),
    ),
)
JOBS = Listing(
    source="fast_access_job j",
    tenant="j.company_id",
    key="j.id",
    select="j.*",
    columns=(
        Column("id", "j.id", "id"),
        Column(
            "state",
            "j.state",
            "enum",
            choices=frozenset(JobState),
            enum="fast_access_job_state",
        ),
        *record_columns("j"),
    ),
)


async def create(call: Call, values: Values) -> str:
    return ids.show(await create_rule(call.services.db, call.caller, NewRule(**values)))


async def update(call: Call, id: UUID, values: Values) -> None:
    await change_rule(call.services.db, call.caller, id, RuleChange(**values))


async def delete(call: Call, id: UUID) -> None:
    await delete_rule(call.services.db, call.caller, id)


async def begin(call: Call) -> Answer:
    """Whatever the body is, there is nothing to say."""
    return json_answer({"id": ids.show(await begin_job(call.services.db, call.caller))})


FAST_ACCESS_RULES = Resource(
    name="Fast Access",
    path="/contacts/fast_access",
    shape=RULE_SHAPE,
    listing=RULES,
    about="What one of the attributes fast_access_1 to fast_access_20 of contacts holds.",
    required=("target_attribute",),
    create=create,
    update=update,
    delete=delete,
)
FAST_ACCESS_JOBS = Resource(
    name="Fast Access Job",
    path="/contacts/fast_access_jobs",
    shape=JOB_SHAPE,
    listing=JOBS,
    about="A run through all contacts after rules have changed.",
)
_BEGIN = Operation(
    summary="Create Fast Access Job",
    tag=FAST_ACCESS_JOBS.name,
    about="Applies the rules to all contacts again. A change of rules does so by itself.",
    answer=Created,
)


def routes() -> list[Route]:
    return [
        *FAST_ACCESS_RULES.routes(),
        *FAST_ACCESS_JOBS.routes(),
        Route("POST", FAST_ACCESS_JOBS.path, begin, about=_BEGIN),
    ]
