"""The SCG REST door, in both of its wire forms, from the same handlers."""

from __future__ import annotations

from clarion.api.call import Door
from clarion.api.errors import problem
from clarion.api.scg import (
    access_tokens,
    address_history,
    address_statuses,
    attachments,
    channels,
    contact_groups,
    contact_jobs,
    contact_tokens,
    contacts,
    content,
    fast_access,
    keywords,
    message_requests,
    messages,
    proxy,
    sender_ids,
)
from clarion.api.scg.catalogue import CLASSES, TYPES
from clarion.api.scg.message_templates import TEMPLATES
from clarion.api.wire import LIVE, REFERENCE

LIVE_PREFIX = "/scg-external-api/api/v1"
REFERENCE_PREFIX = "/scg/v1"


def doors() -> list[Door]:
    """The live form, the reference form, the content of attachments, and what devices call."""
    routes = (
        *CLASSES.routes(),
        *TYPES.routes(),
        *TEMPLATES.routes(),
        *sender_ids.routes(),
        *channels.routes(),
        *message_requests.routes(),
        *messages.routes(),
        *attachments.routes(),
        *access_tokens.routes(),
        *keywords.routes(),
        *address_statuses.routes(),
        *address_history.routes(),
        *contacts.routes(),
        *contact_tokens.routes(),
        *contact_groups.routes(),
        *contact_jobs.routes(),
        *fast_access.routes(),
    )
    return [
        Door(
            "scg",
            LIVE_PREFIX,
            routes,
            problem,
            LIVE,
            title="SCG REST (live form)",
            description="Lists in an envelope, dates as Unix time in milliseconds: what published "
            "clients read.",
        ),
        Door(
            "scg-reference",
            REFERENCE_PREFIX,
            routes,
            problem,
            REFERENCE,
            title="SCG REST (reference form)",
            description="Lists as arrays with paging headers, dates in ISO 8601: what the printed "
            "reference says.",
        ),
        content.door(),
        proxy.door(),
    ]
