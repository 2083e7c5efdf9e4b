"""The load generator: wrk where it is installed, else our own (generator.py); both as a process.

Both send the same octets. A request is a template of fixed length in which the number of the
message, seven digits, takes the place of each SLOT.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from msgspec import Struct

HERE = Path(__file__).parent
SLOT = "@number"
PATIENCE = "600s"


class Load(Struct, frozen=True):
    """What the generator saw."""

    requests: int
    refused: int  # answers other than 2xx
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu: float  # seconds, of the generator


def request(method: str, path: str, *, headers: dict[str, str], body: str = "") -> str:
    """A whole HTTP/1.1 request as a template."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body.encode())}")
    return "\r\n".join([*lines, "", body])


def post(address: str, template: str, *, messages: int, connections: int) -> Load:
    """Send `messages` requests to HOST:PORT over so many connections, each as fast as answered.

    Up to one request a connection may be under way, and not in the figures, when the last of
    them is answered.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".http", newline="") as file:
        file.write(template)
        file.flush()
        command = _command(address, connections)
        environment = {**os.environ, "BENCH_REQUEST": file.name, "BENCH_COUNT": str(messages)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        return _result(process)


def generator() -> str:
    """Which generator this machine has."""
    return "wrk" if shutil.which("wrk") else "bench.generator"


def _command(address: str, connections: int) -> list[str]:
    if generator() == "wrk":
        script = str(HERE / "requests.lua")
        size = ["-t1", f"-c{connections}", f"-d{PATIENCE}", "--timeout", "30s"]
        return ["wrk", *size, "-s", script, f"http://{address}"]
    return [sys.executable, "-m", "bench.generator", address, str(connections)]


def _result(process: subprocess.Popen[str]) -> Load:
    """The last line is JSON. wrk sleeps out its time unless it is told that it is done."""
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        last = line
        if line.strip() == "enough":
            process.send_signal(signal.SIGINT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not last.startswith("{"):
        raise RuntimeError(f"the load generator ended with {process.returncode}: {last}")
    return Load(**json.loads(last), cpu=usage.ru_utime + usage.ru_stime)
