"""Kannel as the baseline: bearerbox and smsbox on loopback, a callback for each receipt.

Kannel syncs nothing to the disk and keeps receipts in memory; Clarion's figures are with both.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from bench import load
from bench.ports import free_port
from bench.sink import Sink
from bench.words import SENDER, TEXT, TO

HERE = Path(__file__).parent
WINDOW = 200
START_SECONDS = 15.0


def installed() -> bool:
    return bool(shutil.which("bearerbox") and shutil.which("smsbox"))


def version() -> str:
    words = subprocess.run(["bearerbox", "--version"], capture_output=True, text=True, check=False)
    return next(iter((words.stdout + words.stderr).splitlines()), "Kannel")


class Kannel:
    """Implements frame.Gateway."""

    name = "kannel"

    def __init__(self, home: Path, *, smsc_port: int, receipts: bool) -> None:
        self._home = home
        self._receipts = receipts
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = {name: free_port() for name in ("admin", "boxes", "http")}
        self._ports = {**ports, "smsc": smsc_port}
        self._sink: Sink | None = None
        self.address = f"127.0.0.1:{ports['http']}"
        self.template = ""

    def start(self) -> None:
        if self._receipts:
            self._sink = Sink()
        self.template = self._request()
        conf = (HERE / "kannel.conf").read_text("utf-8")
        values = {**self._ports, "home": self._home, "window": WINDOW}
        for name, value in values.items():
            conf = conf.replace(f"@{name}@", str(value))
        path = self._home / "kannel.conf"
        path.write_text(conf, "utf-8")
        # -v 2: its debug log would slow it down.
        self._spawn("bearerbox", ["bearerbox", "-v", "2", str(path)])
        _until_open(self._ports["boxes"])
        self._spawn("smsbox", ["smsbox", "-v", "2", str(path)])
        _until_open(self._ports["http"])

    def stop(self) -> None:
        """smsbox first: bearerbox waits for it."""
        for name in ("smsbox", "bearerbox"):
            process = self._processes.pop(name, None)
            if process is not None:
                process.terminate()
                try:
                    process.wait(6)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if self._sink is not None:
            self._sink.stop()

    def groups(self) -> dict[str, list[int]]:
        groups = {"gateway": [process.pid for process in self._processes.values()]}
        if self._sink is not None:
            groups["sink"] = [self._sink.pid]
        return groups

    def recorded(self, smsc: Mapping[str, Any]) -> int:
        """Callbacks that have arrived."""
        return self._sink.count() if self._sink else 0

    def idle(self) -> bool:
        return True  # the SMSC has told us that nothing comes any more

    def warmed_up(self) -> None:
        pass

    def details(self, messages: int) -> list[str]:
        return []

    def latencies(self, since: float) -> dict[str, tuple[float, float]]:
        return {}

    def _request(self) -> str:
        path = (
            f"/cgi-bin/sendsms?username=bench&password=bench&from={SENDER}&to={quote_plus(TO)}"
            f"&text={quote_plus(TEXT, safe='@')}"
        ).replace("%40number", load.SLOT)
        if self._sink is not None:
            callback = f"http://127.0.0.1:{self._sink.port}/dlr?type=%d&id=%F"
            path += f"&dlr-mask=3&dlr-url={quote_plus(callback)}"  # delivered or not
        return load.request("GET", path, headers={"Host": self.address})

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self._home / f"{name}.out").open("wb") as out:
            self._processes[name] = subprocess.Popen(command, stdout=out, stderr=out)


def _until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"Kannel does not listen on port {port}")
        time.sleep(0.05)
