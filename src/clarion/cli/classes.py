"""`clarion class`: how fast, and when, messages of a sender id class may leave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from asyncpg import Record

from clarion.cli.output import print_facts, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.senders.throughput import store
from clarion.engine.senders.throughput.model import Limits
from clarion.engine.senders.throughput.service import set_limits
from clarion.engine.senders.windows.model import parse_window
from clarion.engine.senders.windows.service import WindowDirectory, set_window
from clarion.errors import InvalidInput, NotFound
from clarion.kit.countries import ALPHA_2, ALPHA_3
from clarion.kit.dates import parse_date
from clarion.kit.e164 import parse_address
from clarion.kit.localtime import zone_of
from clarion.storage.database import Database

COLUMNS = ("id", "peak", "peak_total", "daily", "delivery_window")
USAGE_COLUMNS = ("company_id", "class_id", "country", "leased", "limit")
NONE = "none"
MOST = 10_000
app = typer.Typer(
    no_args_is_help=True, help="Sender id classes: how fast, and when, messages may leave."
)

ClassArgument = Annotated[str, typer.Argument(metavar="CLASS", help="COMMERCIAL, ALERTS ...")]


@app.command("list")
def list_(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the classes with their limits and delivery windows."""
    found = with_database(find_place(data, config), store.classes)
    print_rows([_shown(row) for row in found], COLUMNS, as_json=as_json)


@app.command("set")
def set_(
    class_id: ClassArgument,
    *,
    peak: Annotated[
        str | None, typer.Option(help="Messages a second, a company and country; or none.")
    ] = None,
    peak_total: Annotated[
        str | None,
        typer.Option(help="Messages a second, an address and country, of all companies; or none."),
    ] = None,
    daily: Annotated[
        str | None, typer.Option(help="Messages a UTC day, a company and country; or none.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="The delivery window, @FILE that holds it, or none."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change limits or the delivery window of a class. Nodes follow within seconds."""
    place = find_place(data, config)
    text = None if window in {None, NONE} else _text(str(window))
    if text is not None:
        parse_window(text)

    async def work(db: Database) -> Record:
        now = await _class(db, class_id)
        limits = Limits(
            _number("--peak", peak, now["country_peak_throughput"]),
            _number("--peak-total", peak_total, now["country_peak_total_throughput"]),
            _whole("--daily", daily, now["country_daily_throughput"]),
        )
        if (peak, peak_total, daily) != (None, None, None):
            await set_limits(db, class_id, limits)
        if window is not None:
            await set_window(db, class_id, text)
        return await _class(db, class_id)

    print_facts(_shown(with_database(place, work)), as_json=as_json)


@app.command()
def when(
    class_id: ClassArgument,
    *,
    mdn: Annotated[
        str | None, typer.Option("--to", metavar="NUMBER", help="The recipient's number.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="The recipient's country. Default: the number's.")
    ] = None,
    zip: Annotated[str | None, typer.Option(help="The recipient's postal code.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="DATE", help="From when on. Default: now.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show when a message to somebody may leave, and what time it is there."""
    place = find_place(data, config)
    start = _start(at)
    of_number, number = _number_of(mdn)
    zone = zone_of(zip=zip, country=country, mdn=number)
    there = _country(country) if country else of_number

    async def work(db: Database) -> datetime:
        await _class(db, class_id)
        openings = await WindowDirectory(db).get(class_id)
        return start if openings is None else openings.next(there, zone, start)

    found = with_database(place, work)
    facts: dict[str, object] = {"leaves_at": found, "zone": zone.key if zone else None}
    facts["there"] = found.astimezone(zone).isoformat() if zone else None
    print_facts({**facts, "waits": found > start}, as_json=as_json)


@app.command()
def usage(
    *,
    company: Annotated[int | None, typer.Option(metavar="ID", help="Only this company's.")] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="A UTC day of the last week. Default: today.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how much of the daily limits nodes have been handed.

    A little of it may not have been sent yet: a node leases ahead.
    """
    of_day = _start(day).date()
    found = with_database(
        find_place(data, config), lambda db: store.usage(db, of_day, company, MOST)
    )
    print_rows([{**row, "limit": row["most"]} for row in found], USAGE_COLUMNS, as_json=as_json)


async def _class(db: Database, class_id: str) -> Record:
    row = next((row for row in await store.classes(db) if row["id"] == class_id), None)
    if row is None:
        raise NotFound(f"There is no sender id class {class_id}.")
    return row


def _shown(row: Record) -> dict[str, object]:
    return {
        "id": row["id"],
        "peak": row["country_peak_throughput"],
        "peak_total": row["country_peak_total_throughput"],
        "daily": row["country_daily_throughput"],
        "delivery_window": row["delivery_window"],
    }


def _number(name: str, text: str | None, now: float | None) -> float | None:
    if text is None:
        return now
    if text == NONE:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(f"{name}: {text!r} is not a number or none.") from error


def _whole(name: str, text: str | None, now: float | None) -> int | None:
    number = _number(name, text, now)
    if number is None:
        return None
    if not number.is_integer():
        raise InvalidInput(f"{name}: {number} is not a whole number.")
    return int(number)


def _text(given: str) -> str:
    if not given.startswith("@"):
        return given
    path = Path(given[1:])
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: it is not UTF-8 text.") from error


def _start(text: str | None) -> datetime:
    try:
        return parse_date(text) or datetime.now(UTC)
    except ValueError as error:
        raise InvalidInput(f"DATE: {error}") from error


def _country(text: str) -> str:
    code = text.strip().upper()
    if code not in ALPHA_3 and code not in ALPHA_2:
        raise InvalidInput(f"--country: {text!r} is not an ISO 3166 code.")
    return ALPHA_2.get(code, code)


def _number_of(mdn: str | None) -> tuple[str | None, str | None]:
    """The country of a number, and the number in E.164."""
    if mdn is None:
        return None, None
    try:
        address = parse_address(mdn)
    except ValueError as error:
        raise InvalidInput(f"--to: {error}") from error
    return address.country, address.e164
