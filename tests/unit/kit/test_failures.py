"""Failures of the system have its words, however the event loop puts them."""

from __future__ import annotations

import errno
import socket

import pytest

from clarion.kit.failures import system_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"),
            "Connection refused",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("words of our own"), "words of our own"),
        (ConnectionResetError(), ""),
    ],
)
def test_the_words_are_the_systems_without_numbers(error: OSError, words: str) -> None:
    assert system_words(error) == words
