"""What a client asked for, as values of columns: the same for requests that become messages at once
(prepare.py, prepared.py) and for those that need steps (planning.py)."""

from __future__ import annotations

from datetime import datetime, timedelta

from clarion.engine.messages.model import NewRequest

MAX_PAUSE = timedelta(hours=24)  # SCG reference, Message Request, pause_expiry_time


def content_and_labels(new: NewRequest) -> tuple[object, ...]:
    """recipients, body, subject, external_id, conversation_id, campaign_id, program_id, reply_to"""
    return (
        ";".join(new.recipients),
        new.body,
        new.subject,
        new.external_id,
        new.conversation_id,
        new.campaign_id,
        new.program_id,
        new.reply_to,
    )


def rules(new: NewRequest) -> tuple[object, ...]:
    """consent_requirement, content_type, test, pause_before_transmit"""
    return new.consent_requirement, new.content_type, new.test, new.pause_before_transmit


def times_and_options(new: NewRequest, now: datetime) -> tuple[object, ...]:
    """pause_expires_at, scheduled_at, scheduled_zone, expires_at, options"""
    pause_expires_at = new.pause_expires_at
    if new.pause_before_transmit and pause_expires_at is None:
        pause_expires_at = now + MAX_PAUSE
    return pause_expires_at, new.scheduled_at, new.scheduled_zone, new.expires_at, new.options
