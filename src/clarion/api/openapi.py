"""OpenAPI 3.1 from the declarations: what the doors do is what the document says.

Schemas come from the Structs. What they cannot know is put right here: names and dates of the
door's wire form, and that a resource never shows null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from importlib.metadata import version
from typing import Any

import msgspec

from clarion.api.call import Door, Route
from clarion.api.operation import Operation, Parameter
from clarion.api.shape import FORM, Shape, date_names
from clarion.api.wire import WireForm
from clarion.storage.listing import MAX_LIMIT, Column

Schema = dict[str, Any]

_DATE: Schema = {"type": "string", "format": "date-time"}
_EPOCH: Schema = {"type": "integer", "format": "int64", "description": "Unix time in milliseconds."}
_NULL = {"type": "null"}
_FILE: Schema = {"type": "string", "format": "binary"}
_FILE_SENT: Schema = {
    "required": True,
    "content": {
        "application/octet-stream": {},
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file-upload": _FILE}}},
    },
}
_KINDS: Mapping[str, Schema] = {
    "text_array": {"type": "string", "description": "Any of these, with commas between."},
    "integer": {"type": "string", "description": "A whole number, or several with commas."},
    "number": {"type": "string", "description": "A number, or several with commas between."},
    "boolean": {"type": "boolean"},
    "msisdn": {"type": "string", "description": "An address; a number with or without its +."},
    "timestamp": {"type": "string", "description": "A date, or a range [from,to]; ends may lack."},
    "created": {"type": "string", "description": "A date, or a range [from,to]; ends may lack."},
    "day": {"type": "string", "description": "A day, or a range [from,to]; ends may lack."},
}
_TEXT: Schema = {"type": "string", "description": "A value, or several with commas between."}
_PARAMETER = re.compile(r"\{([^}]*)\}")

_ERRORS = {
    "400": "The request cannot be understood: 400, 1012 (message too long), 1017 (criteria), "
    "1019 (content too large), 1020 (tracked link), 1023 (value too long).",
    "401": "The access token is missing, unknown, expired or revoked.",
    "402": "The company's credit does not cover it.",
    "403": "Not allowed with this token.",
    "404": "There is no such resource.",
    "409": "Conflict: 409, 1001 (version_number is not current), 1011 (unique key is taken).",
    "413": "The body is larger than allowed.",
    "415": "The body is no JSON.",
    "429": "Too many requests; see Retry-After.",
    "500": "Something unexpected happened.",
    "503": "Nothing can be stored at the moment; see Retry-After.",
}


def document(doors: Iterable[Door], *, server: str = "/") -> Schema:
    """One document for these doors."""
    doors = [door for door in doors if any(route.about for route in door.routes)]
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = {}
    tags: dict[str, Schema] = {}
    for door in doors:
        writer = _Writer(door)
        for route in door.routes:
            if route.about is not None:
                path = paths.setdefault(door.prefix + route.path, {})
                path[route.method.lower()] = writer.operation(route, route.about)
                tags.setdefault(route.about.tag, {"name": route.about.tag})
        schemas |= writer.schemas
    return {
        "openapi": "3.1.0",
        "info": {
            "title": ", ".join(door.title or door.name for door in doors),
            "version": version("clarion-gateway"),
            "description": "\n\n".join(door.description for door in doors if door.description),
        },
        "servers": [{"url": server}],
        "tags": list(tags.values()),
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Writer:
    """Writes the operations of one door and collects the schemas that they use."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.schemas: dict[str, Schema] = {}

    def operation(self, route: Route, about: Operation) -> Schema:
        written: Schema = {
            "operationId": _operation_id(self._door, route),
            "summary": about.summary,
            "tags": [about.tag],
            "parameters": [*_path_parameters(route.path), *self._query_parameters(about)],
            "responses": {"200": self._success(about)} | self._errors(route, about),
        }
        if about.about:
            written["description"] = about.about
        if about.request is not None:
            written["requestBody"] = self._body(about, about.request)
        if about.takes_file:
            written["requestBody"] = _FILE_SENT
        if route.open and not about.checks_token:
            written["security"] = []
        return written

    def _body(self, about: Operation, struct: type) -> Schema:
        schema = self._input(struct)
        if about.required:
            schema = {"allOf": [schema, {"required": list(about.required)}]}
        kinds = ["application/json", *([FORM] if about.may_be_form else [])]
        return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}

    def _success(self, about: Operation) -> Schema:
        if about.gives_file:
            return {"description": "The content.", "content": {"*/*": {}}}
        if about.answer is None:
            return {"description": "Done."}
        schema = self._answer(about.answer)
        if not about.many:
            return _json("Success.", schema)
        if self._door.form.paged_result:
            return _json("A page.", _named_list(about.collection, schema))
        if not self._door.form.envelope:
            return _json("A page.", {"type": "array", "items": schema}) | {"headers": _PAGING}
        return _json("A page.", _envelope(schema))

    def _errors(self, route: Route, about: Operation) -> Schema:
        schema = self._answer(about.error)
        bodyless = route.method in ("GET", "DELETE")
        left_out = {"402", "413", "415"} if bodyless else set()
        if about.takes_file:
            left_out |= {"402", "413", "415"}
        if about.takes_file or about.gives_file:
            left_out |= {"401", "403"} if route.open else set()
        elif route.open and not about.checks_token:
            left_out |= {"401", "402", "403", "404", "409", "429"}
        return {k: _json(words, schema) for k, words in _ERRORS.items() if k not in left_out}

    def _query_parameters(self, about: Operation) -> list[Schema]:
        others = [_parameter(each) for each in about.parameters]
        if not about.many or not about.filters:
            return others
        shape = about.answer if isinstance(about.answer, Shape) else None
        filters = [_filter(column, shape, self._door.form) for column in about.filters]
        sorted_by = [_SORT] if any(column.sortable for column in about.filters) else []
        return [*others, *filters, *sorted_by, *_page_asked(about.limit)]

    def _input(self, struct: type) -> Schema:
        schema, schemas = self._schema(struct)
        self.schemas |= schemas
        return schema

    def _answer(self, answer: Shape | type) -> Schema:
        struct = answer.struct if isinstance(answer, Shape) else answer
        schema, schemas = self._schema(struct)
        shown = schemas  # what is no Shape shows its nulls
        if isinstance(answer, Shape):
            shown = {name: _shown(each) for name, each in schemas.items()}
            name = self._name(struct.__name__)
            shown[name] = _in_form(shown[name], answer, self._door.form)
        self.schemas |= shown
        return schema

    def _schema(self, struct: type) -> tuple[Schema, dict[str, Schema]]:
        template = f"#/components/schemas/{self._door.name}.{{name}}"
        (schema,), schemas = msgspec.json.schema_components([struct], ref_template=template)
        return schema, {self._name(name): deepcopy(each) for name, each in schemas.items()}

    def _name(self, name: str) -> str:
        return f"{self._door.name}.{name}"


