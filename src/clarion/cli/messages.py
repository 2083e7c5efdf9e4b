"""`clarion messages`: what was sent and received, through the API of a running gateway."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from clarion.cli.gateway import API, Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.output import console, print_json, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place

COLUMNS = ("created", "direction", "state", "from_address", "to_address", "failure_code", "body")
POLL = 1.0
MAX_BODY = 60


def messages(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 20,
    state: Annotated[str | None, typer.Option(help="Only these states: SENT,FAILED ...")] = None,
    direction: Annotated[str | None, typer.Option(help="MT: sent. MO: received.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on, and show every change as it comes.")
    ] = False,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show messages, newest last."""
    gateway = find_gateway(find_place(data, config), url, token)
    filters: dict[str, object] = {"limit": limit, "state": state, "direction": direction}
    found = _newest(gateway, filters)
    if as_json and not follow:
        print_json(found)
        return
    if not as_json:
        print_rows([_shown(each) for each in found], COLUMNS, as_json=False)
    if follow:
        _follow(gateway, filters, found, as_json=as_json)


def _newest(gateway: Gateway, filters: dict[str, object]) -> list[dict[str, Any]]:
    answer = gateway.get(f"{API}/messaging/messages", sort="-created_date", **filters)
    return list(reversed(answer["list"]))


def _follow(
    gateway: Gateway, filters: dict[str, object], found: list[dict[str, Any]], *, as_json: bool
) -> None:
    """Until Ctrl-C. A message comes again whenever its version has changed."""
    seen = {each["id"]: each.get("version_number") for each in found}
    while True:
        time.sleep(POLL)
        listed = _newest(gateway, filters)
        for each in listed:
            if seen.get(each["id"], -1) != each.get("version_number"):
                _print_change(each, as_json=as_json)
        seen = {each["id"]: each.get("version_number") for each in listed}


def _print_change(message: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(message)
        return
    shown = _shown(message)
    console.print("  ".join(str(shown[c]) for c in COLUMNS if shown[c]), markup=False)


def _shown(message: dict[str, Any]) -> dict[str, object]:
    created = message.get("created_date")
    body = str(message.get("body") or "")
    return {
        **{column: message.get(column) for column in COLUMNS},
        "created": _clock(created) if isinstance(created, int) else created,
        "body": body if len(body) <= MAX_BODY else body[: MAX_BODY - 3] + "...",
    }


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
