"""`clarion serve`: any mix of roles, any number of processes, on a database of the operator's."""

from __future__ import annotations

from socket import socket
from typing import Annotated

import typer
import uvloop
from msgspec import structs

from clarion.api.listening import bind
from clarion.app import API, ROLES, Node, serve_until_stopped
from clarion.cli import logs
from clarion.cli.first_run import open_vault
from clarion.cli.output import console
from clarion.cli.place import ConfigOption, DataOption, Place, find_place
from clarion.cli.reach import check_up_to_date
from clarion.cli.supervisor import supervise
from clarion.errors import Conflict
from clarion.settings import Settings, SettingsError, check_address
from clarion.storage.database import Database

WorkersOption = Annotated[
    int, typer.Option(min=1, max=256, metavar="N", help="Processes to spread the work over.")
]


def serve(
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    roles: Annotated[
        str,
        typer.Option(metavar="ROLE,...", help="What this node does: api, dispatch, events, jobs."),
    ] = "api,dispatch,events,jobs",
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Default: http.listen of the settings."),
    ] = None,
    workers: WorkersOption = 1,
) -> None:
    """Run a node of an installation on its PostgreSQL (database.url)."""
    place = find_place(data, config)
    settings = check_listen(place.settings, listen)
    wanted = _roles(roles)
    if not settings.database.url:
        raise SettingsError(
            "database.url: `clarion serve` needs a PostgreSQL; `clarion run` brings its own"
        )
    logs.begin(settings)
    shown = API in wanted or listen is not None
    uvloop.run(_serve(place, settings, wanted, workers, shown=shown))


async def _serve(
    place: Place, settings: Settings, roles: frozenset[str], workers: int, *, shown: bool
) -> None:
    """`shown`: the node listens, if only to show how it is."""
    db = await Database.connect(settings.database)
    try:
        await check_up_to_date(db)
    finally:
        await db.close()
    vault = open_vault(place)
    if workers > 1:
        await supervise(
            settings,
            roles=roles,
            count=workers,
            secret_key_file=place.secret_key,
            ready=lambda base_url: _tell(base_url, roles),
        )
        return
    listener = open_listener(settings.http.listen) if shown else None
    node = Node(settings, roles=roles, vault=vault, listener=listener)
    await serve_until_stopped(node, lambda node: _tell(node.base_url, roles))


async def _tell(base_url: str, roles: frozenset[str]) -> None:
    where = f" at {base_url}" if base_url else ""
    console.print(f"Clarion is ready{where}: {', '.join(sorted(roles))}", markup=False)


def _roles(text: str) -> frozenset[str]:
    found = frozenset(filter(None, (role.strip() for role in text.split(","))))
    unknown = found - ROLES
    if unknown or not found:
        known = ", ".join(sorted(ROLES))
        words = f"{', '.join(sorted(unknown)) or 'nothing'}: the roles are {known}."
        raise typer.BadParameter(words, param_hint="--roles")
    return found


def check_listen(settings: Settings, listen: str | None) -> Settings:
    """The settings with the address of the command line, if it names one."""
    if listen is None:
        return settings
    check_address("--listen", listen)
    return structs.replace(settings, http=structs.replace(settings.http, listen=listen))


def open_listener(listen: str) -> socket:
    """Bound at once, so that a port that is taken is known before anything starts."""
    try:
        return bind(listen)
    except OSError as error:
        raise Conflict(cannot_listen(listen, error)) from error


def cannot_listen(listen: str, error: OSError) -> str:
    return f"Cannot listen on {listen}: {error.strerror}. Choose another with --listen."
