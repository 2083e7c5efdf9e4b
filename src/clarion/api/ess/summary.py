"""/event-deliveries/summary: how much waits, is tried again and has failed, and where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.ess.deliveries import TAG
from clarion.api.ess.wire import asked_range
from clarion.api.operation import Operation, Parameter
from clarion.engine.events.tracking.model import ConfigurationSummary, Counts, TopicSummary
from clarion.engine.events.tracking.service import summary
from clarion.errors import InvalidInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MAX_PERIOD = 10_000 * 86_400

Waiting = Annotated[int, Meta(ge=0, description="Not tried yet.")]
Retried = Annotated[int, Meta(ge=0, description="Failed, and to be tried again.")]
Failed = Annotated[int, Meta(ge=0, description="Failed for good, and not handled.")]


class TypeCounts(Struct, kw_only=True):
    """Of one event type."""

    id: str
    pending: Waiting
    retry: Retried
    failed: Failed


class TopicCounts(Struct, rename="kebab", kw_only=True):
    """Of one topic."""

    topic_nm: str
    event_types: list[TypeCounts]
    pending: Waiting
    retry: Retried
    failed: Failed


class ConfigurationCounts(Struct, rename="kebab", kw_only=True):
    """Of one delivery configuration."""

    id: str
    del_cfg_nm: str
    topics: list[TopicCounts]
    pending: Waiting
    retry: Retried
    failed: Failed


class Summary(Struct, rename="kebab"):
    """Every delivery configuration, with what is subscribed to it."""

    delivery_configurations: list[ConfigurationCounts]


async def summarize(call: Call) -> Answer:
    """What is not done."""
    since, until = _period(call.query)
    found = await summary(call.services.db, call.caller.company_id, since=since, until=until)
    return json_answer(Summary([_of_configuration(each) for each in found]))


def _period(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """A range of dates, or the time from so long ago until now."""
    words = query.get("period", "").strip()
    number, unit = words[:-1], words[-1:].lower()
    if unit not in _UNITS:
        return asked_range(query, "period" if words else "timestamp")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise InvalidInput(
            f"period: such as 24h or 7d, or a range of dates, not {words[:50]!r}.", field="period"
        )
    seconds = min(int(number) * _UNITS[unit], _MAX_PERIOD)
    return datetime.now(UTC) - timedelta(seconds=seconds), None


def _of_configuration(found: ConfigurationSummary) -> ConfigurationCounts:
    return ConfigurationCounts(
        id=str(found.id),
        del_cfg_nm=found.name,
        topics=[_of_topic(each) for each in found.topics.values()],
        **_counted(found.counts),
    )


def _of_topic(found: TopicSummary) -> TopicCounts:
    types = [TypeCounts(id=id, **_counted(counts)) for id, counts in found.types.items()]
    return TopicCounts(topic_nm=found.topic, event_types=types, **_counted(found.counts))


def _counted(counts: Counts) -> dict[str, int]:
    return {"pending": counts.pending, "retry": counts.retry, "failed": counts.failed}


def routes() -> list[Route]:
    about = Operation(
        summary="Count deliveries that are not done",
        tag=TAG,
        about="By delivery configuration, topic and event type.",
        answer=Summary,
        parameters=(
            Parameter(
                "timestamp",
                "Only of events that happened then: a date, or a range [from,to].",
                required=False,
            ),
            Parameter("period", "The same; or how long ago until now: 90m, 24h, 7d.", False),
        ),
    )
    return [Route("GET", "/event-deliveries/summary", summarize, about=about)]
