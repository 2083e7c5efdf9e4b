"""One Struct says how a resource looks on the wire; the rest is derived from it here.

From the Struct and a few Attributes come: what is shown, in either wire form; what is accepted,
in every spelling that clients use; and errors that name the attribute as the wire does.
Attributes that are unknown or read-only are ignored on input: clients send back all they have read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

import msgspec
from asyncpg.pgproto.pgproto import UUID as FastUUID
from msgspec import UNSET, Meta, Struct

from clarion.api.call import Call, read_pairs
from clarion.api.problems import input_problem
from clarion.api.wire import FORMS, WireForm
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.kit.dates import parse_date

FORM = "application/x-www-form-urlencoded"
MAX_TEXTS, MAX_TEXT = 100, 255
_MAX_FORM_FIELDS = 500
_DATE_ON_WIRE = int | float | str

_entries = msgspec.json.Decoder(list[msgspec.Raw])

E = TypeVar("E", bound=Enum)
Row = Mapping[str, Any]
Converter = Callable[[Any], Any]


@dataclass(frozen=True)
class Attribute:
    """What the Struct alone does not say about one of its fields."""

    column: str = ""  # its name in rows and in the engine, where that differs
    reference: str = ""  # its name in the reference wire form, where that differs
    spellings: tuple[str, ...] = ()  # further names that clients use for it
    read_only: bool = False
    only: str = ""  # the one wire form that has it
    show: Converter | None = None  # from the row's value; None is left out
    take: Converter | None = None  # from the wire's; ValueError says what is wrong
    wire_type: Any = None  # what `take` accepts, where that differs from the Struct's type


@dataclass(frozen=True)
class _Input:
    """How one attribute of a body becomes a value of the engine's."""

    name: str
    column: str
    keys: tuple[str, ...]  # the fields of the derived Struct that can hold it
    nullable: bool
    take: Converter | None


Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A version_number; the database holds no greater one."""


def texts(value: Any) -> list[str]:
    """Some short texts: an array, or a list joined by commas."""
    found = value if isinstance(value, list) else [part.strip() for part in value.split(",")]
    found = [text for text in found if text]
    if len(found) > MAX_TEXTS or any(len(text) > MAX_TEXT for text in found):
        raise ValueError(f"at most {MAX_TEXTS} values of at most {MAX_TEXT} characters")
    return found


class Shape:
    """The wire's view of a resource."""

    def __init__(
        self, struct: type[Struct], attributes: Mapping[str, Attribute] | None = None
    ) -> None:
        self.struct = struct
        self.attributes = attributes or {}
        self.spellings = _spellings(self.attributes)  # from other names to the Struct's
        self._inputs, self.body = _derive_input(struct, self.attributes)
        self._decoder = msgspec.json.Decoder(self.body, strict=False)
        self._plans = {form.name: _plan(self, form) for form in FORMS}

    def column_of(self, name: str) -> str:
        """An attribute's name in rows and in the engine."""
        return self.attributes.get(name, Attribute()).column or name

    def show(self, row: Row, form: WireForm) -> dict[str, Any]:
        """A row as the wire has it; what is null is left out."""
        shown: dict[str, Any] = {}
        for name, column, convert in self._plans[form.name]:
            value = row.get(column)
            if value is None:
                continue
            if convert is not None:
                value = convert(value)
                if value is None:
                    continue
            kind = type(value)
            if kind is datetime:
                value = form.date(value)
            elif kind is FastUUID or kind is UUID:
                value = ids.show(value)
            shown[name] = value
        return shown

    def read(self, call: Call, *, form_encoded: bool = False) -> dict[str, Any]:
        """The body's values by column. Null stays only where the Struct allows it."""
        if form_encoded and call.media_type() == FORM:
            return self._values(_read_form(call.body, self.body))
        return self._values(call.read(self._decoder))

    def read_many(self, call: Call, name: str) -> list[dict[str, Any]]:
        """Of a body that is an array, those of each entry. InvalidInput says which one is wrong,
        by `name` and its place from 1."""
        entries = call.read(_entries)
        return [self._read_entry(raw, f"{name} {n}") for n, raw in enumerate(entries, 1)]

    def _read_entry(self, raw: msgspec.Raw, place: str) -> dict[str, Any]:
        try:
            return self._values(self._decoder.decode(raw))
        except (msgspec.DecodeError, RecursionError) as error:
            raise input_problem(error).at(place) from error
        except InvalidInput as error:
            raise error.at(place) from None

    def _values(self, body: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for entry in self._inputs:
            for key in entry.keys:
                value = getattr(body, key)
                if value is not UNSET and (value is not None or entry.nullable):
                    values[entry.column] = _taken(entry, value)
                    break
        return values


def choice(kind: type[Enum], corrections: Mapping[str, str] | None = None) -> Attribute:
    """An attribute with a closed set of values, in any case, slips of the reference included."""
    return Attribute(take=taker(kind, corrections))


def taker(kind: type[E], corrections: Mapping[str, str] | None = None) -> Callable[[Any], E]:
    """From a word in any case to the value of an enumeration."""
    words = ", ".join(member.value for member in kind)
    known = {member.value.upper(): member for member in kind}
    for wrong, right in (corrections or {}).items():
        known[wrong] = known[right]

    def take(value: Any) -> E:
        found = known.get(str(value).strip().upper())
        if found is None:
            raise ValueError(f"it must be one of {words}")
        return found

    return take


def _taken(entry: _Input, value: Any) -> Any:
    if entry.take is None or value is None:
        return value
    try:
        return entry.take(value)
    except ValueError as error:
        raise InvalidInput(f"{entry.name}: {error}", field=entry.name) from error


def _spellings(attributes: Mapping[str, Attribute]) -> Mapping[str, str]:
    return {
        spelling: name
        for name, more in attributes.items()
        for spelling in (more.reference, *more.spellings)
        if spelling
    }


def _plan(shape: Shape, form: WireForm) -> list[tuple[str, str, Converter | None]]:
    """What is shown in this form: name, column, conversion."""
    plan = []
    for known in msgspec.structs.fields(shape.struct):
        name = known.encode_name
        more = shape.attributes.get(name, Attribute())
        if more.only not in ("", form.name):
            continue
        shown = more.reference if form.reference_names and more.reference else name
        plan.append((shown, more.column or name, more.show))
    return plan


def _derive_input(
    struct: type[Struct], attributes: Mapping[str, Attribute]
) -> tuple[tuple[_Input, ...], type[Struct]]:
    inputs: list[_Input] = []
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    for known in msgspec.structs.fields(struct):
        name = known.encode_name
        more = attributes.get(name, Attribute())
        if more.read_only:
            continue
        accepted, take = _accepted(known.type, more)
        keys = []
        for spelling in dict.fromkeys((name, more.reference, *more.spellings)):
            if spelling:
                key = f"f{len(fields)}"
                keys.append(key)
                names[key] = spelling
                fields.append((key, accepted, UNSET))
        nullable = type(None) in get_args(_bare(known.type))
        inputs.append(_Input(name, more.column or name, tuple(keys), nullable, take))
    body = msgspec.defstruct(f"{struct.__name__}Input", fields, rename=names, kw_only=True)
    return tuple(inputs), body


def _accepted(declared: Any, more: Attribute) -> tuple[Any, Converter | None]:
    """The type on the wire and the conversion, for one declared type."""
    plain = without_none(declared)
    if more.take is not None and more.wire_type is not None:
        return _optional(more.wire_type), more.take
    kind = _bare(plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _optional(str), more.take or taker(kind)
    if kind is datetime:
        return _optional(_DATE_ON_WIRE), more.take or parse_date
    return _optional(plain), more.take


def _optional(kind: Any) -> Any:
    return Union[kind, msgspec.UnsetType, None]  # noqa: UP007 - kinds are values here


def without_none(declared: Any) -> Any:
    """`str` of `str | None`, whatever is annotated around it."""
    bare = _bare(declared)
    if get_origin(bare) not in (Union, UnionType):
        return declared
    rest = [part for part in get_args(bare) if part is not type(None)]
    return Union[tuple(rest)]  # noqa: UP007


def _bare(declared: Any) -> Any:
    """A union without what is annotated around it."""
    return get_args(declared)[0] if get_origin(declared) is Annotated else declared


def date_names(struct: type) -> set[str]:
    """The attributes of a Struct that are dates."""
    fields = msgspec.structs.fields(struct)
    return {f.encode_name for f in fields if _bare(without_none(f.type)) is datetime}


def is_list(declared: Any) -> bool:
    """Whether a field holds several values."""
    kinds: Iterable[Any] = (
        get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    )
    return any(
        get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind) is list
        for kind in kinds
    )


def _may_be_text(declared: Any) -> bool:
    return str in get_args(declared)


def _read_form(raw: bytes, struct: type[Struct]) -> Any:
    """A form-encoded body: a field that holds several values may be repeated or have commas. One
    that may be a text as well is taken as it is: it can be JSON."""
    pairs = read_pairs(raw, limit=_MAX_FORM_FIELDS)
    values: dict[str, Any] = {}
    for known in msgspec.structs.fields(struct):
        given = pairs.get(known.encode_name)
        if given is None:
            continue
        if is_list(known.type) and (len(given) > 1 or not _may_be_text(known.type)):
            values[known.encode_name] = [v for part in given for v in part.split(",") if v]
        else:
            values[known.encode_name] = given[-1]
    try:
        return msgspec.convert(values, struct, strict=False)
    except msgspec.ValidationError as error:
        raise input_problem(error) from error
