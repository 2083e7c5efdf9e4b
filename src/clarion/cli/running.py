"""How to reach the gateway that runs on this data directory.

`clarion run` says so in running.json while it lives; the other commands read it there, so that
nobody has to repeat an address. A file left by a process that was killed is not believed.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from clarion.cli import files
from clarion.cli.place import Place


class Running(Struct, frozen=True):
    """A gateway at work."""

    pid: int
    started: str  # the kernel's start time of the process, as process numbers are used again
    base_url: str
    database_url: str


def announce(place: Place, *, base_url: str, database_url: str) -> None:
    """This process is the gateway now."""
    pid = os.getpid()
    files.write_private(place.running, Running(pid, _start_time(pid), base_url, database_url))


def withdraw(place: Place) -> None:
    place.running.unlink(missing_ok=True)


def find(place: Place) -> Running | None:
    """The gateway, if it is alive."""
    found = files.read(place.running, Running)
    if found is None or _start_time(found.pid) != found.started:
        return None
    return found


def _start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat; the second field may hold blanks and brackets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
