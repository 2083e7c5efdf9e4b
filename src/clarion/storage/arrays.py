"""How the driver recognises arrays among parameters: by types, not by abstract base classes.

Our statements take their rows as arrays. asyncpg asks of each array, and of each of its elements,
whether it is an `Iterable` and a `Sized` in the sense of collections.abc, which costs more than to
encode it: a tenth of all CPU of a message with a webhook. Types in their place answer the same
question in a tenth of the time. Should a later asyncpg ask in another way, this changes nothing;
tests/integration/storage/test_arrays.py would tell.
"""

from __future__ import annotations

from collections import deque

from asyncpg.protocol import protocol

ARRAYS: tuple[type, ...] = (
    list,
    tuple,
    set,
    frozenset,
    type({}.keys()),
    type({}.values()),
    deque,
    range,
)
"""What is an array when it is a parameter."""


def recognise_by_type() -> None:
    """From now on, in this process."""
    protocol.IterableABC = protocol.SizedABC = ARRAYS
    protocol.MappingABC = dict
