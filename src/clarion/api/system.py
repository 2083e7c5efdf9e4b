"""Addresses that belong to no API: is it alive, is it ready, what are its figures.

Ready means: what is sent here now becomes durable. A carrier that is away delays messages and
does not lose them, so connectors are shown and do not take the process out of its load balancer.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from clarion import metrics
from clarion.api.call import Answer, Call, Door, Route, json_answer
from clarion.api.errors import problem
from clarion.api.wire import PLAIN
from clarion.errors import Unavailable

_PATIENCE = 3.0


async def healthz(_: Call) -> Answer:
    """The process answers."""
    return json_answer({"status": "ok"})


async def readyz(call: Call) -> Answer:
    """The database answers; and how the connectors are."""
    database = await _database(call)
    connectors = {
        name: {"ready": health.ready, "words": health.words}
        for name, health in call.services.connector_health().items()
    }
    ready = bool(database["ready"])
    body = {"ready": ready, "database": database, "connectors": connectors}
    return json_answer(body, status=200 if ready else 503)


async def figures(_: Call) -> Answer:
    """Prometheus's text format."""
    text, media_type = metrics.render()
    return Answer(200, text, ((b"content-type", media_type.encode()),))


async def _database(call: Call) -> dict[str, object]:
    started = monotonic()
    try:
        async with asyncio.timeout(_PATIENCE):
            await call.services.db.look()
    except (Unavailable, TimeoutError) as error:
        words = error.message if isinstance(error, Unavailable) else "no answer in time"
        return {"ready": False, "words": words}
    return {"ready": True, "milliseconds": round((monotonic() - started) * 1000, 1)}


def door() -> Door:
    """Open to all: what they tell is no secret and a load balancer has no token."""
    routes = (
        Route("GET", "/healthz", healthz, open=True),
        Route("GET", "/readyz", readyz, open=True),
        Route("GET", "/metrics", figures, open=True),
    )
    return Door("system", "", routes, problem, PLAIN)
