"""The beginning of a PDU whose rest has not come yet."""

from __future__ import annotations


class Remainder:
    """Joins it with what comes next. A PDU in tiny pieces costs no more than its length: nothing
    is looked at again until the whole may be there."""

    __slots__ = ("_kept", "_needed")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._needed = 0

    def join(self, data: bytes) -> bytes | None:
        """What can be read now; None while that is less than a PDU."""
        if not self._kept:
            return data
        self._kept += data
        if len(self._kept) < self._needed:
            return None
        whole = bytes(self._kept)
        self._kept.clear()
        return whole

    def keep(self, rest: bytes) -> None:
        """The session read up to `rest`, which is less than its command_length says."""
        self._kept += rest
        known = len(rest) >= 4
        self._needed = max(int.from_bytes(rest[:4], "big") if known else 0, 16)
