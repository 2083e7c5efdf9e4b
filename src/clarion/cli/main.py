"""The command `clarion`: every subcommand, and what becomes of errors.

Exit codes: 0 done; 1 it failed; 2 the command line or the settings are wrong; 3 the database or
the gateway cannot be reached.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from clarion.cli import (
    application,
    classes,
    company,
    connector,
    consent,
    credit,
    doctor,
    events,
    listen,
    messages,
    migrate,
    rates,
    replay,
    run,
    sandbox,
    send,
    sender,
    sender_types,
    serve,
    settings,
)
from clarion.cli.output import print_error
from clarion.errors import ClarionError, Unavailable
from clarion.settings import SettingsError

FAILED, WRONG_USAGE, OUT_OF_REACH = 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Clarion, a communications gateway. Begin with [bold]clarion run[/bold].",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 out of reach.",
)

GATEWAY, OPERATE, TRY = "Run the gateway", "Look after it", "Use it"
app.command(rich_help_panel=GATEWAY)(run.run)
app.command(rich_help_panel=GATEWAY)(serve.serve)
app.command(rich_help_panel=GATEWAY)(migrate.migrate)
app.command(rich_help_panel=OPERATE)(doctor.doctor)
app.command(rich_help_panel=OPERATE)(settings.settings)
app.add_typer(company.app, name="company", rich_help_panel=OPERATE)
app.add_typer(application.app, name="application", rich_help_panel=OPERATE)
app.add_typer(sender.app, name="sender", rich_help_panel=OPERATE)
app.add_typer(classes.app, name="class", rich_help_panel=OPERATE)
app.add_typer(sender_types.app, name="type", rich_help_panel=OPERATE)
app.add_typer(rates.app, name="rates", rich_help_panel=OPERATE)
app.add_typer(credit.app, name="credit", rich_help_panel=OPERATE)
app.add_typer(connector.app, name="connector", rich_help_panel=OPERATE)
app.add_typer(consent.app, name="consent", rich_help_panel=OPERATE)
app.command(rich_help_panel=TRY)(send.send)
app.command(rich_help_panel=TRY)(messages.messages)
app.command(rich_help_panel=TRY)(listen.listen)
app.command(rich_help_panel=TRY)(replay.replay)
app.add_typer(events.app, name="events", rich_help_panel=TRY)
app.add_typer(sandbox.app, name="sandbox", rich_help_panel=TRY)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        print(f"clarion {version('clarion-gateway')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda wanted: _print_version(wanted=wanted),
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    try:
        app(arguments, prog_name="clarion")
    except SettingsError as error:
        print_error(str(error), "`clarion settings --markdown` describes every setting.")
        sys.exit(WRONG_USAGE)
    except Unavailable as error:
        print_error(error.message)
        sys.exit(OUT_OF_REACH)
    except ClarionError as error:
        print_error(error.message)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
