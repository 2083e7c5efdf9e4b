"""`clarion replay`: events once more to those who subscribed, through the API of a gateway."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from clarion.cli.gateway import EVENTS, Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.output import console, print_facts
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.errors import InvalidInput
from clarion.kit.dates import parse_date, to_iso

PATH = f"{EVENTS}/event-deliveries/replay"
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_WHEN = "a date as 2026-11-22T10:00:00Z, or how long ago: 90s, 15m, 2h, 1d"


def replay(  # noqa: PLR0913 - the options of a command
    *,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=f"From: {_WHEN}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Up to; likewise.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only deliveries that FAILED and nobody handled.")
    ] = False,
    configuration: Annotated[
        str | None,
        typer.Option("--to", metavar="ID", help="Only to this delivery configuration."),
    ] = None,
    topic: Annotated[str | None, typer.Option("--topic", "-t", help="Only of this topic.")] = None,
    event_type: Annotated[
        str | None, typer.Option("--event-type", "-e", metavar="TYPE", help="Only of this type.")
    ] = None,
    event: Annotated[
        str | None, typer.Option("--event", metavar="ID", help="Only the event with this id.")
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver events once more. Receivers know what they had by its event-id."""
    now = datetime.now(UTC)
    wanted: dict[str, object] = {
        "only-failed": failed or None,
        "timestamp": _range(since, until, now),
        "del-cfg-id": configuration,
        "topic": topic,
        "event-type": event_type,
        "event-id": event,
    }
    body = {name: value for name, value in wanted.items() if value is not None}
    if not body:
        raise InvalidInput("Say what to replay: --since, --failed, --event or another option.")
    gateway = find_gateway(find_place(data, config), url, token)
    with console.status("Replaying ..."):
        count = _replayed(gateway, body)
    print_facts({"replayed": count}, as_json=as_json)


def _replayed(gateway: Gateway, body: dict[str, object]) -> int:
    """How many deliveries are on their way again; the gateway does some at a time."""
    total, after = 0, None
    while True:
        answer = gateway.post(PATH, body if after is None else {**body, "after": after})
        total += int(answer["number-of-replayed-event-deliveries"])
        after = answer.get("more-after")
        if after is None:
            return total


def _range(since: str | None, until: str | None, now: datetime) -> str | None:
    if since is None and until is None:
        return None
    ends = (_instant("--since", since, now), _instant("--until", until, now))
    return f"[{','.join(to_iso(end) if end else '' for end in ends)}]"


def _instant(option: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return parse_date(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}; expected is {_WHEN}.") from error
