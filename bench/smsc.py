"""The SMSC of every figure, the same for each gateway: npm `smpp`, keeping nothing of a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers.smsc import Smsc

RECEIPT_DELAY_MS = 50


@contextmanager
def smsc() -> Iterator[Smsc]:
    """A running SMSC. Receipts go to whoever asks for them in registered_delivery."""
    peer = Smsc(keep=False, receipts=True, receipt_delay=RECEIPT_DELAY_MS)
    try:
        yield peer.start()
    finally:
        peer.stop()
