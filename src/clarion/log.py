"""Structured logging: an event name, facts as fields, ids from context; no secret, no person.

`log = get_logger(__name__)`, then `log.info(BOUND, connector=name)`, where the event name is a
constant. Values are cleaned on the way out: secrets become `***`, phone numbers lose their middle,
message text only leaves its length. The standard library's loggers (uvicorn, asyncpg, asyncio)
come out through the same cleaning.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO

import msgspec
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import TimeStamper, format_exc_info

from clarion import settings
from clarion.errors import Unavailable

HIDDEN = "***"
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_NAMES = {number: name for name, number in _LEVELS.items()}
_MAX_TEXT = 1000
_MAX_TRACEBACK = 16_000
_MAX_DEPTH = 4
_LONGEST_SHORT_CODE = 999_999

STDLIB_MESSAGE = "stdlib.message"
"""Event name of a line that came through the standard library; its words are in `words`."""

Facts = MutableMapping[str, Any]

# ---------------------------------------------------------------- what may not be shown

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|credential|cookie|api_?key|consumer_?key"
    r"|private_?key|signature",
    re.IGNORECASE,
)
_NUMBER_KEYS = re.compile(
    r"(from|to|sender|source|destination|peer|recipient|address|number|msisdn|mdn|phone)s?"
    r"(_address(es)?)?"
)
_TEXT_KEYS = re.compile(r"body|content|message_(body|text)|short_message|subject|text")
_IN_URL = re.compile(r"(://[^\s:/@]*):[^\s@]+@")
_IN_WORDS = re.compile(
    r"(?i)\b(bearer\s+|basic\s+|(?:password|consumersecret|consumerkey|oldtoken|token|secret)=)"
    r"[^\s&,;'\"]+"
)
_E164 = re.compile(r"\+\d{7,15}\b")
_NUMBER = re.compile(r"(?:mdn:)?\+?\d{7,15}")

_secrets: set[str] = set()


def register_secret(value: str) -> None:
    """From now on this value is hidden wherever it turns up. Very short ones would hide words."""
    if len(value) >= 6:
        _secrets.add(value)


def mask_msisdn(number: str) -> str:
    """`+4915112345678` as `+4915***78`; short codes and names stay whole: they are no person's."""
    if not _NUMBER.fullmatch(number):
        return number
    return f"{number[:5]}{HIDDEN}{number[-2:]}"


def clean_words(words: str) -> str:
    """Free text without registered secrets, credentials in URLs and headers, phone numbers."""
    for secret in _secrets:
        if secret in words:
            words = words.replace(secret, HIDDEN)
    if "://" in words:
        words = _IN_URL.sub(rf"\1:{HIDDEN}@", words)
    words = _IN_WORDS.sub(rf"\1{HIDDEN}", words)
    return _E164.sub(lambda found: mask_msisdn(found[0]), words)


def clean(key: str, value: object, depth: int = 0) -> object:
    """The value as it may be shown under this key."""
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, int):
        return _clean_int(key, value)
    if isinstance(value, float):
        return value
    if _TEXT_KEYS.fullmatch(key):
        return f"<{len(value)} characters>" if isinstance(value, str) else HIDDEN
    if isinstance(value, str):
        return _clean_text(key, value)
    return _clean_container(key, value, depth)


def _clean_int(key: str, value: int) -> int | str:
    if value <= _LONGEST_SHORT_CODE or not _NUMBER_KEYS.fullmatch(key):
        return value
    return mask_msisdn(str(value))


def _clean_text(key: str, value: str) -> str:
    if _NUMBER_KEYS.fullmatch(key):
        value = mask_msisdn(value)
    value = clean_words(value)
    if key == "exception":
        return value[-_MAX_TRACEBACK:].encode("utf-8", "backslashreplace").decode("utf-8")
    # Control characters could rewrite an operator's terminal or fake a second line.
    shown = value[:_MAX_TEXT]
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")