def _operation_id(door: Door, route: Route) -> str:
    words = route.path.replace("{", "").replace("}", "").strip("/").replace("/", "_")
    return f"{door.name}_{route.method.lower()}_{words}"


def _json(words: str, schema: Schema) -> Schema:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _envelope(items: Schema) -> Schema:
    whole = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "required": ["list", "total", "offset", "limit"],
        "properties": {
            "list": {"type": "array", "items": items},
            "total": whole | {"description": "Exact up to 100,000; above, an estimate."},
            "offset": whole,
            "limit": whole,
        },
    }


def _named_list(name: str, items: Schema) -> Schema:
    whole = {"type": "integer", "minimum": 0}
    paged = {"type": "object", "properties": {"offset": whole, "limit": whole}}
    following = {"type": "string", "description": "Where the next page is, if there is one."}
    return {
        "type": "object",
        "required": ["paged-result", name],
        "properties": {
            "paged-result": paged,
            "next-page-uri": following,
            name: {"type": "array", "items": items},
        },
    }


def _path_parameters(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]


def _parameter(parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.about,
        "schema": {"type": "string"},
    }


def _filter(column: Column, shape: Shape | None, form: WireForm) -> Schema:
    name = column.name
    if shape is not None and form.reference_names and name in shape.attributes:
        name = shape.attributes[name].reference or name
    schema = dict(_KINDS.get(column.kind, _TEXT))
    if column.choices:
        schema["description"] = f"Any of {', '.join(sorted(column.choices))}."
    words = schema.pop("description", "")
    return {"name": name, "in": "query", "schema": schema} | (
        {"description": words} if words else {}
    )


_SORT: Schema = {
    "name": "sort",
    "in": "query",
    "description": "An attribute; a leading - for descending. Several with commas between.",
    "schema": {"type": "string"},
}


def _page_asked(limit: int) -> list[Schema]:
    whole = {"type": "integer", "minimum": 0}
    return [
        {"name": "offset", "in": "query", "schema": whole | {"default": 0}},
        {
            "name": "limit",
            "in": "query",
            "description": f"At most {MAX_LIMIT}; more is taken for {MAX_LIMIT}.",
            "schema": whole | {"default": limit},
        },
    ]


_PAGING: Schema = {
    "X-Total-Count": {"schema": {"type": "integer"}},
    "Link": {"description": "first, prev, next, last", "schema": {"type": "string"}},
}


def _in_form(schema: Schema, shape: Shape, form: WireForm) -> Schema:
    """An object's schema with the attributes that this form has, under its names."""
    properties: dict[str, Schema] = {}
    dates = date_names(shape.struct)
    for name, each in schema.get("properties", {}).items():
        more = shape.attributes.get(name)
        if more is not None and more.only not in ("", form.name):
            continue
        shown = more.reference if more and more.reference and form.reference_names else name
        properties[shown] = (_EPOCH if form.epoch_dates else _DATE) if name in dates else each
    required = {"required": ["id"]} if "id" in properties else {}
    return schema | {"properties": properties} | required


def _shown(value: Any) -> Any:
    """A schema as answers have it: no null, no defaults."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if not isinstance(value, dict):
        return value
    schema = {k: _shown(v) for k, v in value.items() if k != "default"}
    parts = schema.get("anyOf")
    if isinstance(parts, list) and _NULL in parts:
        rest = [part for part in parts if part != _NULL]
        del schema["anyOf"]
        schema |= rest[0] if len(rest) == 1 else {"anyOf": rest}
    return schema
