"""What `clarion listen` posts: what a webhook would."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from clarion import __version__
from clarion.cli.following import Followed
from clarion.cli.listen import _headers
from clarion.connectors.webhook.request import rest_of
from clarion.connectors.webhook.signing import keys_of
from clarion.engine.events.bodies import JSON_TYPE
from clarion.engine.events.model import Event, Format
from clarion.kit import ids

EVENT = Event(
    company_id=1000,
    id=ids.new_id(),
    external_id=None,
    topic="SCG-Message",
    type="message_state_change",
    key="ключ",
    at=datetime(2026, 11, 22, 9, 8, 7, 654000, UTC),
    body='{"new_state":"SENT"}',
)
KEYS = keys_of(["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="])


def test_the_headers_are_those_of_a_webhook() -> None:
    raw = rest_of(EVENT, attempt=1, form=Format.JSON, keys=KEYS)
    head, _, body = raw.partition(b"\r\n\r\n")
    wanted = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    wanted |= {"User-Agent": f"Clarion/{__version__}", "Content-Type": JSON_TYPE}
    found = _headers(Followed(body, EVENT.key, msgspec.json.decode(body)), KEYS)
    timely = {"Content-Length", "webhook-timestamp", "webhook-signature"}
    assert {name: found[name] for name in wanted.keys() - timely} == {
        name: wanted[name] for name in wanted.keys() - timely
    }
    assert wanted.keys() - found.keys() == {"Content-Length"}  # that is the client's to add
