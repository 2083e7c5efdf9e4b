"""`clarion listen`: events to a program on this machine, which needs no public address."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import typer
from rich.markup import escape

from clarion import __version__
from clarion.cli.following import CountOption, Followed, MatchOption, TypeOption, following
from clarion.cli.gateway import TokenOption, UrlOption, find_gateway, reason
from clarion.cli.output import console, errors, print_line, printable
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.connectors.webhook.request import plain
from clarion.connectors.webhook.signing import keys_of, signature_lines
from clarion.errors import InvalidInput

PATIENCE = 15.0  # seconds for one answer, as the gateway has them by default
MAX_ANSWER = 4096
GOOD = frozenset(range(200, 205))


def listen(  # noqa: PLR0913 - the options of a command
    *,
    topic: Annotated[list[str], typer.Option("--topic", "-t", help="A topic's name; repeatable.")],
    forward: Annotated[
        str, typer.Option("--forward", "-f", metavar="URL", help="Where to post them.")
    ],
    event_type: TypeOption = None,
    match: MatchOption = "",
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret",
            metavar="WHSEC",
            envvar="CLARION_SECRET",
            show_envvar=True,
            help="Sign them with this secret (Standard Webhooks).",
        ),
    ] = None,
    count: CountOption = 0,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Post events to a URL on this machine as they happen, until Ctrl-C.

    Bodies and headers are those of a webhook. Each event is posted once, in order.
    """
    target = _target(forward)
    find = partial(find_gateway, find_place(data, config), url, token)
    keys = keys_of((secret or "").split())
    with (
        suppress(KeyboardInterrupt),
        following(find, topic, type=event_type, criteria=match) as followed,
    ):
        if not as_json:
            words = f"Events of {', '.join(topic)} go to {forward}; Ctrl-C ends."
            errors.print(f"[dim]{escape(words)}[/dim]")
        for seen, event in enumerate(followed.events(), 1):
            _show(event, *_posted(target, event, keys), as_json=as_json)
            if seen == count:
                return


def _target(forward: str) -> SplitResult:
    target = urlsplit(forward if "//" in forward else f"http://{forward}")
    if target.scheme not in ("http", "https") or not target.hostname:
        raise InvalidInput(f"--forward: {forward!r} is not a URL like http://localhost:3000/hook.")
    return target


def _posted(
    target: SplitResult, event: Followed, keys: Sequence[bytes]
) -> tuple[int | None, str, float]:
    """The answer's status and words, and how many seconds it took."""
    kind = HTTPSConnection if target.scheme == "https" else HTTPConnection
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    begun = time.monotonic()
    try:
        connection = kind(target.hostname or "", target.port, timeout=PATIENCE)
        try:
            connection.request("POST", path, body=event.body, headers=_headers(event, keys))
            response = connection.getresponse()
            words = response.read(MAX_ANSWER).decode("utf-8", "replace")
            return response.status, words, time.monotonic() - begun
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return None, reason(error), time.monotonic() - begun


def _headers(event: Followed, keys: Sequence[bytes]) -> dict[str, str]:
    headers = {
        "User-Agent": f"Clarion/{__version__}",
        "Content-Type": "application/json; charset=UTF-8",
        "X-ESS-EVENT-KEY": plain(event.key),
        "X-ESS-EVENT-TIMESTAMP": event.timestamp,
    }
    if keys:
        id = plain(str(event.document["event-id"]))
        lines = signature_lines(keys, id, int(time.time()), event.body)
        headers |= dict(line.split(": ", 1) for line in lines.splitlines())
    return headers


def _show(
    event: Followed, status: int | None, words: str, seconds: float, *, as_json: bool
) -> None:
    if as_json:
        print_line({"event": event.document, "status": status, "answer": words, "seconds": seconds})
        return
    mark = "green" if status in GOOD else "red"
    reason = "" if status in GOOD else f"  [dim]{escape(_short(words))}[/dim]"
    console.print(
        f"[dim]{event.timestamp[11:19]}[/dim] [{mark}]{status or 'none'}[/{mark}] "
        f"{1000 * seconds:.0f} ms  {escape(event.type)} [bold]{escape(event.key)}[/bold]{reason}"
    )


def _short(words: str) -> str:
    return printable(" ".join(words.split()))[:200]
