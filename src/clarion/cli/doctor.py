"""`clarion doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.markup import escape

from clarion.cli import checks
from clarion.cli.checks import Finding, Verdict
from clarion.cli.output import console, print_json
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place

MARKS = {
    Verdict.GOOD: "[green]good   [/green]",
    Verdict.WARNING: "[yellow]warning[/yellow]",
    Verdict.BAD: "[bold red]bad    [/bold red]",
}


def doctor(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Look for what is wrong with this installation, and say how to mend it.

    Changes nothing. Exits with 1 if something is bad; warnings do not count.
    """
    place = find_place(data, config)
    findings = [
        checks.settings_file(place),
        checks.data_directory(place),
        checks.disk(place),
        checks.listener(place),
        asyncio.run(checks.file_store(place)),
        *asyncio.run(checks.translation(place)),
        *checks.database(place),
        *asyncio.run(checks.connectors(place)),
    ]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(1)


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(finding.subject) for finding in findings)
    for each in findings:
        console.print(f"{MARKS[each.verdict]}  {escape(f'{each.subject:<{width}}  {each.words}')}")
        if each.mend:
            console.print(f"{'':{width + 11}}[bold]{escape(each.mend)}[/bold]")
