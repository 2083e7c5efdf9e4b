"""Where callbacks go, whoever makes them: sink.js counts them, and nothing more."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path

from tests.peers.smsc import node

SCRIPT = Path(__file__).with_suffix(".js")


class Sink:
    """A process; start it by making it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [node(), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def count(self) -> int:
        """Callbacks that have arrived."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/stats")
            return int(json.loads(connection.getresponse().read())["count"])
        finally:
            connection.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
