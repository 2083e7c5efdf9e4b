"""The receiver of events, as a process of its own: hooks.js."""

from __future__ import annotations

import http.client
import subprocess
from pathlib import Path
from typing import Any

import msgspec
from tests.peers.smsc import node

SCRIPT = Path(__file__).with_suffix(".js")


class Stats(msgspec.Struct):
    """What has come; times in ms."""

    count: int
    distinct: int
    first: float | None
    last: float | None
    p50: float | None  # from the event's id to its arrival
    p99: float | None


class Receiver:
    """Any path is an endpoint."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [node(), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def address(self, name: object) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def stats(self) -> Stats:
        return msgspec.json.decode(self._call("GET", "/stats"), type=Stats)

    def reset(self) -> None:
        self._call("POST", "/reset")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _call(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        finally:
            connection.close()
