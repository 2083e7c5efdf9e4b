"""`clarion events`: what happens, as subscribers would see it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from clarion.cli.following import CountOption, Followed, MatchOption, TypeOption, following
from clarion.cli.gateway import EVENTS, Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.output import console, errors, print_line, printable
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place

app = typer.Typer(no_args_is_help=True, help="What happens in the gateway.")


@app.command()
def tail(
    *,
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", "-t", help="A topic's name; repeatable. Default: every topic."),
    ] = None,
    event_type: TypeOption = None,
    match: MatchOption = "",
    count: CountOption = 0,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print events as they happen, until Ctrl-C."""
    find = partial(find_gateway, find_place(data, config), url, token)
    gateway = find()
    topics = topic or _topics(gateway)
    with (
        suppress(KeyboardInterrupt),
        following(find, topics, type=event_type, criteria=match) as followed,
    ):
        if not as_json:
            errors.print(f"[dim]Events at {escape(gateway.base_url)}; Ctrl-C ends.[/dim]")
        for seen, event in enumerate(followed.events(), 1):
            _show(event, as_json=as_json)
            if seen == count:
                return


def _topics(gateway: Gateway) -> list[str]:
    return [str(each["topic-nm"]) for each in gateway.get(f"{EVENTS}/topics")["topics"]]


def _show(event: Followed, *, as_json: bool) -> None:
    if as_json:
        print_line(event.document)
        return
    fields = " ".join(f"{name}={_value(value)}" for name, value in sorted(event.fields.items()))
    console.print(
        f"[dim]{event.timestamp[11:19]}[/dim] {escape(event.type)} "
        f"[bold]{escape(printable(event.key))}[/bold]  {escape(fields)}"
    )


def _value(value: object) -> str:
    """Of a text that has no blanks the text, else JSON."""
    if isinstance(value, str) and value and value.isprintable() and not set(value) & set(' "\\'):
        return value
    return printable(msgspec.json.encode(value).decode())
