"""Fast access rules: what the columns fast_access_1 to 20 of a company's contacts hold.

SCG reference, Fast Access. A rule names a column and may give it a friendly name. With a script
the column is derived from the contact; without one clients write it. A column with a name shows
under `fast_access` by that name, one without shows as itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from clarion.engine.contacts.fast_access import counted, scripts
from clarion.engine.contacts.names import FAST_ACCESS
from clarion.errors import InvalidInput, ValueTooLong

COLUMNS = FAST_ACCESS
COUNT = len(COLUMNS)
MAX_NAME = 100
MAX_VALUE = scripts.MAX_VALUE
MAX_USER_DATA = 4000
_TARGET = re.compile(r"fast_access_([1-9][0-9]?)", re.IGNORECASE)
_SCRIPTS_KEPT = 2000


class JobState(StrEnum):
    CREATED = "CREATED"  # waits for a node
    RUNNING = "RUNNING"  # some contacts have been gone through
    COMPLETED = "COMPLETED"  # all contacts are as the rules say
    REPLACED = "REPLACED"  # another one, begun later, does its work too


class NewRule(Struct, kw_only=True):
    """A rule as a company asks for it."""

    number: int
    name: str | None = None
    script: str | None = None
    user_data: str | None = None


class RuleChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None
    number: int | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    script: str | UnsetType | None = UNSET
    user_data: str | UnsetType | None = UNSET


class Rule(Struct, frozen=True):
    """What is applied to contacts."""

    number: int
    name: str | None
    script: str | None

    @property
    def column(self) -> str:
        return COLUMNS[self.number - 1]


class Rules:
    """All rules of one company."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.number))

    @cached_property
    def columns(self) -> dict[str, str]:
        """From the names that rules give to the columns that have them."""
        return {rule.name: rule.column for rule in self.rules if rule.name is not None}

    @cached_property
    def names(self) -> dict[str, str]:
        """From columns to their names."""
        return {column: name for name, column in self.columns.items()}

    @cached_property
    def derived(self) -> frozenset[str]:
        """The columns that clients cannot write."""
        return frozenset(column for column, _ in self._scripts)

    def derive(self, contact: Mapping[str, Any]) -> dict[str, str | None]:
        """The derived columns of a contact, given as JSON; all of its scripts share one limit."""
        counted.begin()
        return {column: script.value(contact) for column, script in self._scripts}

    def written(self, given: Mapping[str, str | None]) -> dict[str, str | None]:
        """The columns that a client writes with `given`, by names or columns. What is derived is
        left out: clients send back all that they have read. InvalidInput: no rule has that name."""
        values: dict[str, str | None] = {}
        for name, value in given.items():
            column = self.columns.get(name, name if name in COLUMNS else None)
            if column is None:
                words = f"fast_access: there is no fast access attribute {name[:MAX_NAME]!r}."
                raise InvalidInput(words, field="fast_access")
            if column in self.derived:
                continue
            if value is not None and len(value) > MAX_VALUE:
                raise ValueTooLong(f"{name}: at most {MAX_VALUE} characters.", field=name)
            values[column] = value
        return values

    @cached_property
    def _scripts(self) -> tuple[tuple[str, scripts.Script], ...]:
        return tuple((rule.column, _script(rule.script)) for rule in self.rules if rule.script)


NO_RULES = Rules(())


class Job(Struct, frozen=True):
    """A run through a company's contacts, in the hands of this node."""

    company_id: int
    id: UUID
    after: UUID | None  # the last contact dealt with
    emptied: frozenset[str] = frozenset()  # columns whose rule is gone


@lru_cache(_SCRIPTS_KEPT)
def _script(text: str) -> scripts.Script:
    return scripts.Script(text)


def target_number(target: str) -> int:
    """The number in `fast_access_1` to `fast_access_20`. ValueError: it is none of them."""
    found = _TARGET.fullmatch(target.strip())
    if found is None or int(found[1]) > COUNT:
        raise ValueError(f"it must be fast_access_1 to fast_access_{COUNT}")
    return int(found[1])


def check_rule(name: str | None, script: str | None, user_data: str | None) -> None:
    """InvalidInput or ValueTooLong names the attribute that cannot be taken."""
    if name is not None:
        _check_name(name)
    if script is not None:
        _script(script)
    if user_data is not None and len(user_data) > MAX_USER_DATA:
        raise ValueTooLong(f"user_data: at most {MAX_USER_DATA} characters.", field="user_data")


def _check_name(name: str) -> None:
    field = "target_attribute_name"
    if len(name) > MAX_NAME:
        raise ValueTooLong(f"{field}: at most {MAX_NAME} characters.", field=field)
    if not name.isprintable() or name != name.strip() or "," in name or name in COLUMNS:
        words = "printable, without commas, and no column's own name"
        raise InvalidInput(f"{field}: it must be {words}.", field=field)
