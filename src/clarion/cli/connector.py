"""`clarion connector`: the ways to carriers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import typer
from rich.markup import escape

from clarion.cli.first_run import effective
from clarion.cli.gateway import Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.nodes import find_nodes, ready_here
from clarion.cli.output import console, print_json, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, Place, find_place
from clarion.connectors.smpp.probe import ProbeReport, probe
from clarion.engine.messages.ports import Encoding, Submission
from clarion.errors import ClarionError, InvalidInput
from clarion.kit import ids
from clarion.kit.e164 import parse_address
from clarion.kit.segments import segment
from clarion.settings import ConnectorSettings, SettingsError, SmppConnector

COLUMNS = ("name", "kind", "carrier", "default", "ready", "state", "binds")
app = typer.Typer(no_args_is_help=True, help="Connectors: the ways to carriers.")


@app.command("list")
def list_(
    *,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the connectors of the settings and, if gateways run, how they are and who binds."""
    place = find_place(data, config)
    nodes = find_nodes(place)
    states = _states(place, url, token) or (ready_here(place, nodes) or {}).get("connectors", {})
    rows = []
    for name, each in connectors(place).items():
        state = states.get(name, {})
        row: dict[str, object] = {"name": name, "kind": _kind(each), "carrier": _carrier(each)}
        row |= {"default": each.default, "ready": state.get("ready"), "state": state.get("words")}
        row["binds"] = [f"{n.binds[name]} on {n.name}" for n in nodes if name in n.binds]
        rows.append(row)
    print_rows(rows, COLUMNS, as_json=as_json)


@app.command("test")
def try_out(
    name: Annotated[str, typer.Argument(help="The connector's name in the settings.")],
    *,
    send_to: Annotated[
        str | None,
        typer.Option("--send-to", metavar="NUMBER", help="Send one message to this number."),
    ] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The message's sender address.")
    ] = None,
    text: Annotated[str, typer.Option(help="The message.")] = "Test message from Clarion",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Connect to a carrier, show what it answers, and send one message if asked.

    Nothing is stored. The test binds beside the gateway's own binds: a carrier that allows no
    further bind says so.
    """
    place = find_place(data, config)
    chosen = connectors(place).get(name)
    if chosen is None:
        raise SettingsError(f"connectors: there is none named {name!r}")
    if not isinstance(chosen, SmppConnector):
        raise ClarionError(
            f"{name} is inside the gateway and has no carrier to test; `clarion send` tries it."
        )
    message = _message(chosen, send_to, sender, text) if send_to else None
    with console.status(f"Testing {name} ..."):
        report = asyncio.run(probe(name, chosen, send=message))
    _print_report(report, as_json=as_json)
    if not report.ok:
        raise typer.Exit(1)


def connectors(place: Place) -> dict[str, ConnectorSettings]:
    """Those of the settings; with an embedded database, what `clarion run` would use."""
    if place.settings.database.url:
        return place.settings.connectors
    return effective(place.settings, database_url="").connectors


def _states(place: Place, url: str | None, token: str | None) -> dict[str, dict[str, Any]]:
    """By name; nothing when no gateway answers. A node tells only of its own connectors."""
    with suppress(ClarionError):
        gateway: Gateway = find_gateway(place, url, token)
        found: dict[str, dict[str, Any]] = gateway.get("/readyz")["connectors"]
        return found
    return {}


def _kind(settings: ConnectorSettings) -> str:
    return str(settings.__struct_config__.tag)


def _carrier(settings: ConnectorSettings) -> str:
    if isinstance(settings, SmppConnector):
        return f"{settings.host}:{settings.port}"
    return "virtual handsets"


def _message(settings: SmppConnector, to: str, sender: str | None, text: str) -> Submission:
    if sender is None:
        raise typer.BadParameter("--send-to needs --from, the sender address.")
    try:
        destination = parse_address(to).e164
    except ValueError as error:
        raise InvalidInput(f"--send-to: {error}") from error
    cut = segment(text, latin1=settings.latin1)
    id = ids.new_id()
    return Submission(
        message_id=id,
        source=sender.removeprefix("+"),
        destination=destination,
        parts=cut.parts,
        pending=tuple(range(1, len(cut.parts) + 1)),
        encoding=Encoding(cut.encoding.value),
        reference=id.int & 0xFF,
        expires_at=None,
        priority=0,
    )


def _print_report(report: ProbeReport, *, as_json: bool) -> None:
    if as_json:
        print_json({"connector": report.connector, "ok": report.ok, "steps": report.steps})
        return
    for step in report.steps:
        mark = "[green]ok    [/green]" if step.ok else "[red]failed[/red]"
        milliseconds = f"{step.seconds * 1000:7.1f} ms"
        console.print(f"{mark}  {milliseconds}  {escape(f'{step.name}: {step.words}')}")
