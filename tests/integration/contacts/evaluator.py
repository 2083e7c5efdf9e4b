"""Queries for contacts answered in plain Python, as docs/criteria.md says; and made at random.

It shares no code with the compiler, so that the two can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Contact = dict[str, Any]
"""Attribute to value; lists and extended attributes as JSON; dates as datetimes or YYYY-MM-DD."""

TEXTS = ("first_name", "last_name", "primary_addr_state", "preferred_language", "fast_access_3")
WORDS = ("", "a", "A", "Ann", "Anna", "ann", "Zoë", "zz", "O'Brien", 'q"q', "a\\b", "%", "_", "🙂")
INSTANTS = ("last_acquisition_date", "created_date", "last_updated_date")
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PATHS = (
    "extended_attributes.color",
    "extended_attributes.a.b",
    "extended_attributes",
    "interest_list.score",
    "interest_list.code",
    "address_list.city",
    "customer_account_list.tags",
    "social_handles",
)
_ORDER = ("$gt", "$gte", "$lt", "$lte")


def matches(query: dict[str, Any], contact: Contact) -> bool:
    return all(_member(name, value, contact) for name, value in query.items())


def _member(name: str, value: Any, contact: Contact) -> bool:
    if name == "$and":
        return all(matches(each, contact) for each in value)
    if name == "$or":
        return any(matches(each, contact) for each in value)
    if name == "$not":
        return not matches(value, contact)
    compare = _compare_instants if name in INSTANTS else _compare
    return _tests(_values(name, contact), compare, value)


Compare = Callable[[Any, str, Any], bool]


def _tests(values: list[Any], compare: Compare, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        wanted = {"$eq": wanted}
    return all(_operation(values, compare, name, operand) for name, operand in wanted.items())


def _operation(values: list[Any], compare: Compare, name: str, operand: Any) -> bool:
    if name == "$not":
        return not _tests(values, compare, operand)
    if name == "$ne":
        return not _operation(values, compare, "$eq", operand)
    if name == "$nin":
        return not _operation(values, compare, "$in", operand)
    if name == "$exists":
        return bool(values) is operand
    if name == "$in":
        return any(_operation(values, compare, "$eq", each) for each in operand)
    if operand is None:
        return not values
    return any(compare(value, name, operand) for value in values)


def _values(name: str, contact: Contact) -> list[Any]:
    """What is at a name or path: no value, one, or, through arrays, several."""
    if name == "fast_access.Color":
        name = "fast_access_3"
    start, *path = name.replace("customer_", "").split(".")
    found = [contact.get(start)]
    for step in path:
        objects = [each for item in found for each in _unwrapped(item)]
        found = [each[step] for each in objects if isinstance(each, dict) and step in each]
    return [v for item in found for one in _unwrapped(item) for v in _unwrapped(one)
            if v is not None]  # fmt: skip


def _unwrapped(item: Any) -> list[Any]:
    return item if isinstance(item, list) else [item]


def _compare(value: Any, name: str, operand: Any) -> bool:
    if name == "$prefix":
        return isinstance(value, str) and value.startswith(operand)
    if _kind(value) != _kind(operand):
        return False
    if name == "$eq":
        return bool(value == operand)
    return {"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand,
            "$lte": value <= operand}[name]  # fmt: skip


def _kind(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return type(value).__name__
    return "number"


def _compare_instants(value: datetime, name: str, operand: str) -> bool:
    """A day means all of it."""
    low = datetime.fromisoformat(operand)
    low = low if low.tzinfo else low.replace(tzinfo=UTC)
    high = low + (timedelta(days=1) if len(operand) == 10 else timedelta(milliseconds=1))
    return {"$eq": low <= value < high, "$gt": value >= high, "$gte": value >= low,
            "$lt": value < low, "$lte": value < high}[name]  # fmt: skip


# ---------------------------------------------------------------- at random


def a_contact(rng: random.Random) -> Contact:
    contact: Contact = {name: rng.choice(WORDS) for name in TEXTS if rng.random() < 0.8}
    contact |= {name: _instant(rng) for name in INSTANTS if rng.random() < 0.8}
    contact |= {"created_date": _instant(rng), "last_updated_date": _instant(rng)}
    if rng.random() < 0.8:
        contact["birth_date"] = _day(rng)
    if rng.random() < 0.8:
        contact["application_id"] = rng.randint(1, 5)
    contact["primary_mdn"] = f"+1212555{rng.randint(0, 9999):04}"
    contact["version_number"] = rng.randint(1, 3)
    contact["extended_attributes"] = _extended(rng)
    lists = {"interest_list": _interest, "address_list": _address, "account_list": _account}
    for name, make in lists.items():
        if rng.random() < 0.7:
            contact[name] = [make(rng) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.5:
        contact["social_handles"] = rng.sample(WORDS, rng.randint(0, 3))
    return {name: value for name, value in contact.items() if value is not None}


def _extended(rng: random.Random) -> Any:
    if rng.random() < 0.2:
        return None
    return {"color": _json(rng), "a": rng.choice([{"b": _json(rng)}, [{"b": _json(rng)}, {}], 5])}


def _interest(rng: random.Random) -> Any:
    return {"code": rng.choice(WORDS), "score": rng.choice([0, 0.25, 0.5, 1, 1.0, "1", None])}


def _address(rng: random.Random) -> Any:
    return {"city": rng.choice(WORDS)} if rng.random() < 0.8 else {"zip": "1"}


def _account(rng: random.Random) -> Any:
    return {"tags": _json(rng)}


def _json(rng: random.Random) -> Any:
    return rng.choice(
        [None, True, False, 0, 1, 1.0, -2.5, 10**20, {}, [], [[]], ["a", 1], [["a"], None],
         {"b": "a"}, *WORDS]
    )  # fmt: skip


def _scalar(rng: random.Random) -> Any:
    return rng.choice([None, True, False, 0, 1, 1.0, -2.5, 10**20, *WORDS])


def _instant(rng: random.Random) -> datetime:
    hours = rng.choice([0, 0, 24, 24, 48, 5, 29, 53])
    return FIRST_DAY + timedelta(hours=hours, milliseconds=rng.choice([0, 0, 1]))


def _day(rng: random.Random) -> str:
    return f"{rng.choice([1969, 1999, 2000])}-0{rng.randint(1, 3)}-01"


def a_query(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    if depth < 3 and rng.random() < 0.5:
        if rng.random() < 0.3:
            return {"$not": a_query(rng, depth + 1)}
        parts = [a_query(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        return {rng.choice(["$and", "$or"]): parts}
    return dict([_a_member(rng) for _ in range(rng.choice([1, 1, 1, 2]))])


def _a_member(rng: random.Random) -> tuple[str, Any]:
    if rng.random() < 0.4:
        return rng.choice(PATHS), _operands(rng, _scalar, _json_order)
    name, value = rng.choice(
        [
            (rng.choice([*TEXTS, "fast_access.Color"]), lambda r: r.choice(WORDS)),
            (rng.choice(INSTANTS), _date_text),
            ("birth_date", _day),
            ("application_id", lambda r: r.randint(0, 6)),
            ("version_number", lambda r: r.randint(0, 4)),
        ]
    )
    return name, _operands(rng, value, value, text=name in TEXTS)


def _json_order(rng: random.Random) -> Any:
    return rng.choice([0, 0.5, 1, -2.5, *WORDS])


def _date_text(rng: random.Random) -> str:
    at = _instant(rng)
    return at.date().isoformat() if rng.random() < 0.5 else at.isoformat(timespec="milliseconds")


def _operands(rng: random.Random, value: Any, order: Any, *, text: bool = False) -> Any:
    if rng.random() < 0.3:
        return value(rng)
    if rng.random() < 0.15:
        return {"$not": _operands(rng, value, order, text=text)}
    found: dict[str, Any] = {}
    for _ in range(rng.choice([1, 1, 2])):
        name = rng.choice(["$eq", "$ne", "$in", "$nin", "$exists", *_ORDER, "$prefix"])
        if name == "$exists":
            found[name] = rng.random() < 0.5
        elif name in ("$in", "$nin"):
            found[name] = [rng.choice([value(rng), value(rng), None]) for _ in range(3)]
        elif name in _ORDER:
            found[name] = order(rng)
        elif name == "$prefix":
            if text:
                found[name] = rng.choice(WORDS)
        else:
            found[name] = value(rng)
    return found or value(rng)
