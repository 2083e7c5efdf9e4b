"""What of a contact a query can name, and how each kind of value is compared.

Attributes with a column of their own are compared there; lists and extended attributes by a path
into the document, the whole contact as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from clarion.engine.contacts.names import FAST_ACCESS as COLUMNS
from clarion.engine.contacts.names import TEXTS

FAST_ACCESS = "fast_access."


class Kind(StrEnum):
    TEXT = "TEXT"
    MDN = "MDN"  # text; a number in any spelling means its E.164 form
    MAILBOX = "MAILBOX"  # text; its domain in any case
    COUNTRY = "COUNTRY"  # text, in any case
    DAY = "DAY"  # of birth
    INSTANT = "INSTANT"  # a day means all of it, an instant its millisecond
    CREATED = "CREATED"  # an instant that lies in the contact's id
    WHOLE = "WHOLE"
    ID = "ID"
    JSON = "JSON"  # a path into the document


class Attribute(Struct, frozen=True):
    """A name that a query can use."""

    kind: Kind
    column: str  # of a path: the attribute of the document that it starts at
    path: tuple[str, ...] = ()


_TEXTS = (*TEXTS, "voice_preference", *COLUMNS)
_DOCUMENT = {
    "address_list": "address_list",
    "account_list": "account_list",
    "customer_account_list": "account_list",
    "device_list": "device_list",
    "customer_device_list": "device_list",
    "interest_list": "interest_list",
    "demographic_list": "demographic_list",
    "social_handles": "social_handles",
    "extended_attributes": "extended_attributes",
}

ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType(
    {name: Attribute(Kind.TEXT, name) for name in _TEXTS}
    | {name: Attribute(Kind.JSON, start) for name, start in _DOCUMENT.items()}
    | {
        "id": Attribute(Kind.ID, "id"),
        "primary_addr_country": Attribute(Kind.COUNTRY, "primary_addr_country"),
        "primary_email_addr": Attribute(Kind.MAILBOX, "primary_email_addr"),
        "primary_mdn": Attribute(Kind.MDN, "primary_mdn"),
        "birth_date": Attribute(Kind.DAY, "birth_date"),
        "first_acquisition_date": Attribute(Kind.INSTANT, "first_acquisition_date"),
        "last_acquisition_date": Attribute(Kind.INSTANT, "last_acquisition_date"),
        "created_date": Attribute(Kind.CREATED, "id"),
        "last_updated_date": Attribute(Kind.INSTANT, "updated_at"),
        "application_id": Attribute(Kind.WHOLE, "application_id"),
        "version_number": Attribute(Kind.WHOLE, "version"),
    }
)


def find_attribute(name: str, fast_access: Mapping[str, str]) -> Attribute | None:
    """What `name` stands for: an attribute, `fast_access.<name>`, or a path with dots into a list
    or the extended attributes. `fast_access`: from the names of a company to their columns."""
    if name.startswith(FAST_ACCESS):
        column = fast_access.get(name.removeprefix(FAST_ACCESS))
        return None if column is None else ATTRIBUTES.get(column)
    start, *path = name.split(".")
    found = ATTRIBUTES.get(start)
    if found is None or not path:
        return found
    if found.kind is not Kind.JSON or not all(path):
        return None
    return Attribute(Kind.JSON, found.column, tuple(path))
