"""What processes have cost, from /proc: CPU time with that of their children, and memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
POSTGRES = "postgres"

Groups = Mapping[str, Iterable[int]]
"""Names of the parts of a system, and the processes at the top of each."""


class _Process:
    """One line of /proc/PID/stat (proc(5)); the second field may hold blanks and brackets."""

    def __init__(self, pid: int, stat: str) -> None:
        head, _, tail = stat.rpartition(")")
        fields = tail.split()
        self.pid = pid
        self.name = head.partition("(")[2]
        self.parent = int(fields[1])
        # Own time and that of children that have ended: so nothing is lost when one ends.
        self.cpu = sum(int(field) for field in fields[11:15]) / TICKS


def cpu_seconds(groups: Groups) -> dict[str, float]:
    """CPU seconds so far of each group: its processes and all below them."""
    table = _table()
    return {name: sum(p.cpu for p in _tree(table, tops)) for name, tops in groups.items()}


def memory_mib(groups: Groups) -> dict[str, float]:
    """Memory of each group; what processes share is counted once."""
    table = _table()
    return {
        name: sum(_memory(p.pid) for p in _tree(table, tops)) / 2**20
        for name, tops in groups.items()
    }


def machine_busy_seconds() -> float:
    """CPU seconds that all processes of the machine have used."""
    fields = [int(f) for f in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]]
    user, nice, system, _, _, irq, softirq, _ = fields
    return (user + nice + system + irq + softirq) / TICKS


def _table() -> dict[int, _Process]:
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(f"/proc/{entry.name}/stat").read_text("utf-8", "replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[int(entry.name)] = _Process(int(entry.name), stat)
    return found


def _tree(table: Mapping[int, _Process], tops: Iterable[int]) -> list[_Process]:
    """The processes and their descendants. PostgreSQL below another process is a group itself."""
    tops = set(tops)
    found = {pid: table[pid] for pid in tops if pid in table}
    grown = True
    while grown:
        below = {
            pid: process
            for pid, process in table.items()
            if process.parent in found
            and pid not in found
            and (process.name != POSTGRES or found[process.parent].name == POSTGRES)
        }
        found |= below
        grown = bool(below)
    return list(found.values())


def _memory(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        return next(int(r.split()[1]) * 1024 for r in rollup.splitlines() if r.startswith("Pss:"))
    except (OSError, StopIteration):  # ended, or another user's
        return 0
