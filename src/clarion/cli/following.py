"""Events as they happen, through the API of a running gateway: for `listen` and `events tail`.

A delivery configuration with the protocol STREAM and its subscriptions are made for as long as
somebody looks on. Whoever is killed leaves them behind: the gateway deletes such configurations
when nobody has followed them for an hour.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.markup import escape

from clarion.cli.gateway import EVENTS, Gateway
from clarion.cli.output import errors
from clarion.errors import ClarionError, NotFound, Unavailable

CONFIGURATIONS = f"{EVENTS}/delivery-configurations"
PAUSE = 1.0  # seconds between tries while the gateway is away
MAX_NAME = 100
_KEY = b',"event-key":'

TypeOption = Annotated[
    str | None,
    typer.Option("--event-type", "-e", metavar="TYPE", help="Only this type of the topic."),
]
MatchOption = Annotated[
    str,
    typer.Option(
        "--match", "-m", metavar="CRITERIA", help="Only what matches: \"new_state = 'FAILED'\"."
    ),
]
CountOption = Annotated[
    int, typer.Option("--count", min=0, help="End after so many events; 0: never.")
]


class Followed(msgspec.Struct, frozen=True):
    """An event that has come: the body as it would be posted, and what is in it."""

    body: bytes
    key: str
    document: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.document["event"]["evt-tp"])

    @property
    def timestamp(self) -> str:
        return str(self.document["event"]["timestamp"])

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["event"]["fld-val-list"]
        return found


class Following:
    """What is subscribed to for the time being."""

    def __init__(self, gateway: Gateway, configuration: str) -> None:
        self._gateway = gateway
        self._configuration = configuration
        self._subscriptions: list[str] = []

    def subscribe(self, topic: str, type: str | None, criteria: str) -> None:
        path = f"{EVENTS}/topics/{quote(topic, safe='')}/subscriptions"
        new = {"del-cfg-id": self._configuration, "match-crt": criteria, "start-date": ""}
        if type:
            new["evt-tp"] = type
        self._subscriptions.append(f"{path}/{self._gateway.post(path, new)['id']}")

    def events(self) -> Iterator[Followed]:
        """As they come; a restart of the gateway is waited out."""
        path = f"{CONFIGURATIONS}/{self._configuration}/stream"
        away = False
        while True:
            try:
                for line in self._gateway.follow(path):
                    away = False
                    if line.strip():
                        yield _read(line)
            except Unavailable as error:
                if not away:
                    errors.print(
                        f"[yellow]{escape(error.message.rstrip('.'))}. Waiting for it.[/yellow]"
                    )
                away = True
            time.sleep(PAUSE)

    def end(self) -> None:
        """Leave nothing behind; somebody else may have been quicker."""
        for path in (*self._subscriptions, f"{CONFIGURATIONS}/{self._configuration}"):
            with suppress(NotFound):
                self._gateway.delete(path)


@contextmanager
def following(
    gateway: Gateway, topics: Sequence[str], *, type: str | None, criteria: str
) -> Iterator[Following]:
    """What follows these topics until the end, which is also that of the process: Ctrl-C or
    SIGTERM raise KeyboardInterrupt here."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name = f"clarion {socket.gethostname()} {os.getpid()}"[: MAX_NAME - 9] + f" {token_hex(4)}"
    made = gateway.post(CONFIGURATIONS, {"del-cfg-nm": name, "del-prtcl-cd": "STREAM"})
    followed = Following(gateway, str(made["id"]))
    try:
        for topic in topics:
            followed.subscribe(topic, type, criteria)
        yield followed
    finally:
        _end(followed)


def _end(followed: Following) -> None:
    try:
        followed.end()
    except ClarionError as error:
        words = f"What was subscribed to could not be deleted; it goes in an hour or so. {error}"
        errors.print(f"[yellow]{escape(words)}[/yellow]")


def _read(line: bytes) -> Followed:
    """The gateway puts the key behind the document."""
    body, _, _ = line.rpartition(_KEY)
    document = msgspec.json.decode(line)
    return Followed(body + b"}", str(document.pop("event-key")), document)
