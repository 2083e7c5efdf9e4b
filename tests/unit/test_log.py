"""What is logged can be found again; what must not be seen is not there."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from clarion import log, settings

EVENT = "test.happened"
NUMBER = "+4915112345678"
MASKED = "+4915***78"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    with log.capture():
        yield
    root.handlers, root.level = before[0], before[1]


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def shown(**facts: object) -> dict[str, object]:
    with log.capture() as lines:
        log.get_logger("clarion.test").info(EVENT, **facts)
    return lines[0]


def test_json_lines_carry_event_level_logger_time_and_facts() -> None:
    stream = io.StringIO()
    log.configure(settings.Log(format="json"), stream=stream)
    log.get_logger("clarion.engine.messages").warning(EVENT, count=3)
    (line,) = lines_of(stream)
    assert line.pop("timestamp")
    assert line == {"event": EVENT, "level": "warning", "logger": "engine.messages", "count": 3}


def test_console_lines_are_readable() -> None:
    stream = io.StringIO()
    log.configure(settings.Log(format="console"), stream=stream)
    log.get_logger("clarion.x").info(EVENT, connector="north")
    assert EVENT in stream.getvalue()
    assert "connector=north" in stream.getvalue()


def test_a_level_that_is_off_writes_nothing() -> None:
    stream = io.StringIO()
    log.configure(settings.Log(level="warning"), stream=stream)
    log.get_logger("clarion.x").info(EVENT)
    assert stream.getvalue() == ""


def test_ids_from_context_are_on_every_line_inside_it() -> None:
    with log.capture() as lines:
        logger = log.get_logger("clarion.x")
        with log.context(request_id="r1"):
            log.add_context(company_id=7)
            logger.info(EVENT)
        logger.info(EVENT)
    assert (lines[0]["request_id"], lines[0]["company_id"]) == ("r1", 7)
    assert "request_id" not in lines[1]


async def test_tasks_take_the_context_they_were_started_in() -> None:
    async def work() -> None:
        log.get_logger("clarion.x").info(EVENT)

    with log.capture() as lines:
        with log.context(connector="north"):
            task = asyncio.create_task(work())
        await task
    assert lines[0]["connector"] == "north"


@pytest.mark.parametrize(
    "key",
    [
        "password", "db_password", "consumer_secret", "secret", "token", "access_token",
        "Authorization", "api_key", "credentials", "cookie", "passphrase",
    ],
)  # fmt: skip
def test_values_under_secret_names_are_hidden(key: str) -> None:
    assert shown(**{key: "x1"})[key] == log.HIDDEN
    assert shown(nested={key: "x1"})["nested"] == {key: log.HIDDEN}
    assert shown(**{key: 1234})[key] == log.HIDDEN


def test_registered_secrets_are_hidden_wherever_they_turn_up() -> None:
    log.register_secret("hunter22!")
    assert shown(words="refused hunter22! here")["words"] == f"refused {log.HIDDEN} here"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "cannot reach postgresql://clarion:pa55@db/x",
            "cannot reach postgresql://clarion:***@db/x",
        ),
        ("sent Authorization: Bearer abc.def-1", "sent Authorization: Bearer ***"),
        ("GET /x?consumersecret=abc&a=1", "GET /x?consumersecret=***&a=1"),
        (f"no route to {NUMBER} today", f"no route to {MASKED} today"),
    ],
)
def test_free_words_lose_credentials_and_numbers(words: str, expected: str) -> None:
    assert shown(words=words)["words"] == expected


@pytest.mark.parametrize("key", ["to", "from", "source", "recipients", "peer_address", "msisdn"])
def test_phone_numbers_lose_their_middle(key: str) -> None:
    assert shown(**{key: NUMBER})[key] == MASKED
    assert shown(**{key: [NUMBER]})[key] == [MASKED]
    assert shown(**{key: 4915112345678})[key] == "49151***78"


def test_short_codes_and_names_stay() -> None:
    assert [log.mask_msisdn(n) for n in ("12345", "ACME", "mdn:" + NUMBER[1:])] == [
        "12345",
        "ACME",
        "mdn:4***78",
    ]


@pytest.mark.parametrize("key", ["body", "text", "short_message", "message_text", "subject"])
def test_message_text_only_leaves_its_length(key: str) -> None:
    assert shown(**{key: "meet me"})[key] == "<7 characters>"


def test_control_characters_cannot_fake_lines_or_reach_the_terminal() -> None:
    assert shown(words="a\nb\x1b[2J")["words"] == "a\\nb\\x1b[2J"


def test_huge_and_deep_values_are_cut() -> None:
    assert len(str(shown(words="x" * 100_000)["words"])) == 1000
    deep: dict[str, object] = {}
    deep["again"] = deep
    assert "..." in str(shown(deep=deep)["deep"])


def test_tracebacks_are_logged_and_cleaned() -> None:
    log.register_secret("tr1cky-secret")
    with log.capture() as lines:
        try:
            raise ValueError(f"tr1cky-secret for {NUMBER}")
        except ValueError:
            log.get_logger("clarion.x").exception(EVENT)
    trace = str(lines[0]["exception"])
    assert "ValueError: *** for +4915***78" in trace


def test_the_standard_librarys_loggers_come_out_the_same_way() -> None:
    stream = io.StringIO()
    log.configure(settings.Log(format="json"), stream=stream)
    logging.getLogger("asyncpg.pool").warning("lost %s", NUMBER)
    logging.getLogger("uvicorn.error").warning("odd")
    logging.getLogger("uvicorn.access").warning("GET /")
    logging.getLogger("other").warning("three %s")
    lines = lines_of(stream)
    assert [(x["logger"], x["words"]) for x in lines] == [
        ("asyncpg.pool", f"lost {MASKED}"),
        ("uvicorn.error", "odd"),
        ("other", "three %s"),
    ]


def test_wrong_arguments_of_a_foreign_line_do_not_stop_anything() -> None:
    stream = io.StringIO()
    log.configure(settings.Log(format="json"), stream=stream)
    record = logging.LogRecord("other", logging.WARNING, "x.py", 1, "two %s %s", (1,), None)
    for handler in logging.getLogger().handlers:
        if type(handler).__module__ == "clarion.log":  # pytest's own would raise
            handler.handle(record)
    assert lines_of(stream)[0]["words"] == "two %s %s"


def test_a_closed_stream_does_not_stop_the_gateway() -> None:
    stream = io.StringIO()
    log.configure(settings.Log(), stream=stream)
    stream.close()
    log.get_logger("clarion.x").info(EVENT)
