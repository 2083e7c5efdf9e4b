"""`clarion run`: everything in one process, for development and small sites.

Embedded PostgreSQL unless the settings name a database, migrations, a first company, application
and token, and the sandbox carrier unless connectors are configured. With `--workers` the work is
spread over processes, and this one only looks after them.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from clarion.app import ROLES, Node, serve_until_stopped
from clarion.cli import files, logs, running
from clarion.cli.first_run import (
    FirstSender,
    effective,
    first_credentials,
    first_sender,
    has_sandbox,
    open_vault,
)
from clarion.cli.output import console
from clarion.cli.place import ConfigOption, DataOption, Place, find_place
from clarion.cli.reach import bring_up_to_date
from clarion.cli.serve import WorkersOption, check_listen, open_listener
from clarion.cli.supervisor import supervise
from clarion.engine.accounts.model import Credentials
from clarion.engine.messages.leases import forget_all_nodes
from clarion.kit.vault import Vault
from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres

NO_SENDER = (
    "No sender id is ACTIVE and carried by a connector: make one with `clarion sender create`."
)
NUMBER = "+15557654321"
"""Whom the printed example writes to: any number is a phone of the sandbox's."""


@dataclass(frozen=True)
class _Start:
    """What a start has found and made, on the way to readiness."""

    place: Place
    settings: Settings
    vault: Vault
    credentials: Credentials
    sender: FirstSender | None
    ready_file: Path | None


def run(
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where to listen; port 0 picks a free one. Default: http.listen of the settings.",
        ),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the address and the credentials here, as JSON, once everything answers.",
        ),
    ] = None,
    workers: WorkersOption = 1,
) -> None:
    """Start a whole gateway: database, API, sandbox carrier."""
    place = find_place(data, config)
    settings = check_listen(place.settings, listen)
    logs.begin(settings)
    place.make()
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    with _server(place) as server:
        url = settings.database.url or _started(server)
        settings = effective(settings, database_url=url)
        uvloop.run(_run(place, settings, server, ready_file=ready_file, workers=workers))
    console.print("Stopped.")


@contextmanager
def _server(place: Place) -> Iterator[EmbeddedPostgres]:
    """The embedded server, not yet started; stopped at the end."""
    server = EmbeddedPostgres(place.data)
    try:
        yield server
    finally:
        server.stop()


def _started(server: EmbeddedPostgres) -> str:
    with console.status("Starting PostgreSQL ..."):
        return server.start()


async def _run(
    place: Place,
    settings: Settings,
    server: EmbeddedPostgres,
    *,
    ready_file: Path | None,
    workers: int,
) -> None:
    watch = asyncio.create_task(server.watch(), name="postgres") if server.pid else None
    try:
        start = await _prepare(place, settings, ready_file, alone=watch is not None)
        if workers == 1:
            await _serve_here(start)
        else:
            await supervise(
                start.settings,
                roles=ROLES,
                count=workers,
                secret_key_file=place.secret_key,
                ready=_ready(start),
            )
    finally:
        running.withdraw(place)
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def _prepare(
    place: Place, settings: Settings, ready_file: Path | None, *, alone: bool
) -> _Start:
    """The database's schema, and the first company's things in it."""
    vault = open_vault(place)
    db = await Database.connect(settings.database)
    try:
        with console.status("Preparing the database ..."):
            await bring_up_to_date(db, settings)
            if alone:
                await forget_all_nodes(db)
        credentials = await first_credentials(place, db)
        sender = await first_sender(db, vault, settings, credentials)
    finally:
        await db.close()
    return _Start(place, settings, vault, credentials, sender, ready_file)


async def _serve_here(start: _Start) -> None:
    listener = open_listener(start.settings.http.listen)
    node = Node(start.settings, roles=ROLES, vault=start.vault, listener=listener)
    ready = _ready(start)
    await serve_until_stopped(node, lambda node: ready(node.base_url))


def _ready(start: _Start) -> Callable[[str], Awaitable[None]]:
    async def tell(base_url: str) -> None:
        running.announce(start.place, base_url=base_url, database_url=start.settings.database.url)
        if start.ready_file is not None:
            files.write_private(start.ready_file, _readiness(start, base_url))
        _welcome(start, base_url)

    return tell


def _readiness(start: _Start, base_url: str) -> dict[str, object]:
    known, sender = start.credentials, start.sender
    missing = {} if sender else {"sender_missing": NO_SENDER}
    return missing | {
        "base_url": base_url,
        "token": known.token,
        "application_id": known.application_id,
        "consumer_key": known.consumer_key,
        "consumer_secret": known.consumer_secret,
        "sender_id": sender.sender_id if sender else None,
        "sender_address": sender.sender_address if sender else None,
    }


def _welcome(start: _Start, base_url: str) -> None:
    console.print(f"\n[bold]Clarion is ready at {base_url}[/bold]   (Ctrl-C stops it)\n")
    console.print(f"  Access token  {start.credentials.token}", markup=False)
    console.print(f"  Data          {start.place.data}", markup=False)
    console.print(f"  Reference     {base_url}/docs", markup=False)
    console.print("  Events        may be posted to programs on this machine", markup=False)
    if start.sender is None:
        console.print(f"\n{NO_SENDER}", markup=False)
        return
    console.print("\nSend a message:\n")
    console.print(_example(start.sender, start.credentials.token, base_url), markup=False)
    if has_sandbox(start.settings):
        console.print("\nSee it arrive on the virtual phone, and answer from there:\n")
        command, data = f"  {_command()} sandbox", f"--data {start.place.data}"
        console.print(f"{command} watch {data}", markup=False)
        console.print(f"{command} answer {NUMBER} 'Hello yourself' {data}\n", markup=False)


def _command() -> str:
    """What to type for this program: in an environment of its own it may not be on the PATH."""
    called = sys.argv[0]
    return called if called.endswith("/clarion") and not shutil.which("clarion") else "clarion"


def _example(sender: FirstSender, token: str, base_url: str) -> str:
    body = f'{{"from":"sender_id:{sender.sender_id}","to":["{NUMBER}"],"body":"Hello"}}'
    return (
        f"  curl -X POST {base_url}/scg-external-api/api/v1/messaging/message_requests \\\n"
        f"    -H 'Authorization: Bearer {token}' \\\n"
        f"    -H 'Content-Type: application/json' \\\n"
        f"    -d '{body}'"
    )
