"""`clarion company`: tenants."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clarion.cli.output import print_facts, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.accounts import service

COLUMNS = ("id", "name", "weight", "created_at")
app = typer.Typer(no_args_is_help=True, help="Companies: the tenants of the gateway.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name, unique on this gateway.")],
    *,
    weight: Annotated[
        int, typer.Option(min=1, max=100, help="Its share of sending while others send as well.")
    ] = 1,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a company. Give it an application next."""
    place = find_place(data, config)
    made = with_database(place, lambda db: service.create_company(db, name=name, weight=weight))
    print_facts(asdict(made), as_json=as_json)


@app.command("list")
def list_(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show all companies."""
    found = with_database(find_place(data, config), service.list_companies)
    print_rows([asdict(company) for company in found], COLUMNS, as_json=as_json)
