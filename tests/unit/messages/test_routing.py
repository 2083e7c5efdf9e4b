"""Which connector carries a sender id."""

from __future__ import annotations

import pytest

from clarion.engine.messages.routing import connector_for
from clarion.settings import ConnectorSettings, SandboxConnector, SmppConnector


def _connectors(**connectors: SandboxConnector) -> dict[str, ConnectorSettings]:
    return dict(connectors)


ANY = SandboxConnector()
DEFAULT = SandboxConnector(default=True)


def _for(*addresses: str) -> SandboxConnector:
    return SandboxConnector(addresses=addresses)


@pytest.mark.parametrize(
    ("words", "connectors", "wanted", "carries"),
    [
        ("the operator's choice wins", _connectors(a=_for("12345"), b=ANY), "b", "b"),
        ("a choice that is gone is not replaced", _connectors(a=DEFAULT), "b", None),
        ("a whole address", _connectors(a=_for("1*"), b=_for("12345"), c=DEFAULT), None, "b"),
        ("the longest beginning", _connectors(a=_for("1*"), b=_for("123*"), c=ANY), None, "b"),
        ("a whole one beats a pattern", _connectors(a=_for("12345*"), b=_for("12345")), None, "b"),
        ("any address", _connectors(a=_for("*"), b=ANY), None, "a"),
        ("several patterns", _connectors(a=_for("9*", "12*"), b=_for("1*")), None, "a"),
        ("the default", _connectors(a=ANY, b=DEFAULT), None, "b"),
        ("the only one", _connectors(a=ANY), None, "a"),
        ("the only one, though for others", _connectors(a=_for("9*")), None, "a"),
        ("several and none of them", _connectors(a=ANY, b=_for("9*")), None, None),
        ("none at all", _connectors(), None, None),
    ],
)  # fmt: skip
def test_a_sender_is_carried_by(
    words: str, connectors: dict[str, ConnectorSettings], wanted: str | None, carries: str | None
) -> None:
    assert connector_for("12345", wanted, connectors) == carries, words


def test_letters_are_addresses_too() -> None:
    assert connector_for("ACME", None, _connectors(a=_for("AC*"), b=DEFAULT)) == "a"


def test_a_bind_that_only_receives_carries_nothing() -> None:
    receiver = SmppConnector(host="smsc.example", bind="receiver", addresses=("12345",))
    assert connector_for("12345", None, {"in": receiver}) is None
    assert connector_for("12345", "in", {"in": receiver}) is None
    assert connector_for("12345", None, {"in": receiver, "out": ANY}) == "out"


def test_only_what_carries_the_medium_is_chosen() -> None:
    smpp = SmppConnector(host="smsc.example", default=True, addresses=("12345",))
    both: dict[str, ConnectorSettings] = {"smpp": smpp, "sandbox": ANY}
    assert connector_for("12345", None, both) == "smpp"
    assert connector_for("12345", None, both, "MMS") == "sandbox"
    assert connector_for("news@example.com", None, both, "EMAIL") == "sandbox"
    assert connector_for("12345", "smpp", both, "MMS") is None
    assert connector_for("12345", None, {"smpp": smpp}, "PSH") is None
