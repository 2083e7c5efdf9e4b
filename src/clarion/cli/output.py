"""What commands print: tables for people, JSON for scripts, errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDE = 240  # columns of a table that goes to a file or a pipe

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Indented, and nothing else on standard output."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    print(encoded.decode("utf-8"))


def print_line(value: object) -> None:
    """One line of JSON, at once: for what goes on."""
    sys.stdout.buffer.write(msgspec.json.encode(value, enc_hook=str) + b"\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Without control characters, which could rewrite the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool
) -> None:
    """One table, or a JSON array of objects with these keys."""
    if as_json:
        print_json([{c: row.get(c) for c in columns} for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(escape(_words(row.get(c))) for c in columns))
    console.print(table)
    if not rows:
        console.print("[dim]none[/dim]")


def print_facts(facts: Mapping[str, object], *, as_json: bool) -> None:
    """One thing, a line for each of its facts."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.print(
            f"[bold]{escape(name.replace('_', ' ')):<{width}}[/bold]  {escape(_words(value))}"
        )


def print_error(words: str, mend: str = "") -> None:
    _tell("[bold red]error:[/bold red]", words, mend)


def print_warning(words: str, mend: str = "") -> None:
    """It was done, and not all of it."""
    _tell("[yellow]warning:[/yellow]", words, mend)


def _tell(kind: str, words: str, mend: str) -> None:
    errors.print(f"{kind} {escape(words)}")
    for line in mend.splitlines():
        errors.print(f"       {escape(line)}")


def _words(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value)
