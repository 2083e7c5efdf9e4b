"""From a recipient to a message, step by step.

Each step takes a chunk of candidates and does its work on all of them at once: one or two
statements, or none. Recipients are found and given an address and a sender id first (sources.py,
reach.py). `BEFORE` need no transaction, and may wait for others' services; `WITHIN` are part of the
transaction that stores the messages, and run again when it collides with another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from clarion.engine.messages.steps.charges import charge_messages, set_prices
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.messages.steps.consent import check_consent
from clarion.engine.messages.steps.media import check_media
from clarion.engine.messages.steps.segments import measure_texts
from clarion.engine.messages.steps.texts import (
    make_texts,
    translate_bodies,
    translate_made,
    validate_texts,
)
from clarion.engine.messages.steps.times import set_times
from clarion.engine.messages.steps.tracking import shorten_links

Step = Callable[[Chunk], Awaitable[None]]

BEFORE: tuple[Step, ...] = (
    check_media,
    translate_bodies,
    make_texts,
    translate_made,
    validate_texts,
)
WITHIN: tuple[Step, ...] = (
    shorten_links,
    check_consent,
    measure_texts,
    set_times,
    set_prices,
    charge_messages,
)
