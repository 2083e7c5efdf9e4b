"""One worker process: `python -m clarion.cli.worker`, started by the supervisor.

Standard input brings one line, the Order, and then stays open: its end means that the supervisor
is gone, however it went, and that the worker has to stop as well. Standard output says "ready URL"
once everything answers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from clarion.app import API, Node, serve_until_stopped
from clarion.cli import logs
from clarion.kit.vault import Vault, secret_from_file
from clarion.settings import Settings

READY = "ready"
MAX_ORDER = 1_000_000


class Order(Struct, frozen=True):
    """What a worker is to do."""

    settings: Settings
    roles: frozenset[str]
    secret_key_file: str
    port: int  # which all workers share


def shared_socket(listen: str, port: int) -> socket.socket:
    """Bound beside those of the other processes: the kernel deals connections out to those that
    listen (SO_REUSEPORT). Raises OSError."""
    host = listen.rpartition(":")[0].strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.readline(MAX_ORDER), type=Order)
    logs.begin(order.settings)
    uvloop.run(_work(order))


async def _work(order: Order) -> None:
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _orphaned)
    secret = order.settings.security.secret_key or secret_from_file(Path(order.secret_key_file))
    listener = None
    if API in order.roles:
        listener = shared_socket(order.settings.http.listen, order.port)
    node = Node(order.settings, roles=order.roles, vault=Vault(secret), listener=listener)
    await serve_until_stopped(node, _tell)


async def _tell(node: Node) -> None:
    print(READY, node.base_url, flush=True)


def _orphaned() -> None:
    """The pipe has ended: stop as if told to."""
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
