"""What the driver takes for an array."""

from __future__ import annotations

from collections import UserList, deque
from collections.abc import Collection

import asyncpg
import pytest

from clarion.storage.database import Database


@pytest.mark.parametrize(
    "given",
    [["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys(), {1: "a", 2: "b"}.values(), deque("ab")],
    ids=lambda given: type(given).__name__,
)
async def test_whatever_we_collect_values_in_is_an_array(
    shared_db: Database, given: Collection[str]
) -> None:
    assert await shared_db.fetchval("select $1::text[]", given) == ["a", "b"]


async def test_sets_and_ranges_are_arrays_too(shared_db: Database) -> None:
    assert await shared_db.fetchval("select $1::text[]", {"a"}) == ["a"]
    assert await shared_db.fetchval("select $1::text[]", frozenset("a")) == ["a"]
    assert await shared_db.fetchval("select $1::integer[]", range(3)) == [0, 1, 2]


async def test_lists_among_the_elements_are_rows_of_an_array(shared_db: Database) -> None:
    assert await shared_db.fetchval("select $1::integer[]", [[1, 2], [3, 4]]) == [[1, 2], [3, 4]]


async def test_a_mapping_among_the_elements_is_one_value(shared_db: Database) -> None:
    shown = await shared_db.fetchval("select $1::jsonb[]", [{"a": 1}, None])
    assert shown == [{"a": 1}, None]


@pytest.mark.parametrize("given", ["ab", b"ab", {"a": 1}, 7])
async def test_nothing_else_is(shared_db: Database, given: object) -> None:
    with pytest.raises(asyncpg.DataError):
        await shared_db.fetchval("select $1::text[]", given)


async def test_the_driver_does_not_ask_abstract_base_classes(shared_db: Database) -> None:
    """They would say that this is one. If it is taken, the driver asks in another way than
    storage/arrays.py thinks, and has become slow again."""
    with pytest.raises(asyncpg.DataError):
        await shared_db.fetchval("select $1::text[]", UserList(["a"]))
