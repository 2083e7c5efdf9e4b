"""The ESS REST door: events, who wants them, and what became of their deliveries."""

from __future__ import annotations

from clarion.api.call import Door
from clarion.api.errors import problem
from clarion.api.ess import (
    attempts,
    authentication,
    configurations,
    criteria,
    deliveries,
    dictionaries,
    events,
    files,
    replays,
    streams,
    subscriptions,
    summary,
    topics,
)
from clarion.api.ess.asking import strict
from clarion.api.wire import EVENTS

PREFIX = "/ess/v1"


def door() -> Door:
    """All of it; `user-token`, which the reference wants as well, is not looked at."""
    routes = (
        *topics.routes(),
        *subscriptions.routes(),
        *criteria.routes(),
        *events.routes(),
        *configurations.routes(),
        *authentication.routes(),
        *streams.routes(),
        *deliveries.routes(),
        *summary.routes(),
        *attempts.routes(),
        *replays.routes(),
        *files.routes(),
        *dictionaries.routes(),
    )
    return Door(
        "ess",
        PREFIX,
        tuple(map(strict, routes)),
        problem,
        EVENTS,
        title="Event Subscription Service",
        description="Topics, subscriptions, delivery configurations, and what became of each "
        "delivery. The header `user-token` is optional.",
    )
