"""From a recipient to a message, step by step.

Each step is one small file that takes a chunk of candidates and does its work on all of them at
once: one or two statements, or none. `BEFORE` need no transaction, and may wait for others'
services; `WITHIN` are part of the transaction that stores the messages, and may run again when it
collides with another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from clarion.engine.messages.steps.addresses import choose_senders
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.messages.steps.segments import measure_texts
from clarion.engine.messages.steps.times import set_times

Step = Callable[[Chunk], Awaitable[None]]

BEFORE: tuple[Step, ...] = (choose_senders,)
WITHIN: tuple[Step, ...] = (measure_texts, set_times)
