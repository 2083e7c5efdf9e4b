"""What every record of a company has: who made it, when it came about, when it last changed.

SHAPE = Shape(Keyword, {**RECORD, "case": choice(Case)})
Listing(..., columns=(Column("name", "k.name"), *record_columns("k")))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clarion.api.call import Call
from clarion.api.shape import Attribute, Row
from clarion.kit import ids
from clarion.storage.listing import Column

READ_ONLY = Attribute(read_only=True)
LIVE = Attribute(read_only=True, only="live")
_MADE = Attribute(read_only=True, column="id", show=ids.created_at)
RECORD: Mapping[str, Attribute] = {
    "id": READ_ONLY,
    "application_id": READ_ONLY,
    "company_id": LIVE,
    "created_date": _MADE,
    "last_updated_date": Attribute(read_only=True, column="updated_at"),
    "version_number": Attribute(column="version"),
}
WRITTEN_ONCE: Mapping[str, Attribute] = {**RECORD, "last_updated_date": _MADE}


def record_columns(alias: str) -> tuple[Column, ...]:
    """Filters that every record has, of the table of that alias."""
    return (
        Column("application_id", f"{alias}.application_id", "integer"),
        Column("created_date", f"{alias}.id", "created"),
        Column("last_updated_date", f"{alias}.updated_at", "timestamp"),
    )


def is_foreign(call: Call, row: Row) -> bool:
    """Whether it is not the caller's own: the operator offers it."""
    return bool(row["company_id"] != call.caller.company_id)


async def hide_operator(call: Call, rows: Sequence[Row]) -> list[Row]:
    """Others do not see which application of the operator's made what it offers."""
    return [dict(row) | {"application_id": None} if is_foreign(call, row) else row for row in rows]
