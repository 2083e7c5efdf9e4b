"""The user that the server runs as. PostgreSQL refuses root, and wants a user that has a name."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clarion.errors import Unavailable

_FOR_ROOT = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user of this machine. `switch`: we are root and become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen(self) -> dict[str, Any]:
        """Keywords that make subprocess.Popen run as this user, without any other group."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make `path` this user's own."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_read(self, path: Path) -> bool:
        """Whether mode bits let this user read `path` and pass through all that is above it."""
        real = path.resolve()
        above = all(self._has(parent, stat.S_IXOTH) for parent in real.parents)
        return above and self._has(real, stat.S_IROTH)

    def _has(self, path: Path, bit: int) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & bit << 6)
        if found.st_gid == self.gid:
            return bool(found.st_mode & bit << 3)
        return bool(found.st_mode & bit)


def choose(cluster: Path) -> Account:
    """Whoever owns the cluster already; else ourselves; for root an ordinary user."""
    if cluster.exists():
        return _owner(cluster)
    if os.geteuid() != 0:
        return _account(os.geteuid())
    for name in _FOR_ROOT:
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise Unavailable("PostgreSQL cannot run as root, and there is no user postgres or nobody.")


def _owner(cluster: Path) -> Account:
    owner = cluster.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise Unavailable(f"{cluster} belongs to another user: start Clarion as that one.")
    if owner == 0:
        raise Unavailable(f"{cluster} belongs to root, as whom PostgreSQL does not run.")
    return _account(owner)


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise Unavailable(f"User {uid} has no name in /etc/passwd; PostgreSQL needs one.") from None
    return Account(entry.pw_name, uid, entry.pw_gid, switch=os.geteuid() == 0)
