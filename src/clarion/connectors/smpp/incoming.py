"""What an SMSC delivers: receipts and subscribers' messages told apart."""

from __future__ import annotations

from clarion.connectors.smpp import receipts, text
from clarion.connectors.smpp.pdu import ShortMessage
from clarion.engine.messages.ports import Inbound, Receipt


def read(message: ShortMessage, alphabet: text.Alphabet) -> Receipt | Inbound | None:
    """The receipt or the message; None for a receipt that says nothing we can use. Never raises."""
    if receipts.is_receipt(message):
        receipt = receipts.read(message)
        if receipt is not None or receipts.says_receipt(message.esm_class):
            return receipt
    words, concat = text.read(message, alphabet)
    if concat is None:
        return Inbound(message.source, message.destination, words, None, 1, 1)
    reference, total, number = concat
    return Inbound(message.source, message.destination, words, reference, total, number)
