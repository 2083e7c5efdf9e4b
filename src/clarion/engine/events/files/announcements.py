"""What becomes of files is announced: MSS-Messages, event_file_complete, _download and _delete."""

from __future__ import annotations

from datetime import datetime

from clarion.engine.events.announcing import Runner, announce
from clarion.engine.events.bodies import timestamp
from clarion.engine.events.files.model import PATH, EventFile, FileKind
from clarion.engine.events.model import Happening, Value

TOPIC = "MSS-Messages"
APPLICATION = "ESS"
BUFFERS, DUMPS = "event-buffer", "subscriptions"
"""Names of the folders that files are said to be in."""


def address_of(base: str, file: EventFile) -> str:
    """Where a file is downloaded. `base`: the installation's public address."""
    return base + PATH.format(id=file.id)


async def announce_complete(tx: Runner, file: EventFile, base: str, *, kept_days: int) -> None:
    fields = _download(file, base) | {
        "creation_time": timestamp(file.opened_at),
        "file_retention_time": kept_days,
        "file_folder": BUFFERS if file.kind is FileKind.BUFFER else DUMPS,
    }
    await _announce(tx, file, "event_file_complete", fields, at=file.updated_at)


async def announce_download(tx: Runner, file: EventFile, base: str, *, at: datetime) -> None:
    await _announce(tx, file, "event_file_download", _download(file, base), at=at)


async def announce_delete(tx: Runner, file: EventFile, base: str) -> None:
    await _announce(tx, file, "event_file_delete", _common(file, base), at=file.updated_at)


async def _announce(
    tx: Runner, file: EventFile, type: str, fields: dict[str, Value], *, at: datetime
) -> None:
    happening = Happening(topic=TOPIC, type=type, key=str(file.id), fields=fields)
    await announce(tx, file.company_id, [happening], at=at)


def _common(file: EventFile, base: str) -> dict[str, Value]:
    return {
        "company-id": file.company_id,
        "file_id": str(file.id),
        "file_uri": address_of(base, file),
        "file_status": file.status.value,
        "file_size": file.size or 0,
        "modified_time": timestamp(file.updated_at),
    }


def _download(file: EventFile, base: str) -> dict[str, Value]:
    assert file.expires_at is not None
    return _common(file, base) | {
        "app_name": APPLICATION,
        "file_name": file.name,
        "file_tags": file.topic or str(file.configuration_id),
        "expire_time": timestamp(file.expires_at),
    }
