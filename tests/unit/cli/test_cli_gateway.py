"""The command line's HTTP client tells what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import BadStatusLine, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from clarion.cli.gateway import Gateway, reason
from clarion.errors import ClarionError, NotAuthenticated, Unavailable


class _Handler(BaseHTTPRequestHandler):
    """Answers /STATUS with that status and its query or body."""

    def do_GET(self) -> None:
        self._answer(b'{"error_description":"because"}' if "?" not in self.path else b"[1]")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.server.seen.append((self.path, self.headers["Authorization"]))  # type: ignore[attr-defined]
        self.send_response(int(self.path[1:4]))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gateway(server: HTTPServer) -> Gateway:
    return Gateway(f"http://127.0.0.1:{server.server_port}/", "t0ken")


def test_it_sends_the_token_and_the_query(server: HTTPServer, gateway: Gateway) -> None:
    assert gateway.get("/200", limit=3, state=None, to="+49") == [1]
    assert server.seen == [("/200?limit=3&to=%2B49", "Bearer t0ken")]  # type: ignore[attr-defined]


def test_it_posts_json(gateway: Gateway) -> None:
    assert gateway.post("/200", {"a": [1]}) == {"a": [1]}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/401", NotAuthenticated), ("/503", Unavailable), ("/404", ClarionError)],
)
def test_refusals_carry_the_gateways_words(
    gateway: Gateway, path: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match="because"):
        gateway.get(path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (BadStatusLine("SSH-2.0-OpenSSH"), "What comes is not HTTP"),
        (RemoteDisconnected("Remote end closed"), "Remote end closed"),
        (ConnectionResetError(), "the connection was closed"),
    ],
)
def test_why_there_is_no_answer_is_told_without_numbers(error: Exception, words: str) -> None:
    assert reason(error) == words


def test_the_token_is_not_shown(gateway: Gateway) -> None:
    assert "t0ken" not in repr(gateway)
