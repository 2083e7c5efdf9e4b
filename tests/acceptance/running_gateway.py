"""`clarion run` as a process, started as its users start it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

CLARION = [sys.executable, "-m", "clarion.cli"]
API = "/scg-external-api/api/v1/messaging"
PHONE = "+15557654321"


class Gateway:
    """One `clarion run` at a time on one data directory."""

    def __init__(self, home: Path) -> None:
        self.data = home / "data"
        self.ready_file = home / "ready.json"
        self.output = home / "output"
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, *arguments: str) -> float:
        """Until it says that it is ready; how long that took."""
        started = monotonic()
        self.ready_file.unlink(missing_ok=True)
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *CLARION, "run", "--data", str(self.data), "--listen", "127.0.0.1:0",
                    "--ready-file", str(self.ready_file), *arguments,
                ],
                stdout=output,
                stderr=output,
                env=_environment(),
            )  # fmt: skip
        while not self.ready_file.exists():
            assert self._process.poll() is None, self.output.read_text("utf-8")
            assert monotonic() - started < 60, self.output.read_text("utf-8")
            await asyncio.sleep(0.01)
        self.ready = json.loads(self.ready_file.read_text("utf-8"))
        return monotonic() - started

    async def end(self, number: signal.Signals) -> tuple[int, float]:
        """Its exit code, and how long it took."""
        started = monotonic()
        process = self._process
        assert process is not None
        process.send_signal(number)
        while process.poll() is None:
            assert monotonic() - started < 20, "it does not end"
            await asyncio.sleep(0.01)
        self._process = None
        return int(process.returncode), monotonic() - started

    def clean_up(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def call(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> Any:
        connection = HTTPConnection(urlsplit(self.ready["base_url"]).netloc, timeout=10)
        headers = {
            "Authorization": f"Bearer {self.ready['token']}",
            "Content-Type": "application/json",
        }
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, body=sent, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == 200, content
        return json.loads(content)

    async def send(self, text: str) -> str:
        body = {"from": f"sender_id:{self.ready['sender_id']}", "to": [PHONE], "body": text}
        made = await self.call("POST", f"{API}/message_requests", body)
        return str(made["id"])

    async def wait_for(self, request_id: str, field: str) -> None:
        path = f"{API}/message_requests/{request_id}"
        deadline = monotonic() + 20
        while not (request := await self.call("GET", path))[field]:
            assert monotonic() < deadline, request
            await asyncio.sleep(0.02)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on."""
        return subprocess.Popen(
            [*CLARION, *arguments, "--data", str(self.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
        )

    def clarion(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLARION, *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=_environment(),
        )


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
