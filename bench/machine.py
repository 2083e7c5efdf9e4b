"""What the figures were taken on and with: without it they say nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.peers.smsc import node

from bench import kannel, load

ROOT = Path(__file__).parent.parent


def facts() -> list[str]:
    """Lines for the head of a report."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {_command()}",
        f"{os.cpu_count()} cores ({_cpu()}), {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}",
        f"Clarion {_commit()}, Python {platform.python_version()}, embedded PostgreSQL "
        f"(fsync and synchronous_commit on), SMSC on Node {_words(node(), '--version')}, "
        f"load from {load.generator()}",
    ]
    if kannel.installed():
        lines.append(f"{kannel.version()} beside it: store-type=file, window {kannel.WINDOW}")
    return lines


def _command() -> str:
    name = Path(sys.argv[0]).stem
    module = "bench" if name == "__main__" else f"bench.{name}"
    return " ".join(["python -m", module, *sys.argv[1:]])


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    commit = _words("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = _words("git", "-C", str(ROOT), "status", "--porcelain", "--", "src")
    return f"{commit or 'unknown'}{' with changes' if changed else ''}"


def _words(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
