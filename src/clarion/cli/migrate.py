"""`clarion migrate`: bring the database to this release's schema."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from clarion.cli.output import console
from clarion.cli.place import ConfigOption, DataOption, Place, find_place
from clarion.cli.reach import bring_up_to_date, database_url
from clarion.storage.database import Database
from clarion.storage.migrate import pending


def migrate(
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if something is missing.")
    ] = False,
) -> None:
    """Bring the database to this release's schema.

    Migrations run beside the release before them: do this first, then change the programs.
    """
    place = find_place(data, config)
    with database_url(place) as url:
        names = asyncio.run(_migrate(place, url, check_only=check))
    for name in names:
        console.print(f"{'missing' if check else 'applied'}  {name}", markup=False)
    if not names:
        console.print("The database is up to date.")
    if check and names:
        raise typer.Exit(1)


async def _migrate(place: Place, url: str, *, check_only: bool) -> list[str]:
    db = await Database.connect(place.settings.database, url=url)
    try:
        if check_only:
            return await pending(db)
        return await bring_up_to_date(db, place.settings)
    finally:
        await db.close()