def _clean_container(key: str, value: object, depth: int) -> object:
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {str(k): clean(str(k), v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(key, item, depth + 1) for item in value]
    return _clean_text(key, str(value))


# ---------------------------------------------------------------- ids from context

_NOTHING: Mapping[str, object] = MappingProxyType({})
_context: ContextVar[Mapping[str, object]] = ContextVar("clarion_log_context", default=_NOTHING)


@contextmanager
def context(**ids: object) -> Iterator[None]:
    """Every line logged inside, in this task and those it starts, carries these ids."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


def add_context(**ids: object) -> None:
    """Ids learned on the way (the company, once the token is known), until the task ends."""
    _context.set({**_context.get(), **ids})


# ---------------------------------------------------------------- the way out

Renderer = Callable[[Facts], None]


class _Output:
    """Where lines go and from which level on. One a process, changed by `configure`."""

    level: int = _LEVELS["info"]
    render: Renderer


_output = _Output()


class Logger:
    """Costs one comparison when its level is off. Event names are constants, facts are fields."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, event: str, /, **facts: object) -> None:
        if _output.level <= 10:
            _emit(self.name, "debug", event, facts)

    def info(self, event: str, /, **facts: object) -> None:
        if _output.level <= 20:
            _emit(self.name, "info", event, facts)

    def warning(self, event: str, /, **facts: object) -> None:
        if _output.level <= 30:
            _emit(self.name, "warning", event, facts)

    def waits(self, event: str, error: Unavailable, /, **facts: object) -> None:
        """For work that will be tried again. What the log has told already is only for debugging:
        while the database is away, every task waits for it."""
        level = "debug" if error.told else "warning"
        if _output.level <= _LEVELS[level]:
            _emit(self.name, level, event, facts | {"reason": error.message})

    def error(self, event: str, /, **facts: object) -> None:
        if _output.level <= 40:
            _emit(self.name, "error", event, facts)

    def exception(self, event: str, /, **facts: object) -> None:
        """An error with the traceback of the exception being handled."""
        _emit(self.name, "error", event, {"exc_info": True, **facts})


def get_logger(name: str) -> Logger:
    """The logger of a module: `log = get_logger(__name__)`."""
    return Logger(name.removeprefix("clarion."))


def configure(wanted: settings.Log, *, stream: TextIO | None = None) -> None:
    """Begin to log as the settings say; to standard error unless told otherwise."""
    _output.level = _LEVELS[wanted.level]
    _output.render = _renderer(wanted.format, stream)
    _route_stdlib(_output.level)


@contextmanager
def capture(level: str = "debug") -> Iterator[list[dict[str, Any]]]:
    """Cleaned lines in a list in place of the stream: for tests."""
    lines: list[dict[str, Any]] = []
    before = _output.level, _output.render
    _output.level, _output.render = _LEVELS[level], lambda facts: lines.append(dict(facts))
    try:
        yield lines
    finally:
        _output.level, _output.render = before


def _emit(name: str, level: str, event: str, facts: dict[str, object]) -> None:
    exc_info = facts.pop("exc_info", None)
    line: Facts = {"event": event, "level": level, "logger": name}
    for key, value in {**_context.get(), **facts}.items():
        line[key] = clean(key, value)
    if exc_info:
        line["exc_info"] = exc_info
        format_exc_info(None, level, line)
        line["exception"] = clean("exception", line.get("exception"))
    _output.render(line)


_stamp = TimeStamper(fmt="iso", utc=True)


def _renderer(format: str, stream: TextIO | None) -> Renderer:
    """The stream is looked up for each line: a test or a daemon may have replaced sys.stderr."""
    if format == "json":
        encode = msgspec.json.Encoder(enc_hook=str).encode

        def to_text(facts: Facts) -> str:
            return encode(facts).decode("utf-8")

    else:
        shown = sys.stderr if stream is None else stream
        console = ConsoleRenderer(colors=shown.isatty(), exception_formatter=plain_traceback)

        def to_text(facts: Facts) -> str:
            return str(console(None, str(facts["level"]), facts))

    def render(facts: Facts) -> None:
        stamped = _stamp(None, str(facts["level"]), facts)
        with suppress(OSError, ValueError):  # a closed terminal must not stop the gateway
            print(to_text(stamped), file=sys.stderr if stream is None else stream, flush=True)

    return render


_output.render = _renderer("console", None)


# ---------------------------------------------------------------- the standard library's loggers


class _FromStdlib(logging.Handler):
    """Passes the lines of other people's code through ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            facts: dict[str, object] = {"words": record.getMessage()}
        except Exception:  # their arguments do not fit their format
            facts = {"words": str(record.msg)}
        if record.exc_info:
            facts["exc_info"] = record.exc_info
        level = _NAMES.get(record.levelno, "error" if record.levelno > 40 else "info")
        _emit(record.name, level, STDLIB_MESSAGE, facts)


def _route_stdlib(level: int) -> None:
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _FromStdlib)]
    root.addHandler(_FromStdlib())
    # Below warning, other people's lines are their debugging, not the operator's business.
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("uvicorn").setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # requests are counted, not logged twice
