"""`python -m bench.smpp_codec`: CPU microseconds of one message in the SMPP connector.

First each operation alone, then the connector as a whole on an SMSC of npm `smpp`, window 100:
submissions in, outcomes (and receipts, acknowledged) out. The SMSC's own CPU is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop
from tests.peers.smsc import Smsc

from bench import machine
from clarion.connectors.smpp import codec, incoming, pdu, receipts
from clarion.connectors.smpp.connector import SmppConnector
from clarion.connectors.smpp.outgoing import Outgoing
from clarion.connectors.smpp.pdu import MessageResp, Pdu, ShortMessage
from clarion.engine.messages.ports import Encoding, Inbound, Outcome, Receipt, Submission
from clarion.kit import ids
from clarion.settings import SmppConnector as Settings

WORDS = (
    "id:3f0000001a sub:001 dlvrd:001 submit date:2601151030 done date:2601151031 "
    "stat:DELIVRD err:000 text:Hello there"
)
WINDOW = 100


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000, help="through the SMSC")
    count = options.parse_args().messages
    print("\n".join(machine.facts()))
    for name, operation in operations().items():
        print(f"{name:44} {cost(operation):6.2f} us")
    for asked in (False, True):
        print(uvloop.run(through_the_smsc(count, receipts_asked=asked)))


def submission(text: str = "Hello there, your parcel arrives at noon") -> Submission:
    return Submission(
        message_id=ids.new_id(),
        source="Clarion",
        destination="+4917112345678",
        parts=(text,),
        pending=(1,),
        encoding=Encoding.GSM7,
        reference=7,
        expires_at=None,
        priority=1,
    )


def operations() -> dict[str, Callable[[], object]]:
    write = Outgoing(Settings(host="smsc")).requests
    same, expiring = submission(), submission_that_expires()
    other = iter(range(1 << 60))
    response = codec.encode(Pdu(pdu.SUBMIT_SM_RESP, 0, 7, MessageResp("3f0000001a")))
    tlvs = {0x001E: b"3f0000001a\0", 0x0427: b"\2"}
    receipt = ShortMessage(
        source="4917112345678", destination="12345", esm_class=4, content=WORDS.encode(), tlvs=tlvs
    )
    body = codec.write_message(receipt)
    odd = ShortMessage(esm_class=4, content=WORDS.replace(" date", "date").encode())
    answer = ShortMessage(source="4917112345678", destination="12345", content=b"Yes, please")
    return {
        "submit_sm from a submission, same text": lambda: write(same),
        "submit_sm from a submission, with an expiry": lambda: write(expiring),
        "submit_sm from a submission, new text": lambda: write(submission(str(next(other)))),
        "submit_sm_resp read": lambda: _read_response(response),
        "deliver_sm read": lambda: codec.read_message(body),
        "receipt, usual form": lambda: receipts.read(receipt),
        "receipt, odd form": lambda: receipts.read(odd),
        "message of a subscriber": lambda: incoming.read(answer, "gsm7"),
    }


def submission_that_expires() -> Submission:
    plain = submission()
    facts: dict[str, Any] = {name: getattr(plain, name) for name in plain.__struct_fields__}
    return Submission(**{**facts, "expires_at": datetime.now(UTC) + timedelta(hours=3)})


def _read_response(response: bytes) -> str:
    length, *_ = codec.HEADER.unpack_from(response)
    return codec.read_message_id(response, 16, length)


def cost(operation: Callable[[], object], *, times: int = 50_000) -> float:
    """Microseconds; the best of five runs, since the others only had company."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            operation()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


class Feeder:
    """The engine's side: keeps the window full, and settles at once."""

    def __init__(self, count: int, *, receipts_asked: bool) -> None:
        self._left = [submission() for _ in range(count)]
        self._open = count * (2 if receipts_asked else 1)
        self.done = asyncio.get_running_loop().create_future()
        self.connector: SmppConnector | None = None

    def room_changed(self, _: str) -> None:
        assert self.connector is not None
        room = self.connector.room()
        if room and self._left:
            self._left, batch = self._left[:-room], self._left[-room:]
            self.connector.submit(batch)

    def outcomes(self, _: str, batch: Sequence[Outcome]) -> None:
        failed = [outcome.failure for outcome in batch if outcome.failure is not None]
        if failed and not self.done.done():
            self.done.set_exception(RuntimeError(str(failed[0])))
        self._count(len(batch))

    def receipts(self, _: str, batch: Sequence[Receipt], settled: Callable[[bool], None]) -> None:
        settled(True)
        self._count(len(batch))

    def inbound(self, _: str, batch: Sequence[Inbound], settled: Callable[[bool], None]) -> None:
        settled(True)

    def _count(self, ended: int) -> None:
        self._open -= ended
        if not self._open and not self.done.done():
            self.done.set_result(None)


async def through_the_smsc(count: int, *, receipts_asked: bool) -> str:
    async with Smsc(keep=False, receipt_delay=50) as smsc:
        feeder = Feeder(count, receipts_asked=receipts_asked)
        settings = Settings(
            host="127.0.0.1", port=smsc.port, window=WINDOW, receipts=receipts_asked
        )
        feeder.connector = connector = SmppConnector("bench", settings)
        connector.hold_binds(1)
        wall, cpu = time.perf_counter(), time.process_time()
        await connector.start(feeder)
        await feeder.done
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        await connector.stop()
    what = "with receipts" if receipts_asked else "without receipts"
    name = f"through the SMSC, {what}"
    return f"{name:44} {cpu / count * 1e6:6.2f} us   {count / wall:,.0f} msg/s"


if __name__ == "__main__":
    main()
