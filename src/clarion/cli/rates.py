"""`clarion rates`: price lists."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, TextIO

import typer

from clarion.cli.output import print_facts, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.billing.model import TableInfo, parse_country, parse_name
from clarion.engine.billing.ratefile import read_rates
from clarion.engine.billing.rates import RateTable, drop_table, list_tables, load_rates
from clarion.errors import InvalidInput, NotFound
from clarion.kit.dates import parse_date
from clarion.storage.database import Database

COLUMNS = ("starts_at", "in_force", "rates", "source", "loaded_at")
STANDARD_INPUT = "-"
app = typer.Typer(no_args_is_help=True, help="Price lists: what a fragment of a message costs.")


@app.command()
def load(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, or - for standard input.")],
    *,
    starts: Annotated[
        str | None, typer.Option(metavar="DATE", help="From when it is in force. Default: now.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a price list, all of it or, if a line is wrong, nothing.

    The heading names columns: country and price, and as wanted sender_type, medium, operator and
    company. A blank or * is any. A list with the same start is replaced.
    """
    place = find_place(data, config)
    starts_at = (
        datetime.now(UTC).replace(microsecond=0) if starts is None else _date("--starts", starts)
    )
    source = "standard input" if file == STANDARD_INPUT else Path(file).name

    async def work(db: Database) -> TableInfo:
        with _opened(file) as lines:
            return await load_rates(db, read_rates(lines), starts_at=starts_at, source=source)

    loaded = with_database(place, work)
    facts = {"starts_at": loaded.starts_at, "rates": loaded.rates, "source": loaded.source}
    print_facts({**facts, "currency": place.settings.billing.currency}, as_json=as_json)


@app.command("list")
def list_(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the price lists, the latest start first."""
    found = with_database(find_place(data, config), list_tables)
    now = datetime.now(UTC)
    current = next((table.id for table in found if table.starts_at <= now), None)
    rows = [
        {
            "starts_at": table.starts_at,
            "in_force": table.id == current,
            "rates": table.rates,
            "source": table.source,
            "loaded_at": table.loaded_at,
        }
        for table in found
    ]
    print_rows(rows, COLUMNS, as_json=as_json)


@app.command()
def price(
    country: Annotated[str, typer.Argument(help="The recipient's country, as ISO 3166 names it.")],
    *,
    type_id: Annotated[str, typer.Option("--type", help="The sender id's type.")] = "LONGCODE",
    medium: Annotated[str, typer.Option(help="SMS, MMS, PSH or EMAIL.")] = "SMS",
    operator: Annotated[str | None, typer.Option(help="The recipient's carrier.")] = None,
    company: Annotated[int, typer.Option(metavar="ID", help="Who sends.")] = 0,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a fragment costs now."""
    place = find_place(data, config)
    where = parse_country(country)
    kind, what = parse_name(type_id, field="--type"), parse_name(medium, field="--medium")

    async def work(db: Database) -> Decimal | None:
        table = RateTable(db)
        await table.refresh()
        return table.price(company, kind, where, operator, what)

    found = with_database(place, work)
    if found is None:
        raise NotFound("No rate fits: such messages are not sent while billing is on.")
    print_facts(
        {"price": money(found), "currency": place.settings.billing.currency}, as_json=as_json
    )


@app.command()
def drop(
    starts: Annotated[str, typer.Argument(metavar="DATE", help="Its start, as listed.")],
    *,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Take back a price list; what was charged by it stays charged."""
    starts_at = _date("DATE", starts)
    with_database(find_place(data, config), lambda db: drop_table(db, starts_at))


def money(amount: Decimal) -> str:
    """Without zeros at its end."""
    return f"{amount.normalize():f}"


def _date(name: str, text: str) -> datetime:
    try:
        at = parse_date(text)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {error}") from error
    if at is None:
        raise typer.BadParameter(f"{name}: it is blank.")
    return at


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    try:
        if file == STANDARD_INPUT:
            yield sys.stdin
            return
        with Path(file).open(encoding="utf-8", newline="") as lines:
            yield lines
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file}: it is not UTF-8 text: {error.reason}") from error
