"""Regular expressions that users write: POSIX extended syntax, on RE2.

RE2 takes time that grows with the text alone, whatever the expression. What it may compile is
bounded here too, and so should be the text that it is given: see MAX_TEXT.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import re2

MAX_PATTERN = 255
MAX_TEXT = 160
"""Characters of a text that is worth matching: no expression of users takes 2 ms for as many."""

_MAX_MEMORY = 32 << 10  # bytes for one compiled expression; RE2 refuses what needs more
_KEPT = 4096
_SPECIAL = re.compile(r"[\\^$.\[\]|()*+?{}]")

Matcher = Callable[[str], bool]


@lru_cache(_KEPT)
def compile_ere(pattern: str, *, ignore_case: bool) -> Matcher:
    """Whether a whole text of up to MAX_TEXT characters is what `pattern` describes. ValueError
    says what is wrong with the pattern."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"an expression has at most {MAX_PATTERN} characters")
    try:
        compiled = re2.compile(pattern, _options(ignore_case=ignore_case))
    except re2.error as error:
        raise ValueError(_words(error)) from error

    def matches(text: str) -> bool:
        return len(text) <= MAX_TEXT and compiled.fullmatch(text) is not None

    return matches


def is_literal(pattern: str) -> bool:
    """Whether a pattern describes only itself."""
    return _SPECIAL.search(pattern) is None


def _options(*, ignore_case: bool) -> re2.Options:
    options = re2.Options()
    options.posix_syntax = True
    options.case_sensitive = not ignore_case
    options.one_line = True  # as in POSIX: ^ and $ are the ends of the text
    options.dot_nl = True  # as in POSIX: a dot is any character
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    return options


def _words(error: re2.error) -> str:
    told = error.args[0] if error.args else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    return f"it is not a POSIX extended regular expression: {text}"
