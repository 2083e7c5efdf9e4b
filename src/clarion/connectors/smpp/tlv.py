"""Optional parameters: tag, length, value (SMPP 3.4, 3.2.4 and 5.3).

Tags that we do not know are kept: a peer of a later version, or with its own range, is no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

RECEIPTED_MESSAGE_ID = 0x001E
SAR_MSG_REF_NUM = 0x020C
SAR_TOTAL_SEGMENTS = 0x020E
SAR_SEGMENT_SEQNUM = 0x020F
SC_INTERFACE_VERSION = 0x0210
MS_AVAILABILITY_STATUS = 0x0422
NETWORK_ERROR_CODE = 0x0423
MESSAGE_PAYLOAD = 0x0424
MESSAGE_STATE = 0x0427

_HEAD = Struct("!HH")
Tlvs = Mapping[int, bytes]


def read(body: bytes, start: int) -> dict[int, bytes]:
    """The parameters from `start` to the end; of a repeated tag the last.

    A torn one at the end is left out: the PDU's length is what frames a message, and some peers
    pad their PDUs with zeros.
    """
    found: dict[int, bytes] = {}
    end = len(body)
    while end - start >= 4:
        tag, length = _HEAD.unpack_from(body, start)
        start += 4
        if start + length > end:
            break
        found[tag] = body[start : start + length]
        start += length
    return found


def write(tlvs: Tlvs) -> bytes:
    return b"".join(_HEAD.pack(tag, len(value)) + value for tag, value in tlvs.items())


def number(value: bytes | None) -> int | None:
    """An integer parameter; peers send one, two or four octets whatever the table says."""
    if not value or len(value) > 4:
        return None
    return int.from_bytes(value, "big")
