"""The example receivers take in what is signed, once, and have it when they answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.peers.smsc import node

EXAMPLES = Path(__file__).parents[3] / "examples"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"an older key of thirty-two bytes").decode()
FIELDS = {"message_body": "Grüße \U0001f44b", "company-id": 1000, "price": 0.5, "test": True}


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """As Standard Webhooks 1.0 says."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Example:
    """One of them, as a process."""

    def __init__(self, command: list[str], home: Path) -> None:
        self._command = [*command, "--port", "0", "--store", str(home / "store")]
        self._environment = dict(os.environ) | {"CLARION_SECRET": f"{SECRET} {OLD_SECRET}"}
        self.seen: list[str] = []
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("Listening at http://127.0.0.1:"), said
        self.place = urlsplit(said.split()[-1]).netloc

    def stop(self, number: int = signal.SIGTERM) -> list[str]:
        """What it printed."""
        self._process.send_signal(number)
        said, _ = self._process.communicate(timeout=10)
        return said.splitlines()

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        connection = HTTPConnection(self.place, timeout=10)
        try:
            connection.request("POST", "/hook", body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def deliver(self, id: str, *, secret: str = SECRET, attempt: int = 1) -> int:
        body = document(id, attempt=attempt)
        return self.post(body, headers_of(id, body, secret=secret))[0]


def document(id: str, *, attempt: int = 1) -> bytes:
    event = {"evt-tp": "mo_message_received", "timestamp": "2026-11-22T10:00:00.000Z"}
    event |= {"fld-val-list": FIELDS}  # type: ignore[dict-item]
    whole = {"topic": "SCG-Message", "attempt": attempt, "event": event, "event-id": id}
    return json.dumps(whole, ensure_ascii=False).encode()


def headers_of(
    id: str, body: bytes, *, secret: str = SECRET, age: int = 0, also: str = ""
) -> dict[str, str]:
    at = int(time.time()) - age
    return {
        "Content-Type": "application/json; charset=UTF-8",
        "X-ESS-EVENT-KEY": "+12125550100",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"{also} {signature(secret, id, at, body)}".strip(),
    }


@pytest.fixture(params=["python", "node"])
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    commands = {
        "python": [sys.executable, str(EXAMPLES / "receiver.py")],
        "node": [node(), str(EXAMPLES / "receiver.mjs")],
    }
    made = Example(commands[request.param], tmp_path)
    yield made
    made.stop(signal.SIGKILL)


def test_an_event_that_comes_twice_is_taken_in_once(example: Example) -> None:
    assert example.deliver("first") == 200
    assert example.deliver("first", attempt=2) == 200
    assert example.deliver("second") == 200
    said = example.stop()
    assert [line.split()[:2] for line in said] == [
        ["mo_message_received", "first"], ["mo_message_received", "second"],
    ]  # fmt: skip
    assert json.loads(said[0].split(maxsplit=2)[2]) == FIELDS


def test_what_was_answered_is_known_after_the_process_is_killed(example: Example) -> None:
    assert example.deliver("first") == 200
    example.stop(signal.SIGKILL)
    example.start()
    assert example.deliver("first", attempt=2) == 200
    assert example.deliver("second") == 200
    assert [line.split()[1] for line in example.stop()] == ["second"]


def test_many_at_once_are_each_taken_in_once(example: Example) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(example.deliver, [str(number // 3) for number in range(90)]))
    assert answers == [200] * 90
    said = [line.split()[1] for line in example.stop()]
    assert sorted(said) == sorted(map(str, range(30)))


def test_either_secret_is_enough_while_one_takes_the_others_place(example: Example) -> None:
    assert example.deliver("old", secret=OLD_SECRET) == 200
    body = document("both")
    other = "whsec_" + base64.b64encode(b"a key that the receiver has not.").decode()
    unknown = signature(other, "both", int(time.time()), body)
    assert example.post(body, headers_of("both", body, also=unknown))[0] == 200
    assert example.post(body, headers_of("both", body, secret=other))[0] == 401


def test_what_is_not_signed_is_refused(example: Example) -> None:
    body = document("id")
    good = headers_of("id", body)
    assert example.post(body, {})[0] == 401
    assert example.post(body, good | {"webhook-signature": ""})[0] == 401
    assert example.post(body, good | {"webhook-signature": "v1,%%% v1, v2,abc"})[0] == 401
    assert example.post(body, good | {"webhook-id": "another"})[0] == 401
    assert example.post(body, good | {"webhook-timestamp": "soon"})[0] == 401
    assert example.post(body + b" ", good)[0] == 401
    assert example.post(body, headers_of("id", body, age=3600))[0] == 401
    assert example.post(body, good)[0] == 200


def test_what_is_signed_and_no_event_is_refused(example: Example) -> None:
    for body in (b"", b"[]", b"nothing", b'{"event-id":"1"}', b'{"event-id":"1","event":[]}'):
        assert example.post(body, headers_of("id", body))[0] == 400
    huge = b"x" * 1_500_000
    connection = HTTPConnection(example.place, timeout=10)
    try:
        connection.request("POST", "/", body=huge, headers=headers_of("id", huge))
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has hung up before the end, as it may
    finally:
        connection.close()
    assert example.deliver("after") == 200


def test_without_a_secret_they_do_not_start(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "CLARION_SECRET"}
    for command in ([sys.executable, "receiver.py"], [node(), "receiver.mjs"]):
        done = subprocess.run(
            [command[0], str(EXAMPLES / command[1]), "--store", str(tmp_path / "store")],
            env=environment, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "CLARION_SECRET" in done.stderr
