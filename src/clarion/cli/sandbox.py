"""`clarion sandbox`: the virtual handsets from the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.markup import escape

from clarion.cli.gateway import Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.output import console, errors, print_json
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.errors import Unavailable

HANDSETS = "/sandbox/v1/handsets"
ARRIVALS = "/sandbox/v1/messages"
_PAUSE = 1.0  # seconds between tries while the gateway is away

app = typer.Typer(no_args_is_help=True, help="The phones behind the sandbox carrier.")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The phone, as +15557654321.")]


@app.command()
def watch(
    *,
    count: Annotated[
        int, typer.Option("--count", min=0, help="End after so many messages; 0: never.")
    ] = 0,
    recent: Annotated[
        int,
        typer.Option("--recent", min=0, max=3600, help="Show first what came so many seconds ago."),
    ] = 60,
    data: DataOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show messages as they arrive at any phone, until Ctrl-C."""
    gateway = find_gateway(find_place(data, config), url, token)
    if not as_json:
        errors.print(f"[dim]Watching the phones at {escape(gateway.base_url)}; Ctrl-C ends.[/dim]")
    with suppress(KeyboardInterrupt):
        for seen, message in enumerate(_arrivals(gateway, recent), 1):
            _show(message, as_json=as_json)
            if seen == count:
                return


@app.command()
def show(
    number: Number,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    data: DataOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a phone received and sent, the newest last."""
    gateway = find_gateway(find_place(data, config), url, token)
    answer = gateway.get(_handset(number), limit=limit)
    if as_json:
        print_json(answer["list"])
        return
    for message in answer["list"]:
        _show(message, as_json=False)
    if not answer["list"]:
        console.print("[dim]none[/dim]")


@app.command()
def answer(
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the phone sends.")],
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="Default: who wrote to the phone last."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message from a phone to one of your sender addresses."""
    gateway = find_gateway(find_place(data, config), url, token)
    address = to or _last_writer(gateway, number)
    stored = gateway.post(_handset(number), {"to": address, "text": text})
    if as_json:
        print_json(stored)
        return
    console.print(f"Sent to {escape(address)} as message {escape(stored.get('id', '-'))}.")


def _arrivals(gateway: Gateway, recent: int) -> Iterator[dict[str, Any]]:
    """What arrived in the last `recent` seconds and arrives from now on; a restart of the gateway
    is waited out."""
    after: str | None = None
    away = False
    while True:
        try:
            page = gateway.get(ARRIVALS, after=after, recent=recent)
        except Unavailable as error:
            if after is None:
                raise
            if not away:
                errors.print(f"[yellow]{escape(error.message)} Waiting for it.[/yellow]")
            away = True
            time.sleep(_PAUSE)
            continue
        away = False
        after = page["next"]
        yield from page["list"]


def _handset(number: str) -> str:
    return f"{HANDSETS}/{quote(number, safe='')}/messages"


def _last_writer(gateway: Gateway, number: str) -> str:
    found = gateway.get(_handset(number), limit=1)["list"]
    if not found:
        raise typer.BadParameter(f"{number} has no message to answer: name an address with --to.")
    return str(found[-1]["sender_address"])


def _show(message: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
        sys.stdout.flush()
        return
    clock = message["date"][11:19]
    way = "->" if message["direction"] == "MO" else "<-"
    console.print(
        f"[dim]{clock}[/dim] [bold]{escape(message['handset'])}[/bold] {way} "
        f"{escape(message['sender_address'])}  {escape(_printable(message['text']))}"
    )


def _printable(text: str) -> str:
    """Without control characters, which could rewrite the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
