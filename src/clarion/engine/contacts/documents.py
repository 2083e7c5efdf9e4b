"""The parts of a contact that are JSON: lists of objects, social handles, extended attributes.

Clients send them as JSON or as texts that hold JSON. What is stored is bounded in size, depth and
count, and is something that the database can hold.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from clarion.errors import ValueTooLong

MAX_ENTRIES = 1000  # of a list
MAX_LIST = 64 * 1024  # bytes of a list's JSON
MAX_EXTENDED = 64 * 1024  # bytes
MAX_DEPTH = 20
MAX_HANDLES = 100
MAX_HANDLE = 255
MAX_WORD = 255  # characters

_OBJECTS = frozenset({dict})
_WORDS = ("code", "name", "source")
_ZERO = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Extended(Struct, frozen=True):
    """Extended attributes as the client wrote them, and what they hold."""

    text: str
    parsed: dict[str, Any]


def read_objects(value: Any) -> list[dict[str, Any]]:
    """A list of objects. ValueError, ValueTooLong: it is none."""
    parsed = _parsed(value, MAX_LIST, "it must be an array of objects")
    if isinstance(parsed, dict):
        parsed = [parsed]
    if not isinstance(parsed, list) or not _OBJECTS.issuperset(map(type, parsed)):
        raise ValueError("it must be an array of objects")
    if len(parsed) > MAX_ENTRIES:
        raise ValueError(f"at most {MAX_ENTRIES} entries")
    return parsed


def read_findings(value: Any) -> list[dict[str, Any]]:
    """What is thought of somebody: objects with a code, a name, a source and a score, or some of
    these; other members are the client's own. ValueError, ValueTooLong: it is none of that."""
    found = read_objects(value)
    for place, each in enumerate(found, 1):
        for name in _WORDS:
            word = each.get(name)
            if word is not None and (not isinstance(word, str) or len(word) > MAX_WORD):
                words = f"must be a text of at most {MAX_WORD} characters"
                raise ValueError(f"entry {place}: {name} {words}")
        score = each.get("score")
        if score is not None and (
            isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1
        ):
            raise ValueError(f"entry {place}: score must be a number from 0 to 1")
    return found


def read_handles(value: Any) -> list[str]:
    """Social handles: an array of texts, as it is or in a text, or texts with commas between."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        value = [part.strip() for part in value.split(",") if part.strip()]
    parsed = _parsed(value, MAX_LIST, "it must be an array of texts")
    if not isinstance(parsed, list) or not all(isinstance(each, str) for each in parsed):
        raise ValueError("it must be an array of texts")
    if len(parsed) > MAX_HANDLES or any(len(each) > MAX_HANDLE for each in parsed):
        raise ValueError(f"at most {MAX_HANDLES} texts of at most {MAX_HANDLE} characters")
    return parsed


def read_extended(value: Any) -> Extended:
    """Extended attributes: a text that holds a JSON object, or the object itself."""
    parsed = _parsed(value, MAX_EXTENDED, "it must be a text that holds a JSON object")
    if not isinstance(parsed, dict):
        raise ValueError("it must be a text that holds a JSON object")
    return Extended(value if isinstance(value, str) else _encode(value).decode(), parsed)


def read_object(value: Any) -> dict[str, Any]:
    """A JSON object, as it is or in a text."""
    parsed = _parsed(value, MAX_LIST, "it must be an object")
    if not isinstance(parsed, dict):
        raise ValueError("it must be an object")
    return parsed


def _parsed(value: Any, limit: int, words: str) -> Any:
    raw = value if isinstance(value, str) else _encode(value).decode()
    if len(raw) * 4 > limit and len(raw.encode("utf-8", "surrogatepass")) > limit:
        raise ValueTooLong(f"at most {limit} bytes.")
    if "\\u0000" in raw and _ZERO.search(raw):
        raise ValueError("no text may hold the character U+0000")
    try:
        parsed = _decode(raw) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"{words}: {error}") from error
    if raw.count("{") + raw.count("[") > MAX_DEPTH:
        _check_depth(parsed)
    return parsed


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise ValueError(f"at most {MAX_DEPTH} levels of objects and arrays")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
