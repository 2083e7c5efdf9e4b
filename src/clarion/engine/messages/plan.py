"""A request as the steps need it, and whether it needs them at all.

Most requests do not: one sender id, telephone numbers, a text that is sent as it stands. Those take
the short way (prepare.py), which makes their messages while the client waits for the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from clarion.engine.consent.addresses.model import Manager
from clarion.engine.messages.links.model import has_track_calls
from clarion.engine.messages.model import NewRequest, Options
from clarion.engine.messages.ports import Media
from clarion.engine.messages.recipients import is_special
from clarion.engine.messages.rich import read_media
from clarion.engine.senders.channels.model import Channel
from clarion.engine.senders.model import Sender
from clarion.engine.senders.templates import is_plain
from clarion.engine.senders.templates.validating import demands_nothing

NO_CONSENT_NEEDED = "NONE"
LOCAL = "LOCAL"
NO_OPTIONS = Options()


class Plan(Struct, eq=False):
    """One request, and what its messages leave from."""

    company_id: int
    request_id: UUID
    application_id: int
    body: str
    recipients: list[str]
    options: Options
    requirement: str  # of consent
    test: bool
    paused: bool
    scheduled_at: datetime | None
    local: bool  # that time is each recipient's own
    expires_at: datetime | None
    media: tuple[Media, ...]  # that travel beside the text
    sender: Sender  # the one; of a channel, its first: what could not be sent is shown with it
    channel: Channel | None

    @property
    def priority(self) -> int:
        """Its place in the queue: the channel's, or that of the sender id's class."""
        return self.sender.priority if self.channel is None else self.channel.priority

    @property
    def has_media(self) -> bool:
        return bool(self.media)

    @property
    def senders(self) -> Sequence[Sender]:
        return (self.sender,) if self.channel is None else self.channel.senders


def plan_of(row: asyncpg.Record, sender: Sender, channel: Channel | None) -> Plan:
    """From a row of `read_expansions`."""
    options = row["options"]
    return Plan(
        company_id=row["company_id"],
        request_id=row["id"],
        application_id=row["application_id"],
        body=row["body"] or "",
        recipients=row["recipients"],
        options=msgspec.convert(options, Options) if options else NO_OPTIONS,
        requirement=row["consent_requirement"],
        test=row["test"],
        paused=row["pause_before_transmit"],
        scheduled_at=row["scheduled_at"],
        local=row["scheduled_zone"] == LOCAL,
        expires_at=row["expires_at"],
        media=read_media(row["media"]),
        sender=sender,
        channel=channel,
    )


def asks_for_steps(new: NewRequest) -> bool:
    """Whether what a client asked for needs the steps, whatever the sender id. Asked on the hot
    path: flags, and a look at each recipient."""
    if new.options is not None and new.options.need_steps():
        return True
    return (
        new.consent_requirement != NO_CONSENT_NEEDED
        or new.scheduled_zone == LOCAL
        or _is_made(new.body)
        or new.sender[:7].lower() == "channel"
        or any(map(is_special, new.recipients))
    )


def has_rules(sender: Sender) -> bool:
    """Whether a sender id asks for steps, whatever the request."""
    return bool(
        sender.window
        or sender.check_white_list
        or not demands_nothing(sender)
        or sender.consent_managed_by == Manager.SCG_UNSOLICITED_OPT_OUT
    )


def needs_no_steps(plan: Plan) -> bool:
    """Whether a stored request with many recipients could have taken the short way."""
    return not (
        plan.channel is not None
        or has_rules(plan.sender)
        or plan.options.need_steps()
        or plan.requirement != NO_CONSENT_NEEDED
        or plan.local
        or _is_made(plan.body)
        or any(map(is_special, plan.recipients))
    )


def _is_made(body: str) -> bool:
    """Whether a text is made for its recipients: from a template, or with links of their own."""
    return ("#" in body or "$" in body) and (not is_plain(body) or has_track_calls(body))
