"""What the OpenAPI document says about one route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from clarion.api.shape import Shape
from clarion.storage.listing import DEFAULT_LIMIT, Column, Listing


class Created(Struct):
    """The id of what was made or changed."""

    id: str


@dataclass(frozen=True)
class Parameter:
    """A query parameter that is no filter."""

    name: str
    about: str
    required: bool = True


class Error(Struct, omit_defaults=True):
    """What went wrong."""

    error_code: str
    error_description: str
    position: Annotated[
        int | None, Meta(description="Of the character at fault, in criteria; the first is 1.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A summary, what goes in and what comes out."""

    summary: str
    tag: str
    about: str = ""
    request: type | None = None  # the body
    required: tuple[str, ...] = ()  # attributes that the body must have
    may_be_form: bool = False  # the body may be form-encoded too
    answer: Shape | type | None = None
    many: bool = False  # the answer is a list
    collection: str = ""  # what the list is called, where lists have names
    filters: Sequence[Column] = ()
    limit: int = DEFAULT_LIMIT  # rows of a page that says none
    parameters: tuple[Parameter, ...] = ()
    error: type = Error
    takes_file: bool = False  # the body is a file, as it is or in multipart/form-data
    gives_file: bool = False  # so is the answer
    checks_token: bool = False  # an open route that knows tokens of another kind

    @classmethod
    def of_resource(
        cls,
        name: str,
        about: str,
        method: str,
        *,
        one: bool,
        shape: Shape,
        listing: Listing,
        required: tuple[str, ...],
        collection: str = "",
    ) -> Operation:
        """The usual operation of a resource under this method."""
        verb, more = _USUAL[method, one]
        given: dict[str, Any] = {"summary": f"{verb} {name}", "tag": name, "about": about}
        if more == "list":
            return cls(
                **given,
                answer=shape,
                many=True,
                filters=listing.columns,
                limit=listing.limit,
                collection=collection,
            )
        if more == "get":
            return cls(**given, answer=shape)
        if more == "delete":
            return cls(**given)
        return cls(
            **given,
            request=shape.body,
            required=required if more != "update" else (),
            may_be_form=more == "replace",
            answer=Created,
        )


_USUAL = {
    ("GET", False): ("List", "list"),
    ("POST", False): ("Create", "create"),
    ("GET", True): ("Get", "get"),
    ("POST", True): ("Update", "update"),
    ("PUT", True): ("Replace", "replace"),
    ("DELETE", True): ("Delete", "delete"),
}
