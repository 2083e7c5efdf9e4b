"""Whoever follows events looks for a gateway that has gone, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import pytest

from clarion.cli.following import CONFIGURATIONS, SILENCE, FindGateway, Following
from clarion.errors import Unavailable

EVENT: dict[str, Any] = {"event": {"evt-tp": "t", "timestamp": "2026-11-22T10:00:00.000Z"}}
LINE = json.dumps(EVENT | {"event-key": "+1"}, separators=(",", ":")).encode() + b"\n"


@dataclass
class _Gateway:
    """Its streams one after another; None: it does not answer."""

    base_url: str
    streams: Iterator[Sequence[bytes] | None]
    asked: list[str] = field(default_factory=list)

    def follow(self, path: str) -> Iterator[bytes]:
        self.asked.append(path)
        stream = next(self.streams)
        if stream is None:
            raise Unavailable(f"{self.base_url} does not answer: Connection refused")
        yield from stream


def _following(find: FindGateway, *, seconds: Iterator[int] | None = None) -> Following:
    clock = seconds or count()
    return Following(find, "7", clock=lambda: next(clock), pause=0.0)


def test_it_goes_where_the_gateway_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    old = _Gateway("http://old:1", iter([[LINE], None, None]))
    new = _Gateway("http://new:2", iter([[b"\n", LINE]]))
    places: list[Any] = [old, old, None, new]  # gone, nobody in its place, back elsewhere

    def find() -> Any:
        found = places.pop(0)
        if found is None:
            raise Unavailable("No gateway runs here.")
        return found

    events = list(islice(_following(find).events(), 2))
    assert [event.key for event in events] == ["+1", "+1"]
    assert new.asked == [f"{CONFIGURATIONS}/7/stream"]
    said = " ".join(capsys.readouterr().err.split())
    assert said == (
        "http://old:1 does not answer: Connection refused. Trying again each second. "
        "It is back at http://new:2."
    )


def test_after_a_while_it_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    gone = _Gateway("http://old:1", iter([None] * 5 + [[LINE]]))
    seconds = iter([0, 10, int(SILENCE), 40, 2 * int(SILENCE)])
    next(_following(lambda: gone, seconds=seconds).events())  # type: ignore[arg-type,return-value]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("does not answer") == 1
    assert "Still nobody after 30 s. If it has another address by now, end this" in said
    assert "Still nobody after 60 s." in said
    assert said.count("--url") == 2
    assert said.endswith("It is back at http://old:1.")
