"""What the system says of a failure, in its words and without its numbers."""

from __future__ import annotations

import os


def system_words(error: OSError) -> str:
    """As in "Connection refused". asyncio and uvloop put the same failure in different words, the
    system has one way; only failed look-ups of names have numbers of their own, below zero."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
