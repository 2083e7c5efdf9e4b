"""What operating systems, resolvers and OpenSSL say becomes sentences, without their codes."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl

import pytest

from clarion.connectors.webhook.reasons import CLOSED, not_http, why, why_lost


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()} (_ssl.c:1006)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "The connection was refused."),
        (ConnectionResetError(errno.ECONNRESET, "x"), CLOSED),
        (BrokenPipeError(errno.EPIPE, "x"), CLOSED),
        (ConnectionAbortedError("SSL handshake is taking longer than 60.0 seconds"), CLOSED),
        (TimeoutError(), "The connection could not be made in time."),
        (OSError(errno.EHOSTUNREACH, "x"), "There is no route to the receiver's address."),
        (OSError(errno.ENETUNREACH, "x"), "There is no route to the receiver's address."),
        (OSError(errno.EIO, os.strerror(errno.EIO)),
         "The connection could not be made: Input/output error."),
        (OSError("In our own words."), "In our own words."),
        (socket.gaierror(socket.EAI_NONAME, "x"), "The receiver's name is not known."),
        (socket.gaierror(socket.EAI_AGAIN, "x"),
         "The receiver's name could not be looked up: no name server answers."),
        (socket.gaierror(socket.EAI_FAMILY, "x"), "The receiver's name could not be looked up."),
        (_tls("WRONG_VERSION_NUMBER"), "The receiver does not speak TLS at this port."),
        (_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "The receiver wants a client certificate."),
        (_tls("TLSV1_ALERT_UNKNOWN_CA"),
         "The receiver does not know who issued the client certificate."),
        (_tls("NO_SUITABLE_DIGEST"), "TLS failed: no suitable digest."),
        (ssl.SSLError(), "TLS failed."),
        (ValueError("token_url: The address names no host."),
         "token_url: The address names no host."),
        (KeyError("secret"), "Something unexpected happened; the log of the gateway has it."),
    ],
)  # fmt: skip
def test_an_error_is_a_sentence(error: Exception, words: str) -> None:
    assert why(error) == words


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_number_is_shown(number: int) -> None:
    words = why(OSError(number, os.strerror(number)))
    assert re.fullmatch(r"[A-Z][^\[\]_]*\.", words), words
    assert "rrno" not in words


def test_a_connection_that_was_there_is_lost() -> None:
    assert why_lost(None) == CLOSED
    assert why_lost(ConnectionResetError(errno.ECONNRESET, "x")) == CLOSED
    assert why_lost(TimeoutError(errno.ETIMEDOUT, "x")).startswith("The connection was lost")


def test_what_is_no_http_is_said_so() -> None:
    assert not_http(ValueError("Expected HTTP/, RTSP/ or ICE/")) == (
        "The receiver's answer is not HTTP."
    )
    assert not_http(ValueError("Invalid character in Content-Length")) == (
        "The receiver's answer is no valid HTTP: invalid character in Content-Length."
    )
