"""`clarion listen`, `events tail` and `replay`, at a gateway that runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from running_gateway import Gateway
from tests.waiting import eventually

ESS = "/ess/v1"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
RECEIVER = Path(__file__).parents[2] / "examples" / "receiver.py"


class Command:
    """A command that prints a line of JSON for each event."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.said = ""  # beside its lines, as far as it was read: all of it once it has ended

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            said = await asyncio.to_thread(self._process.stdout.readline)
        assert said, self._process.stderr and self._process.stderr.read()
        found: dict[str, Any] = json.loads(said)
        return found

    async def says(self, words: str) -> None:
        """Wait until it has said this beside its lines."""
        assert self._process.stderr is not None
        async with asyncio.timeout(20):
            while words not in self.said:
                more = await asyncio.to_thread(self._process.stderr.readline)
                assert more, self.said
                self.said = f"{self.said} {more.strip()}"

    async def end(self, number: signal.Signals | None = None) -> int:
        """Its exit code."""
        if number is not None:
            self._process.send_signal(number)
        await eventually(lambda: self._process.poll() is not None)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.said = " ".join([*self.said.split(), *self._process.stderr.read().split()])
        for pipe in (self._process.stdout, self._process.stderr):
            pipe.close()
        return int(self._process.returncode)


@asynccontextmanager
async def following(gateway: Gateway, *arguments: str) -> AsyncIterator[Command]:
    """One whose subscriptions are there."""
    before = await configurations(gateway)
    process = gateway.begin(*arguments, "--json")
    try:
        await eventually(lambda: _subscribed(gateway, before))
        yield Command(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


async def _subscribed(gateway: Gateway, before: set[str]) -> bool:
    found = (await gateway.call("GET", f"{ESS}/topic-subscriptions"))["topic-subscriptions"]
    new = {each["del-cfg-id"] for each in found} - before
    last = {"SCG-Message", "SCG-Voice-Call"} & {each["topic-nm"] for each in found}
    return bool(new and last)


async def configurations(gateway: Gateway) -> set[str]:
    found = await gateway.call("GET", f"{ESS}/delivery-configurations")
    return {each["id"] for each in found["delivery-configurations"]}


@contextmanager
def receiver(store: Path) -> Iterator[str]:
    """The example, and where it is."""
    process = subprocess.Popen(
        [sys.executable, str(RECEIVER), "--port", "0", "--store", str(store)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "CLARION_SECRET": SECRET},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.communicate()


async def test_events_reach_a_local_receiver_as_webhooks_would(
    started: Gateway, tmp_path: Path
) -> None:
    with receiver(tmp_path / "store") as url:
        options = ["--topic", "SCG-Message", "--event-type", "message_state_change"]
        options += ["--match", "new_state = 'DELIVERED'", "--count", "2", "--secret", SECRET]
        async with following(started, "listen", *options, "--forward", f"{url}/hook") as command:
            sent = [await started.send("Hello"), await started.send("Hello again")]
            seen = [await command.line(), await command.line()]
            assert await command.end() == 0
    assert [each["status"] for each in seen] == [200, 200]
    fields = [each["event"]["event"]["fld-val-list"] for each in seen]
    assert {each["message_request_id"] for each in fields} == set(sent)
    assert {each["new_state"] for each in fields} == {"DELIVERED"}
    assert set(seen[0]["event"]) == {"topic", "attempt", "event", "event-id"}
    assert await configurations(started) == set()


async def test_a_receiver_that_is_away_is_told(started: Gateway) -> None:
    options = ["--topic", "SCG-Message", "--event-type", "message_request_state_change"]
    async with following(started, "listen", *options, "--forward", "127.0.0.1:1/hook") as command:
        await started.send("Hello")
        seen = await command.line()
        assert seen["status"] is None
        assert seen["answer"] == "Connection refused"
        assert await command.end(signal.SIGTERM) == 0
    assert await configurations(started) == set()


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_tail_goes_on_when_the_gateway_has_been_away(
    started: Gateway, *, elsewhere: bool
) -> None:
    wanted = ["--event-type", "message_state_change", "--match", "new_state = 'DELIVERED'"]
    before = started.ready["base_url"]
    where = "127.0.0.1:0" if elsewhere else before.rpartition("/")[2]
    async with following(started, "events", "tail", "--topic", "SCG-Message", *wanted) as command:
        first = await started.send("Hello")
        assert _request(await command.line()) == first
        await started.end(signal.SIGKILL)
        await command.says(f"{before} does not answer")
        await started.start("--listen", where)
        assert (started.ready["base_url"] != before) is elsewhere
        second = await started.send("Hello again")
        line = await command.line()
        while _request(line) == first:  # what was not noted as delivered comes again
            line = await command.line()
        assert _request(line) == second
        assert await command.end(signal.SIGINT) == 0
    assert f"It is back at {started.ready['base_url']}." in command.said
    assert await configurations(started) == set()


async def test_what_was_delivered_is_delivered_again_when_asked_for(started: Gateway) -> None:
    async with following(started, "events", "tail") as command:
        await started.send("Hello")
        first = [await command.line() for _ in range(3)]
        replayed = started.clarion("replay", "--since", "1h", "--topic", "SCG-Message", "--json")
        assert replayed.returncode == 0, replayed.stderr
        assert json.loads(replayed.stdout) == {"replayed": 3}
        again = [await command.line() for _ in range(3)]
        assert {each["event-id"] for each in again} == {each["event-id"] for each in first}
        assert [each["attempt"] for each in first + again] == [1, 1, 1, 2, 2, 2]
        nothing = started.clarion("replay", "--failed", "--json")
        assert json.loads(nothing.stdout) == {"replayed": 0}


def test_what_cannot_be_done_is_said(started: Gateway) -> None:
    def refusal(*arguments: str) -> str:
        done = started.clarion(*arguments)
        assert done.returncode == 1
        return re.sub(r"\s+", " ", done.stderr)

    assert "no topic Weather" in refusal(
        "listen", "--topic", "Weather", "--forward", "http://127.0.0.1:1"
    )
    assert "character 1" in refusal(
        "events", "tail", "--topic", "SCG-Message", "--match", "colour = 'red'"
    )
    assert "is not a URL" in refusal("listen", "--topic", "SCG-Message", "--forward", "ftp://x")
    assert "what to replay" in refusal("replay")
    assert "--since" in refusal("replay", "--since", "yesterday")
    assert "no delivery configuration 987654" in refusal("replay", "--failed", "--to", "987654")


def _request(document: dict[str, Any]) -> str:
    return str(document["event"]["fld-val-list"]["message_request_id"])
