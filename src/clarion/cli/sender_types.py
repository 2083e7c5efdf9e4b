"""`clarion type`: what messages of a sender id type may carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from clarion.cli.output import print_facts, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.senders.mime_types import set_mime_types, types

COLUMNS = ("id", "capabilities", "allowed_mime_types", "blocked_mime_types")
NONE = "none"
app = typer.Typer(no_args_is_help=True, help="Sender id types: what their messages may carry.")

TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="EMAIL, LONGCODE ...")]


@app.command("list")
def list_(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show the types with the MIME types that they allow and block."""
    found = with_database(find_place(data, config), types)
    print_rows([dict(row) for row in found], COLUMNS, as_json=as_json)


@app.command("set")
def set_(
    type_id: TypeArgument,
    *,
    allow_mime: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPES",
            help="The only MIME types of attachments and media, with commas between; or none: "
            "all but the blocked ones.",
        ),
    ] = None,
    block_mime: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPES", help="MIME types that are never sent; or none."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what messages of a type may carry. Nodes follow within a second."""
    allowed, blocked = _listed(allow_mime), _listed(block_mime)
    if allowed is None and blocked is None:
        raise typer.BadParameter("Name --allow-mime, --block-mime or both.")
    row = with_database(
        find_place(data, config),
        lambda db: set_mime_types(db, type_id, allowed=allowed, blocked=blocked),
    )
    print_facts(dict(row), as_json=as_json)


def _listed(given: Sequence[str] | None) -> list[str] | None:
    """The types of an option, which can be there several times; None: it is not."""
    if not given:
        return None
    found = [text.strip() for each in given for text in each.split(",")]
    return [] if found == [NONE] else found
