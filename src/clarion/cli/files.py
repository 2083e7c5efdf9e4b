"""Small JSON files in the data directory: written whole or not at all, for their owner's eyes."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from clarion.log import get_logger

UNREADABLE = "cli.file_unreadable"
T = TypeVar("T")
log = get_logger(__name__)


def write_private(path: Path, value: object) -> None:
    """`value` as JSON; a reader sees the old file or the new one."""
    body = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    fd, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(draft).unlink()
        raise


def read(path: Path, kind: type[T]) -> T | None:
    """What was written; None: there is no such file, or nothing that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning(UNREADABLE, path=path, error=error)
        return None
