"""`clarion sandbox`: the virtual handsets and mailboxes from the command line."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from clarion.cli.gateway import Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.output import console, errors, print_json, print_line, printable
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.errors import Unavailable

PLACES = "/sandbox/v1"
ARRIVALS = "/sandbox/v1/messages"
_NUMBER = re.compile(r"[+0-9][0-9\s().-]*")
_PAUSE = 1.0  # seconds between tries while the gateway is away

app = typer.Typer(no_args_is_help=True, help="The phones and mailboxes behind the sandbox carrier.")

Holder = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS", help="A phone as +15557654321, a mailbox, or an application's token."
    ),
]
Answering = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="A phone as +15557654321, or a mailbox.")
]


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
    """Show messages as they arrive at any phone, mailbox or application, until Ctrl-C."""
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
    address: Holder,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    data: DataOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a phone, mailbox or application received and sent, the newest last."""
    gateway = find_gateway(find_place(data, config), url, token)
    answer = gateway.get(_messages_of(address), limit=limit)
    if as_json:
        print_json(answer["list"])
        return
    for message in answer["list"]:
        _show(message, as_json=False)
    if not answer["list"]:
        console.print("[dim]none[/dim]")


@app.command()
def answer(
    address: Answering,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is sent from there.")],
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="Default: who wrote there last."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message from a phone or mailbox to one of your sender addresses."""
    gateway = find_gateway(find_place(data, config), url, token)
    writer = to or _last_writer(gateway, address)
    stored = gateway.post(_messages_of(address), {"to": writer, "text": text})
    if as_json:
        print_json(stored)
        return
    console.print(f"Sent to {escape(writer)} as message {escape(stored.get('id', '-'))}.")


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
                errors.print(
                    f"[yellow]{escape(error.message.rstrip('.'))}. Waiting for it.[/yellow]"
                )
            away = True
            time.sleep(_PAUSE)
            continue
        away = False
        after = page["next"]
        yield from page["list"]


def _messages_of(address: str) -> str:
    number = "handsets" if _NUMBER.fullmatch(address) else "tokens"
    kind = "mailboxes" if "@" in address else number
    return f"{PLACES}/{kind}/{quote(address, safe='')}/messages"


def _last_writer(gateway: Gateway, address: str) -> str:
    found = gateway.get(_messages_of(address), limit=1)["list"]
    if not found:
        raise typer.BadParameter(f"{address} has no message to answer: name an address with --to.")
    return str(found[-1]["sender_address"])


def _show(message: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_line(message)
        return
    clock = message["date"][11:19]
    way = "->" if message["direction"] == "MO" else "<-"
    console.print(
        f"[dim]{clock}[/dim] [bold]{escape(message['handset'])}[/bold] {way} "
        f"{escape(message['sender_address'])}  {_content(message)}"
    )


def _content(message: dict[str, Any]) -> str:
    """The text; of what is no SMS its type, subject and media too."""
    words = []
    if message["type"] != "SMS":
        words.append(f"[cyan]{escape(message['type'])}[/cyan]")
    if subject := message.get("subject"):
        words.append(f"[bold]{escape(printable(subject))}[/bold]")
    words.append(escape(printable(message["text"])))
    words += [
        f"[dim]<{escape(printable(_named(each)))}>[/dim]" for each in message.get("media", ())
    ]
    return "  ".join(words)


def _named(media: dict[str, Any]) -> str:
    facts = [media["name"], media.get("mime_type"), media.get("size"), media.get("url")]
    return " ".join(str(fact) for fact in facts if fact is not None)
