"""The SMPP connector against the connectors' contract, with an SMSC that is not ours."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from conformance import Carrier, ConnectorConformance, Harness
from tests.peers.smsc import Smsc

from clarion.connectors.smpp.connector import SmppConnector
from clarion.settings import SmppConnector as Settings

NUMBERS = {
    Carrier.TAKES: "+491711000001",
    Carrier.REFUSES: "+491711000002",
    Carrier.KNOWS_NO_RECIPIENT: "+491711000003",
    Carrier.THROTTLES: "+491711000004",
    Carrier.HAS_TROUBLE: "+491711000005",
    Carrier.IS_SILENT: "+491711000006",
    Carrier.CANNOT_DELIVER: "+491711000007",
    Carrier.ECHOES: "+491711000008",
}
RULES: dict[Carrier, dict[str, object]] = {
    Carrier.REFUSES: {"status": 0x65},
    Carrier.KNOWS_NO_RECIPIENT: {"status": 0x0B},
    Carrier.THROTTLES: {"status": 0x58},
    Carrier.HAS_TROUBLE: {"status": 0x08},
    Carrier.IS_SILENT: {"silent": True},
    Carrier.CANNOT_DELIVER: {"state": "UNDELIV"},
    Carrier.ECHOES: {"echo": True},
}


class TestSmpp(ConnectorConformance):
    bind = "transceiver"

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with Smsc(receipt_delay=5, retry_delay=20) as smsc:
            await smsc.numbers({NUMBERS[carrier][1:]: rule for carrier, rule in RULES.items()})
            settings = Settings(
                host="127.0.0.1", port=smsc.port, response_timeout=1.0, bind=self.bind
            )
            yield Harness(SmppConnector("carrier", settings), NUMBERS)


class TestSmppPair(TestSmpp):
    """A transmitter and a receiver in place of a transceiver."""

    bind = "pair"
