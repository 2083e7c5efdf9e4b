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
from collections.abc import Callable, Iterator, Sequence
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
SILENCE = 30.0  # seconds between words about a gateway that stays away
HOW_TO_GO_ON = (
    "If it has another address by now, end this with Ctrl-C and name it with --url; else start it "
    "again. What happens meanwhile comes later."
)
MAX_NAME = 100
_KEY = b',"event-key":'
FindGateway = Callable[[], Gateway]

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

    def __init__(
        self,
        find: FindGateway,
        configuration: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: float = PAUSE,
    ) -> None:
        """`find`: where the gateway is now, as it may come back at another address."""
        self._find = find
        self._gateway = find()
        self._configuration = configuration
        self._subscriptions: list[str] = []
        self._clock = clock
        self._pause = pause
        self._away: float | None = None  # since when

    def subscribe(self, topic: str, type: str | None, criteria: str) -> None:
        path = f"{EVENTS}/topics/{quote(topic, safe='')}/subscriptions"
        new = {"del-cfg-id": self._configuration, "match-crt": criteria, "start-date": ""}
        if type:
            new["evt-tp"] = type
        self._subscriptions.append(f"{path}/{self._gateway.post(path, new)['id']}")

    def events(self) -> Iterator[Followed]:
        """As they come; a restart of the gateway is waited out."""
        path = f"{CONFIGURATIONS}/{self._configuration}/stream"
        told_at = 0.0  # when it was last said that nobody is there
        while True:
            try:
                for line in self._gateway.follow(path):
                    self._back()
                    if line.strip():
                        yield _read(line)
            except Unavailable as error:
                now = self._clock()
                if self._away is None:
                    self._away = told_at = now
                    _say(f"{error.message.rstrip('.')}. Trying again each second.")
                elif now - told_at >= SILENCE:
                    told_at = now
                    _say(f"Still nobody after {now - self._away:.0f} s. {HOW_TO_GO_ON}")
            time.sleep(self._pause)
            with suppress(ClarionError):  # none that is known; the old one may come back
                self._gateway = self._find()

    def end(self) -> None:
        """Leave nothing behind; somebody else may have been quicker."""
        for path in (*self._subscriptions, f"{CONFIGURATIONS}/{self._configuration}"):
            with suppress(NotFound):
                self._gateway.delete(path)

    def _back(self) -> None:
        if self._away is not None:
            self._away = None
            _say(f"It is back at {self._gateway.base_url}.")


@contextmanager
def following(
    find: FindGateway, topics: Sequence[str], *, type: str | None, criteria: str
) -> Iterator[Following]:
    """What follows these topics until the end, which is also that of the process: Ctrl-C or
    SIGTERM raise KeyboardInterrupt here."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name = f"clarion {socket.gethostname()} {os.getpid()}"[: MAX_NAME - 9] + f" {token_hex(4)}"
    made = find().post(CONFIGURATIONS, {"del-cfg-nm": name, "del-prtcl-cd": "STREAM"})
    followed = Following(find, str(made["id"]))
    try:
        for topic in topics:
            followed.subscribe(topic, type, criteria)
        yield followed
    finally:
        _end(followed)


def _say(words: str) -> None:
    errors.print(f"[yellow]{escape(words)}[/yellow]")


def _end(followed: Following) -> None:
    try:
        followed.end()
    except ClarionError as error:
        _say(f"What was subscribed to could not be deleted; it goes in an hour or so. {error}")


def _read(line: bytes) -> Followed:
    """The gateway puts the key behind the document."""
    body, _, _ = line.rpartition(_KEY)
    document = msgspec.json.decode(line)
    return Followed(body + b"}", str(document.pop("event-key")), document)
