"""`clarion send`: one message through the API of a running gateway."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from clarion.cli.gateway import API, Gateway, TokenOption, UrlOption, find_gateway
from clarion.cli.output import console, print_facts
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.errors import NotFound, Unavailable

POLL = 0.1
FINISHED = frozenset({"COMPLETED", "CANCELED", "REJECTED"})
SETTLED = frozenset({"DELIVERED", "READ", "CONVERTED", "FAILED", "EXPIRED", "CANCELED", "TEST"})
SHOWN = (
    "id", "state", "recipient_count", "sent_count", "delivered_count", "failed_count",
    "failure_code", "failure_details",
)  # fmt: skip


def send(
    to: Annotated[list[str], typer.Argument(help="Whom to: numbers with their country code.")],
    text: Annotated[str, typer.Option("--text", "-t", help="The message.")],
    *,
    sender: Annotated[
        str | None,
        typer.Option(
            "--from", "-f", help="A sender id or its address. Default: the first ACTIVE one."
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Wait so long for the delivery receipts; 0: do not."
        ),
    ] = 0,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message through the API of a running gateway."""
    gateway = find_gateway(find_place(data, config), url, token)
    body = {"from": sender or _first_sender(gateway), "to": to, "body": text}
    made = gateway.post(f"{API}/messaging/message_requests", body)
    request = _watched(gateway, made["id"], wait) if wait else _request(gateway, made["id"])
    print_facts({name: request.get(name) for name in SHOWN if name in request}, as_json=as_json)
    if request.get("failed_count"):
        raise typer.Exit(1)


def _request(gateway: Gateway, id: str) -> dict[str, Any]:
    found: dict[str, Any] = gateway.get(f"{API}/messaging/message_requests/{id}")
    return found


def _first_sender(gateway: Gateway) -> str:
    listed = gateway.get(f"{API}/messaging/sender_ids", state="ACTIVE", limit=1)["list"]
    if not listed:
        raise NotFound("There is no ACTIVE sender id: make one with `clarion sender create`.")
    return f"sender_id:{listed[0]['id']}"


def _watched(gateway: Gateway, id: str, seconds: float) -> dict[str, Any]:
    """The request once all of its messages are settled. Unavailable: time is up."""
    deadline = time.monotonic() + seconds
    with console.status("Waiting for delivery receipts ..."):
        while True:
            request = _request(gateway, id)
            if request["state"] in FINISHED and _all_settled(gateway, id):
                return _request(gateway, id)  # read again: receipts may have come in between
            if time.monotonic() > deadline:
                raise Unavailable(f"After {seconds:.0f} s the request is {request['state']}.")
            time.sleep(POLL)


def _all_settled(gateway: Gateway, id: str) -> bool:
    path = f"{API}/messaging/message_requests/{id}/messages"
    return all(message["state"] in SETTLED for message in gateway.get(path)["list"])
