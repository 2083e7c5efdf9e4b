"""`clarion sender`: sender ids, from the operator's side."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from asyncpg import Record

from clarion.cli.first_run import SQL, open_vault
from clarion.cli.output import print_facts, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import get_application
from clarion.engine.senders.model import NewSender, Ownership, SenderState
from clarion.engine.senders.service import create_sender, provision
from clarion.errors import NotFound
from clarion.kit import ids
from clarion.settings import SettingsError
from clarion.storage.database import Database

COLUMNS = ("id", "company_id", "address", "type_id", "class_id", "state", "ownership", "connector")
MOST = 10_000
app = typer.Typer(no_args_is_help=True, help="Sender ids: the addresses that messages leave from.")

SenderArgument = Annotated[str, typer.Argument(metavar="SENDER_ID", help="The sender id's id.")]


@app.command("list")
def list_(
    *,
    company: Annotated[int | None, typer.Option(metavar="ID", help="Only this company's.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show sender ids."""
    place = find_place(data, config)
    rows = with_database(place, lambda db: db.fetch(SQL["list_senders"], company, MOST))
    print_rows([_shown(row) for row in rows], COLUMNS, as_json=as_json)


@app.command()
def create(
    application: Annotated[
        int, typer.Argument(metavar="APPLICATION", help="The application that it is for.")
    ],
    address: Annotated[str, typer.Argument(help="The number, short code or name.")],
    *,
    type_id: Annotated[
        str, typer.Option("--type", help="SHORTCODE, LONGCODE, TOLLFREE, ALPHANUMERIC ...")
    ] = "LONGCODE",
    class_id: Annotated[
        str, typer.Option("--class", help="COMMERCIAL, NOTIFICATIONS or ALERTS.")
    ] = "NOTIFICATIONS",
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    ownership: Annotated[
        Ownership, typer.Option(help="SHARED and PREPROVISIONED are for the operator's company.")
    ] = Ownership.PRIVATE,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a sender id that is ACTIVE at once: it is the operator who asks."""
    place = find_place(data, config)
    vault = open_vault(place)
    new = NewSender(
        type_id=type_id,
        class_id=class_id,
        address=address,
        name=name,
        ownership=ownership,
        state=SenderState.ACTIVE,
    )

    async def make(db: Database) -> Record:
        owner = await get_application(db, application)
        caller = Caller(owner.company_id, owner.id)
        id = await create_sender(db, vault, caller, new, auto_provision=True)
        return await _sender(db, id)

    print_facts(_shown(with_database(place, make)), as_json=as_json)


@app.command("provision")
def provision_(
    sender_id: SenderArgument,
    *,
    state: Annotated[
        SenderState, typer.Option(help="What it becomes: IMPLEMENTED, ACTIVE, INACTIVE, BROKEN.")
    ] = SenderState.IMPLEMENTED,
    connector: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who carries it. Default: as the settings route it."),
    ] = None,
    country: Annotated[str | None, typer.Option(help="Its country, as ISO 3166 names it.")] = None,
    operators: Annotated[
        list[str] | None, typer.Option("--operator", help="A carrier that it works with.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a sender id is set up with its carrier, or broken, or in order again."""
    place = find_place(data, config)
    if connector is not None and connector not in place.settings.connectors:
        raise SettingsError(f"connectors: there is none named {connector!r}")
    id = _parse(sender_id)

    async def work(db: Database) -> Record:
        found = await _sender(db, id)
        await provision(
            db,
            found["company_id"],
            id,
            state=state,
            connector=connector,
            country=country,
            operators=operators,
        )
        return await _sender(db, id)

    print_facts(_shown(with_database(place, work)), as_json=as_json)


async def _sender(db: Database, id: UUID) -> Record:
    row = await db.fetchrow(SQL["sender_of_id"], id)
    if row is None:
        raise NotFound(f"There is no sender id {ids.show(id)}.")
    return row


def _parse(text: str) -> UUID:
    id = ids.parse(text)
    if id is None:
        raise NotFound(f"There is no sender id {text!r}.")
    return id


def _shown(row: Record) -> dict[str, object]:
    return {**row, "id": ids.show(row["id"])}
