"""Names to addresses, each checked before anything is connected to.

The system's resolver blocks, and whoever owns a name decides how long: each look-up has a thread
of its own, so many at once and so many for one company, and its answer is remembered a little.
What was checked is what is connected to: nothing resolves the name again.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from clarion.connectors.webhook.guard import Guard
from clarion.connectors.webhook.target import Target, is_literal

AT_ONCE = 64  # look-ups under way
AT_ONCE_EACH = 4  # for one company
REMEMBERED = 10.0  # seconds
MAX_REMEMBERED = 10_000
MAX_ADDRESSES = 8  # of one name

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port to addresses. Raises OSError."""


class Refused(Exception):
    """The words say why this must not be connected to."""


class Resolver:
    """For all companies."""

    def __init__(self, guard: Guard, resolve: Resolve | None = None) -> None:
        self._guard = guard
        self._resolve = resolve or look_up
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._of_company: dict[int, asyncio.Semaphore] = {}
        self._known: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}

    async def addresses(self, target: Target, company_id: int) -> Sequence[str]:
        """All of them may be connected to. Raises Refused, OSError."""
        if is_literal(target.host):
            found: Sequence[str] = (target.host,)
        else:
            found = await self._look_up(target, company_id)
        for address in found:
            why = self._guard.refusal(address)
            if why is not None:
                raise Refused(f"Events may not be posted to this host: its address is {why}.")
        return found

    async def _look_up(self, target: Target, company_id: int) -> Sequence[str]:
        key = (target.host, target.port)
        known = self._known.get(key)
        if known and time.monotonic() < known[0]:
            return known[1]
        share = self._of_company.setdefault(company_id, asyncio.Semaphore(AT_ONCE_EACH))
        async with share, self._slots:
            found = (await self._resolve(*key))[:MAX_ADDRESSES]
        if not found:
            raise socket.gaierror(socket.EAI_NODATA, "the name has no address")
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = (time.monotonic() + REMEMBERED, found)
        return found


async def look_up(name: str, port: int) -> Sequence[str]:
    """By the system's resolver, in a daemon thread: one that hangs holds up no exit."""
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    answers: list[Sequence[str] | OSError] = []

    def settle(answer: Sequence[str] | OSError) -> None:
        answers.append(answer)
        answered.set()

    def work() -> None:
        try:
            answer: Sequence[str] | OSError = _system(name, port)
        except OSError as error:
            answer = error
        except UnicodeError:  # no name that could be looked up
            answer = socket.gaierror(socket.EAI_NONAME, "the name cannot be encoded")
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, answer)

    threading.Thread(target=work, name="resolve", daemon=True).start()
    await answered.wait()
    (answer,) = answers
    if isinstance(answer, OSError):
        raise answer
    return answer


def _system(name: str, port: int) -> Sequence[str]:
    found: list[Any] = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
