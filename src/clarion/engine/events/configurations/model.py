"""Delivery configurations: what makes one, and the rules about its data.

ESS reference, delivery-configurations. Ours beyond it: the protocol STREAM, strict order by key,
and secrets that bodies are signed with.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType

from clarion.engine.accounts.model import MAX_NAME
from clarion.engine.events.model import Format, Protocol
from clarion.errors import InvalidInput
from clarion.kit.cron import next_time
from clarion.kit.weblinks import clean_url

MAX_CONFIGURATIONS = 1000
"""Of one company."""

MAX_THROTTLING = 1_000_000
MAX_REASON = 500


class NewConfiguration(Struct, kw_only=True):
    """A delivery configuration as a company gives it."""

    name: str
    protocol: Protocol = Protocol.REST
    address: str | None = None
    format: Format = Format.JSON
    active: bool = True
    throttling: int | None = None  # deliveries a minute
    ordered: bool = False
    cron_expression: str | None = None
    latest_event_only: bool = False


class ConfigurationChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None  # the version that the caller has read
    name: str | UnsetType = UNSET
    protocol: Protocol | UnsetType = UNSET
    address: str | UnsetType | None = UNSET
    format: Format | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    throttling: int | UnsetType | None = UNSET
    ordered: bool | UnsetType = UNSET
    cron_expression: str | UnsetType | None = UNSET
    latest_event_only: bool | UnsetType = UNSET


def checked(new: NewConfiguration, *, at: datetime) -> NewConfiguration:
    """As it is stored: the address in ASCII, and none where nothing is posted. InvalidInput names
    the attribute."""
    name = new.name.strip()
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise _fault("del-cfg-nm", f"1 to {MAX_NAME} printable characters are expected")
    if new.throttling is not None and not 1 <= new.throttling <= MAX_THROTTLING:
        raise _fault("throttling", f"1 to {MAX_THROTTLING} deliveries a minute, or null")
    cron = " ".join((new.cron_expression or "").split()) or None
    _check_cron(new, cron, at)
    address = (new.address or "").strip()
    return msgspec.structs.replace(
        new,
        name=name,
        cron_expression=cron,
        address=_address(address) if cron is None and new.protocol is Protocol.REST else None,
    )


def file_due(cron: str | None, at: datetime) -> datetime | None:
    """When the file that collects from now on is to be closed."""
    return None if cron is None else next_time(cron, at)


def _address(text: str) -> str:
    """A client that has read a configuration may send its address back, whatever else it sets."""
    if not text:
        raise _fault("addr", "it is required, unless there is a cron-expression")
    try:
        return clean_url(text)
    except ValueError as error:
        raise _fault("addr", str(error)) from None


def _check_cron(new: NewConfiguration, cron: str | None, at: datetime) -> None:
    if new.latest_event_only and cron is None:
        raise _fault("latest-event-only", "it is for files, which need a cron-expression")
    if cron is None:
        return
    if new.protocol is not Protocol.REST:
        raise _fault("cron-expression", "a STREAM is not collected into files")
    try:
        file_due(cron, at)
    except ValueError as error:
        raise _fault("cron-expression", str(error)) from None


def _fault(attribute: str, words: str) -> InvalidInput:
    return InvalidInput(f"{attribute}: {words}.", field=attribute)
