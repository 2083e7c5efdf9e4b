"""The options of a push: what a client may say about it beside its text.

A map of names to single values. The names are those of the live service, which follow the keys of
Apple's notifications: `push:alert:title` is `alert.title` there. Where Apple has a list, its
members have numbers behind the name, that give their order and need not be without gaps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from clarion.errors import InvalidInput

_ALERT = ("title", "subtitle", "launch-image", "title-loc-key", "subtitle-loc-key", "loc-key")
_LISTS = ("title-loc-arg", "subtitle-loc-arg", "loc-arg")
_REST = (
    "type", "badge", "sound", "sound:name", "sound:critical", "sound:volume", "category",
    "thread-id", "content-available", "mutable-content", "target-content-id",
    "interruption-level", "relevance-score",
)  # fmt: skip
PUSH_OPTIONS = (*(f"push:alert:{name}" for name in _ALERT), *(f"push:{name}" for name in _REST))
NUMBERED = tuple(f"push:alert:{name}:<n>" for name in _LISTS)
_NUMBERED = re.compile(rf"push:alert:(?:{'|'.join(_LISTS)}):[0-9]{{1,3}}")
_KNOWN = frozenset(PUSH_OPTIONS)


def check_push_options(options: Mapping[str, object]) -> None:
    """All of them are known, and have one value each. Raises InvalidInput."""
    for name, value in options.items():
        if name not in _KNOWN and not _NUMBERED.fullmatch(name):
            raise _wrong(f"{name[:100]!r} is unknown{_meant(name)}")
        if not isinstance(value, str | int | float):
            raise _wrong(f"{name} is a text, a number, true or false")


def _meant(name: str) -> str:
    close = get_close_matches(name[:100], (*PUSH_OPTIONS, *NUMBERED), 1)
    return f"; {close[0]} is an option" if close else f"; options are {', '.join(PUSH_OPTIONS)}"


def _wrong(words: str) -> InvalidInput:
    return InvalidInput(f"options: {words}.", field="options")
