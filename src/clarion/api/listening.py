"""The socket that the doors listen on, and uvicorn behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from clarion.api.server import Application
from clarion.api.transport import HttpProtocol


def bind(listen: str) -> socket.socket:
    """A listening socket for HOST:PORT. Raises OSError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class HttpServer:
    """Serves an application on a bound socket, in this event loop."""

    def __init__(self, app: Application, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self.url = f"http://{_shown(host)}:{port}"
        self._listener = listener
        self._server = _Server(_uvicorn_config(app))

    async def start(self) -> None:
        """It answers when this returns."""
        serving = self._server.serve(sockets=[self._listener])
        self._serving = asyncio.create_task(serving, name="http")
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("the HTTP server ended while it started")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Let requests under way end, for a moment."""
        self._server.should_exit = True
        await asyncio.gather(self._serving, return_exceptions=True)


class _Server(uvicorn.Server):
    """Leaves signals to app.serve_until_stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn_config(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        loop="none",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than what stands in front: it, not we, ends a connection
        proxy_headers=False,  # who calls is the socket's other end, whatever a header claims
        timeout_graceful_shutdown=3,
    )


def _shown(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - shown, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
