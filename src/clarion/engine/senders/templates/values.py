"""Values in templates: texts, numbers, true and false, lists and maps, and what is done to them.

Nothing here reaches an attribute of a Python object: a name is looked up in maps, and a method is
one of METHODS. Every result is bounded before it is made.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from types import MappingProxyType

from clarion.engine.senders.templates.model import Limits, TemplateError

MAX_NUMBER = 2**63
_MAX_NESTING = 5
_LONGEST_NUMBER = 40  # digits
_TEXT_OF: Mapping[object, str] = MappingProxyType({True: "true", False: "false"})

Scalar = str | int | float | bool | None


def shown(value: object, limits: Limits) -> str | None:
    """A value as text; None: there is nothing to show."""
    kind = type(value)
    if kind is str:
        return bounded(value, limits)  # type: ignore[arg-type]
    if value is None or kind is bool:
        return None if value is None else _TEXT_OF[value]
    if isinstance(value, str | int | float):
        return bounded(str.__str__(value) if isinstance(value, str) else repr(value), limits)
    pieces: list[str] = []
    _show(value, pieces, limits.output, _MAX_NESTING)
    return "".join(pieces) or None


def bounded(text: str, limits: Limits) -> str:
    """The text, if it is not too long."""
    if len(text) > limits.output:
        raise TemplateError(f"The text becomes longer than {limits.output} characters.")
    return text


def attribute(value: object, name: object) -> object:
    """What a map or a list has under a name or a number; None: nothing."""
    if isinstance(value, Mapping):
        return value.get(name) if isinstance(name, str | int) else None
    if isinstance(value, list | tuple | range) and type(name) is int:
        return value[name] if -len(value) <= name < len(value) else None
    return None


def is_true(value: object) -> bool:
    """Nothing, false, zero and what is empty are not true."""
    if isinstance(value, str | int | float | list | tuple | range | Mapping):
        return bool(value)
    return False


def scalar(value: object) -> Scalar:
    """A value that can be compared: no list and no map, whose comparison could go on and on."""
    if value is None or isinstance(value, str | int | float):
        return value
    raise TemplateError("Lists and maps cannot be compared or calculated with.")


def number(value: object) -> int | float:
    """A number, or a text that is one."""
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateError("Only numbers can be calculated with.")
    return _checked(value)


def calculate(sign: str, left: object, right: object, limits: Limits) -> object:
    """`left sign right` of the signs that are no question."""
    if sign == "+" and (isinstance(left, str) or isinstance(right, str)):
        return bounded((shown(left, limits) or "") + (shown(right, limits) or ""), limits)
    a, b = number(left), number(right)
    if sign in "/%":
        return _checked(_divided(sign, a, b))
    return _checked(_ARITHMETIC[sign](a, b))


def compare(sign: str, left: object, right: object) -> bool:
    """`left sign right` of the signs that are one."""
    a, b = scalar(left), scalar(right)
    if sign in ("==", "!="):
        return _equal(a, b) is (sign == "==")
    if a is None or b is None:
        return False
    if isinstance(a, str) and isinstance(b, str):
        return bool(_ORDER[sign](a, b))
    return bool(_ORDER[sign](number(a), number(b)))


def whole(value: object) -> int:
    """A whole number."""
    found = number(value)
    if found != int(found):
        raise TemplateError(f"{found} is not a whole number.")
    return int(found)


def call(name: str, value: object, arguments: Sequence[object], limits: Limits) -> object:
    """A method of METHODS; None: the value has none of this name."""
    if value is None:
        return None
    kind = "text" if isinstance(value, str) else "list" if _is_list(value) else "map"
    if kind == "map" and not isinstance(value, Mapping):
        kind, value = "text", shown(value, limits) or ""
    known = METHODS[name].get(kind)
    if known is None:
        return None
    fewest, most, method = known
    if not fewest <= len(arguments) <= most:
        raise TemplateError(f"{name}() has {fewest} to {most} arguments, not {len(arguments)}.")
    return method(value, list(arguments), limits)


# ---------------------------------------------------------------- steps


def _show(value: object, pieces: list[str], room: int, nesting: int) -> int:
    """Appends a list as [a, b] and a map as {a=b}; answers the room that is left."""
    if room <= 0 or nesting == 0:
        raise TemplateError("A list is too long to be shown.")
    if isinstance(value, Mapping):
        return _show_all(_pairs(value), "{}", pieces, room, nesting)
    if isinstance(value, list | tuple | range):
        return _show_all([[each] for each in value], "[]", pieces, room, nesting)
    text = "null" if value is None else _TEXT_OF[value] if isinstance(value, bool) else None
    if text is None:
        text = str(value) if isinstance(value, str | int | float) else ""
    pieces.append(text)
    return room - len(text)


def _show_all(
    groups: Sequence[Sequence[object]], marks: str, pieces: list[str], room: int, nesting: int
) -> int:
    pieces.append(marks[0])
    for number_, group in enumerate(groups):
        if number_:
            pieces.append(", ")
        for place, each in enumerate(group):
            if place:
                pieces.append("=")
            room = _show(each, pieces, room - 2, nesting - 1)
    pieces.append(marks[1])
    return room - 2


def _pairs(value: Mapping[object, object]) -> list[list[object]]:
    return [[key, each] for key, each in value.items()]


def _equal(a: Scalar, b: Scalar) -> bool:
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, str) is isinstance(b, str):
        return a == b
    return str(a) == str(b)  # a text that came in holds what the template writes as a number


def _read(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return None


def _checked(value: int | float) -> int | float:
    if not -MAX_NUMBER < value < MAX_NUMBER:
        raise TemplateError("A number is too large.")
    return value


def _divided(sign: str, a: int | float, b: int | float) -> int | float:
    """Of whole numbers a whole one, cut towards zero."""
    if b == 0:
        raise TemplateError("Nothing can be divided by zero.")
    if isinstance(a, float) or isinstance(b, float):
        result = a / b if sign == "/" else a - b * int(a / b) if isfinite(a / b) else 0.0
        return float(result)
    quotient = abs(a) // abs(b) * (1 if (a < 0) is (b < 0) else -1)
    return quotient if sign == "/" else a - b * quotient


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | range)


_ARITHMETIC: Mapping[str, Callable[..., int | float]] = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "*": operator.mul}
)
_ORDER: Mapping[str, Callable[..., bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)

_Method = Callable[..., object]
_Known = tuple[int, int, _Method]


def _text(value: object, limits: Limits) -> str:
    return shown(value, limits) or ""


def _substring(text: str, given: list[object], _: Limits) -> str:
    start = whole(given[0])
    end = whole(given[1]) if len(given) > 1 else len(text)
    return text[max(start, 0) : max(end, 0)]


def _replace(text: str, given: list[object], limits: Limits) -> str:
    old, new = _text(given[0], limits), _text(given[1], limits)
    if not old:
        return text
    if len(text) + text.count(old) * len(new) > limits.output:
        raise TemplateError(f"The text becomes longer than {limits.output} characters.")
    return text.replace(old, new)


def _has(values: Sequence[object], given: list[object], _: Limits) -> bool:
    wanted = scalar(given[0])
    return any(_equal(scalar(each), wanted) for each in values)


def _of_any(method: _Method, *, fewest: int = 0, most: int = 0) -> Mapping[str, _Known]:
    return dict.fromkeys(("text", "list", "map"), (fewest, most, method))


def _of_text(method: _Method, *, fewest: int = 0, most: int = 0) -> Mapping[str, _Known]:
    return {"text": (fewest, most, method)}


_LENGTH = _of_any(lambda value, _, __: len(value))
_GET: _Known = (1, 1, lambda value, given, _: attribute(value, given[0]))
METHODS: Mapping[str, Mapping[str, _Known]] = MappingProxyType(
    {
        "length": _LENGTH,
        "size": _LENGTH,
        "isEmpty": _of_any(lambda value, _, __: not value),
        "toUpperCase": _of_text(lambda text, _, limits: bounded(text.upper(), limits)),
        "toLowerCase": _of_text(lambda text, _, limits: bounded(text.lower(), limits)),
        "trim": _of_text(lambda text, _, __: text.strip()),
        "substring": _of_text(_substring, fewest=1, most=2),
        "replace": _of_text(_replace, fewest=2, most=2),
        "startsWith": _of_text(
            lambda text, given, limits: text.startswith(_text(given[0], limits)), fewest=1, most=1
        ),
        "endsWith": _of_text(
            lambda text, given, limits: text.endswith(_text(given[0], limits)), fewest=1, most=1
        ),
        "contains": {
            "text": (1, 1, lambda text, given, limits: _text(given[0], limits) in text),
            "list": (1, 1, _has),
        },
        "get": {"list": _GET, "map": _GET},
        "containsKey": {"map": (1, 1, lambda value, given, _: _key(given[0]) in value)},
        "keySet": {"map": (0, 0, lambda value, _, limits: bounded_list(list(value), limits))},
    }
)
"""What can be called, by name and kind of value: fewest and most arguments, and what it does."""


def _key(value: object) -> Scalar:
    return scalar(value)


def bounded_list(values: list[object], limits: Limits) -> list[object]:
    """The list, if it is not too long."""
    if len(values) > limits.items:
        raise TemplateError(f"A list has more than {limits.items} items.")
    return values
