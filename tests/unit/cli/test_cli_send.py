"""`clarion send --wait` shows what is so when the receipts are in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clarion.cli import send
from clarion.cli.gateway import Gateway


def test_the_counts_are_those_of_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receipts: list[str] = []

    class Settling(Gateway):
        """The receipt comes after the request was read and before its messages are."""

        def get(self, path: str, **query: object) -> Any:
            if path.endswith("/messages"):
                receipts.append("DELIVRD")
                return {"list": [{"state": "DELIVERED"}]}
            return {"id": "r", "state": "COMPLETED", "delivered_count": len(receipts)}

        def post(self, path: str, body: object) -> Any:
            return {"id": "r"}

    monkeypatch.setattr(send, "find_gateway", lambda *_: Settling("http://localhost", "token"))
    send.send(["+15557654321"], text="Hello", sender="77000", wait=5, as_json=True)
    assert msgspec.json.decode(capsys.readouterr().out)["delivered_count"] == 1
