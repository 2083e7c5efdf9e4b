"""What `clarion run` adds to the settings, and nobody else does."""

from __future__ import annotations

from clarion.cli.first_run import effective
from clarion.connectors.webhook.guard import Guard
from clarion.settings import Events, Settings


def test_run_may_post_events_to_this_machine_beside_what_is_allowed() -> None:
    settings = Settings(events=Events(allowed_networks=("10.1.0.0/16",)))
    guard = Guard(effective(settings, database_url="postgresql://x/y").events.allowed_networks)
    for address in ("127.0.0.1", "::1", "10.1.2.3"):
        assert guard.refusal(address) is None
    for address in ("169.254.169.254", "192.168.1.1", "10.2.0.1"):
        assert guard.refusal(address)


def test_nothing_private_is_allowed_by_itself() -> None:
    assert Guard(Settings().events.allowed_networks).refusal("127.0.0.1") == "loopback"
