"""A load generator for machines without wrk: `python -m bench.generator HOST:PORT CONNECTIONS`.

Reads BENCH_REQUEST and BENCH_COUNT as requests.lua does and prints the same line.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import cast

import httptools
import uvloop

from bench.load import SLOT


class _Run:
    """What all connections share."""

    def __init__(self, template: str, wanted: int) -> None:
        self.pieces = template.split(SLOT)
        self.wanted = wanted
        self.sent = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()

    def next(self) -> bytes:
        self.sent += 1
        return f"{self.sent:07d}".join(self.pieces).encode()

    def answered(self, status: int, seconds: float) -> None:
        self.refused += not 200 <= status < 300
        self.latencies.append(seconds)
        if len(self.latencies) == self.wanted and not self.ended.done():
            self.ended.set_result(None)


class _Client(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._run.answered(self._parser.get_status_code(), time.perf_counter() - self._begun)
        self._parser = httptools.HttpResponseParser(self)
        if not self._run.ended.done():
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.ended.done():
            self._run.ended.set_exception(exc or ConnectionError("the server closed"))

    def _send(self) -> None:
        self._begun = time.perf_counter()
        self._transport.write(self._run.next())


async def _main(address: str, connections: int, template: str) -> None:
    host, _, port = address.rpartition(":")
    run = _Run(template, int(os.environ["BENCH_COUNT"]))
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    await asyncio.gather(
        *(loop.create_connection(lambda: _Client(run), host, int(port)) for _ in range(connections))
    )
    await run.ended
    seconds = time.perf_counter() - begun
    cuts = statistics.quantiles(run.latencies, n=100)
    found = {
        "requests": len(run.latencies),
        "refused": run.refused,
        "seconds": round(seconds, 3),
        "p50_ms": round(cuts[49] * 1e3, 2),
        "p99_ms": round(cuts[98] * 1e3, 2),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    request = Path(os.environ["BENCH_REQUEST"]).read_bytes().decode()
    uvloop.run(_main(sys.argv[1], int(sys.argv[2]), request))
