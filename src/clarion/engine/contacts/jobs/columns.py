"""What the columns of an import's file are, and from its rows to contacts.

The first row of the file names attributes of contacts, in any case, with blanks, dashes or
underscores between words; common other names are understood. `fast_access.<name>` and
`extended_attributes.<name>` name one of those. The two columns that a file of failures has more
than its import are passed over, so that it can be mended and imported as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from clarion.engine.contacts.fast_access.model import Rules
from clarion.engine.contacts.fast_access.scripts import MAX_VALUE
from clarion.engine.contacts.model import EXTENDED, NOTHING, READERS, read_value
from clarion.engine.contacts.names import FAST_ACCESS
from clarion.errors import ClarionError, InvalidInput
from clarion.kit.words import counted

LINE_COLUMN, REASON_COLUMN = "import_line", "import_error"
KEYS = ("external_id", "primary_mdn")
"""By these a contact is found; a row has one of them at least."""

MAX_COLUMNS = 200
_BETWEEN_WORDS = re.compile(r"[\s\-_]+")
_PREFIXES = ("fast_access.", f"{EXTENDED}.")
_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "customer_account_list": "account_list",
        "customer_device_list": "device_list",
        "mdn": "primary_mdn",
        "msisdn": "primary_mdn",
        "phone": "primary_mdn",
        "phone_number": "primary_mdn",
        "mobile": "primary_mdn",
        "mobile_number": "primary_mdn",
        "email": "primary_email_addr",
        "email_address": "primary_email_addr",
        "firstname": "first_name",
        "lastname": "last_name",
        "birthday": "birth_date",
        "date_of_birth": "birth_date",
        "address": "primary_addr_line1",
        "line1": "primary_addr_line1",
        "line2": "primary_addr_line2",
        "city": "primary_addr_city",
        "zip": "primary_addr_zip",
        "zip_code": "primary_addr_zip",
        "postal_code": "primary_addr_zip",
        "state": "primary_addr_state",
        "country": "primary_addr_country",
        "language": "preferred_language",
    }
)
_encode = msgspec.json.Encoder().encode


class BadRow(Exception):
    """The row is no contact; says why."""


class Columns(Struct, frozen=True):
    """The columns of one file: what each cell of a row is."""

    plain: tuple[tuple[int, str, Callable[[str], Any]], ...]  # place, attribute, how it is read
    fast_access: tuple[tuple[int, str], ...]  # place and column of the contact
    extended: tuple[tuple[int, str], ...]  # place and name
    count: int

    def contact(self, cells: Sequence[str]) -> dict[str, Any]:
        """The attributes that a row sets, each as it is stored; an empty cell sets none. BadRow
        says why the row is no contact."""
        if len(cells) != self.count:
            raise BadRow(f"{counted(len(cells), 'field')}, and the first line has {self.count}")
        try:
            values = self._plain(cells)
            if self.extended:
                self._extend(values, cells)
        except InvalidInput as error:
            raise BadRow(error.message) from None
        for at, column in self.fast_access:
            if len(cells[at]) > MAX_VALUE:
                raise BadRow(f"{column}: at most {MAX_VALUE} characters.")
            if "\0" in cells[at]:
                raise BadRow(f"{column}: no text may hold the character U+0000.")
            if cells[at]:
                values[column] = cells[at]
        if values.get("external_id") is None and values.get("primary_mdn") is None:
            raise BadRow(f"{' or '.join(KEYS)}: one of them is required.")
        return values

    def _plain(self, cells: Sequence[str]) -> dict[str, Any]:
        """What read_value says of each cell, without a call of it."""
        try:
            return {
                name: None if cell in NOTHING else read(cell)
                for at, name, read in self.plain
                if (cell := cells[at])
            }
        except (ValueError, ClarionError):  # now with the name
            return {name: read_value(name, cells[at]) for at, name, _ in self.plain if cells[at]}

    def _extend(self, values: dict[str, Any], cells: Sequence[str]) -> None:
        given = {name: cells[at] for at, name in self.extended if cells[at]}
        if given:
            base = values.get(EXTENDED)
            whole = (base.parsed if base else {}) | given
            values[EXTENDED] = read_value(EXTENDED, _encode(whole).decode())


def read_columns(names: Sequence[str], rules: Rules) -> Columns:
    """What a file's first row names. InvalidInput: something that contacts do not have, or a name
    twice, or neither of the attributes that contacts are found by."""
    if len(names) > MAX_COLUMNS:
        raise InvalidInput(f"the first line names more than {MAX_COLUMNS} attributes")
    plain, fast_access, extended = [], [], []
    unknown = []
    for at, written in enumerate(names):
        name = attribute_name(written)
        kind, _, rest = name.partition(".")
        if name in READERS:
            plain.append((at, name, READERS[name]))
        elif kind == EXTENDED and rest:
            extended.append((at, rest))
        elif (column := _fast_access(name, rules)) is not None:
            if column not in rules.derived:
                fast_access.append((at, column))
        elif name not in (LINE_COLUMN, REASON_COLUMN):
            unknown.append(written)
    if unknown:
        shown = ", ".join(repr(name[:100]) for name in unknown[:20])
        raise InvalidInput(f"the first line names what contacts do not have: {shown}")
    found = [name for _, name, _ in plain] + [name for _, name in (*fast_access, *extended)]
    _check_names(found)
    return Columns(tuple(plain), tuple(fast_access), tuple(extended), len(names))


def attribute_name(written: str) -> str:
    """A column's name as we spell it; what follows the dot is the company's own spelling."""
    name = written.strip().strip("\ufeff")
    lower = name.lower()
    for prefix in _PREFIXES:
        if lower.startswith(prefix):
            return prefix + name[len(prefix) :]
    plain = _BETWEEN_WORDS.sub("_", lower)
    return _ALIASES.get(plain, plain)


def _fast_access(name: str, rules: Rules) -> str | None:
    """The column of a contact that a name means: its own, or the one that a rule calls so."""
    if name in FAST_ACCESS:
        return name
    prefix, _, own = name.partition(".")
    return rules.columns.get(own) if prefix == "fast_access" else None


def _check_names(found: Sequence[str]) -> None:
    twice = {name for name in found if found.count(name) > 1}
    if twice:
        raise InvalidInput(f"the first line names {', '.join(sorted(twice))} twice")
    if not set(KEYS) & set(found):
        raise InvalidInput(f"the first line must name {' or '.join(KEYS)}")
