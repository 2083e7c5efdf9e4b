"""`clarion consent`: what carriers say about whom not to write to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from msgspec.structs import asdict
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from clarion.cli.output import errors, print_error, print_facts, print_rows, print_warning
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.consent.addresses import carriers
from clarion.engine.consent.addresses.carriers import Load, Mode, Watch
from clarion.kit.words import counted
from clarion.storage.database import Database

COLUMNS = ("operator", "numbers", "loaded_at")
STDIN = "-"
app = typer.Typer(no_args_is_help=True, help="Consent: black lists of carriers.")


@app.command("load-blacklist")
def load_blacklist(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="One number a line; - is standard input.")
    ],
    *,
    operator: Annotated[str, typer.Option(metavar="NAME", help="The carrier whose list it is.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="It is the whole list: others are taken off.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Its numbers are taken off the list.")
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load numbers that nobody may write to, whatever they have agreed to.

    Behind a number, after a comma, may be anything. Running it again is harmless. Exits with 1 if
    no line is a number.
    """
    mode = _mode(replace=replace, remove=remove)
    place = find_place(data, config)
    with _lines(file) as lines, _shown() as watch:

        async def work(db: Database) -> Load:
            return await carriers.load(db, operator, lines, mode=mode, watch=watch)

        done = with_database(place, work)
    print_facts(_facts(done, as_json=as_json), as_json=as_json)
    nothing = done.wrong > 0 and done.numbers == 0
    if done.wrong and not as_json:
        words = counted(done.wrong, "line is no number:", "lines are no numbers:")
        tell = print_error if nothing else print_warning
        tell(words, "\n".join(done.faults))
    if nothing:
        raise typer.Exit(1)


@app.command()
def blacklists(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show which carriers have a list."""
    rows = with_database(find_place(data, config), carriers.listed)
    print_rows(rows, COLUMNS, as_json=as_json)


def _mode(*, replace: bool, remove: bool) -> Mode:
    if replace and remove:
        raise typer.BadParameter("Choose one of --replace and --remove.")
    return Mode.REPLACE if replace else Mode.REMOVE if remove else Mode.ADD


@contextmanager
def _lines(file: str) -> Iterator[TextIO]:
    """Read as a stream; a byte that is no UTF-8 makes its line a wrong one and no more."""
    if file == STDIN:
        yield sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as opened:
            yield opened
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise typer.BadParameter(f"{file}: {error.strerror}.") from error


@contextmanager
def _shown() -> Iterator[Watch]:
    """A line on standard error that tells how far it is; none where nobody looks."""
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("reading")

        def watch(done: Load) -> None:
            words = f"{done.numbers:,} numbers, {done.statuses:,} statuses changed"
            bar.update(task, description=words)

        yield watch


def _facts(done: Load, *, as_json: bool) -> dict[str, object]:
    facts = asdict(done)
    if not as_json:
        del facts["faults"]
    return facts
