"""From what a client asked to rows that can be stored: the checks before anything is accepted.

Request-level faults raise, and nothing is stored. A bad recipient among several leaves a message
in FAILED with its code, so that the others go out; a bad recipient alone raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from clarion.engine.messages.model import (
    Content,
    FailureCode,
    MessageState,
    NewRequest,
    Recipient,
    Route,
)
from clarion.engine.messages.prepared import (
    Prepared,
    is_alone,
    prepared_alone,
    prepared_request,
)
from clarion.engine.messages.wishes import MAX_PAUSE
from clarion.errors import InvalidInput, MessageTooLong, ValueTooLong
from clarion.kit.e164 import parse_address
from clarion.kit.gsm7 import is_plain
from clarion.kit.segments import GSM7_ALONE, Encoding, segment
from clarion.settings import Intake

MAX_INDEXED = 255
ENCODING_CODES = {Encoding.GSM7: 0, Encoding.LATIN1: 1, Encoding.UCS2: 2}
_INDEXED = ("subject", "external_id", "conversation_id", "campaign_id", "program_id")
_indexed = attrgetter(*_INDEXED)
_NONE_INDEXED = (None,) * len(_INDEXED)
_SHORT = Content(encoding=0, fragments=1)


def prepare(
    new: NewRequest,
    *,
    company_id: int,
    application_id: int,
    route: Route,
    latin1: bool,
    limits: Intake,
    now: datetime,
) -> Prepared:
    """Check everything about a request, in this order. Raises InvalidInput and its kinds."""
    check_values(new, limits)
    content = measure(new.body, latin1=latin1, limits=limits)
    check_times(new, limits, now)
    state = state_when_good(
        test=new.test,
        paused=new.pause_before_transmit,
        scheduled_at=new.scheduled_at,
        expires_at=new.expires_at,
        now=now,
    )
    if len(new.recipients) > limits.direct_recipients:
        recipients: list[Recipient] = []
        duplicates = 0
    elif len(new.recipients) == 1:
        recipients, duplicates = [_resolve(new.recipients[0], state, alone=True)], 0
    else:
        unique = list(dict.fromkeys(new.recipients))
        recipients = resolve_recipients(unique, state=state, alone=len(unique) == 1)
        unique_count = len(recipients)
        recipients = list({r.peer_address: r for r in recipients}.values())
        duplicates = len(new.recipients) - len(unique) + unique_count - len(recipients)
    owner = company_id, application_id
    if is_alone(new, recipients, duplicates):
        return prepared_alone(new, owner, route=route, content=content, to=recipients[0], now=now)
    return prepared_request(
        new, owner, route=route, content=content, recipients=recipients, duplicates=duplicates,
        now=now,
    )  # fmt: skip


def check_values(new: NewRequest, limits: Intake) -> None:
    """What PostgreSQL's text cannot hold, and what is longer than its index allows."""
    if not new.recipients:
        raise InvalidInput("to: at least one recipient is needed", field="to")
    if len(new.recipients) > limits.max_recipients:
        raise InvalidInput(f"to: at most {limits.max_recipients} recipients", field="to")
    if "\x00" in new.body:
        raise InvalidInput("body: must not hold the NUL character", field="body")
    check_indexed(new)


def check_indexed(new: NewRequest) -> None:
    values = _indexed(new)
    if values == _NONE_INDEXED:
        return
    for name, value in zip(_INDEXED, values, strict=True):
        if value is None:
            continue
        if len(value) > MAX_INDEXED:
            raise ValueTooLong(f"{name}: at most {MAX_INDEXED} characters", field=name)
        if "\x00" in value:
            raise InvalidInput(f"{name}: must not hold the NUL character", field=name)


def measure(body: str, *, latin1: bool, limits: Intake) -> Content:
    """How the body travels. Raises MessageTooLong."""
    if not body:
        raise InvalidInput("body: is needed", field="body")
    if len(body) > limits.max_fragments * 160:  # no alphabet is denser; spares counting megabytes
        raise MessageTooLong(f"body: more than {limits.max_fragments} fragments", field="body")
    content = content_of(body, latin1=latin1)
    if content.fragments > limits.max_fragments:
        raise MessageTooLong(
            f"body: {content.fragments} fragments, at most {limits.max_fragments}", field="body"
        )
    return content


def content_of(body: str, *, latin1: bool) -> Content:
    if len(body) <= GSM7_ALONE and is_plain(body):  # most are
        return _SHORT
    segments = segment(body, latin1=latin1)
    return Content(encoding=ENCODING_CODES[segments.encoding], fragments=len(segments.parts))


def check_times(new: NewRequest, limits: Intake, now: datetime) -> None:
    """Schedule and pause within their limits."""
    if new.scheduled_at is None and new.pause_expires_at is None:
        return
    latest = timedelta(days=limits.max_schedule_days)
    if new.scheduled_at is not None and new.scheduled_at > now + latest:
        raise InvalidInput(
            f"scheduled_delivery_time: at most {limits.max_schedule_days} days ahead",
            field="scheduled_delivery_time",
        )
    if new.pause_expires_at is not None and new.pause_expires_at > now + MAX_PAUSE:
        raise InvalidInput("pause_expiry_time: at most 24 hours ahead", field="pause_expiry_time")


def state_when_good(
    *,
    test: bool,
    paused: bool,
    scheduled_at: datetime | None,
    expires_at: datetime | None,
    now: datetime,
) -> MessageState:
    """The state that a message to a good recipient starts in."""
    if test:
        return MessageState.TEST
    if expires_at is not None and expires_at <= now:
        return MessageState.EXPIRED
    if paused:
        return MessageState.PAUSED
    if scheduled_at is not None and scheduled_at > now:
        return MessageState.SCHEDULED
    return MessageState.CREATED


def resolve_recipients(
    given: Iterable[str], *, state: MessageState, alone: bool = False
) -> list[Recipient]:
    """Each given recipient as a message-to-be. `alone`: a bad one raises InvalidInput."""
    return [_resolve(text, state, alone=alone) for text in given]


def _resolve(text: str, state: MessageState, *, alone: bool) -> Recipient:
    try:
        address = parse_address(text)
    except ValueError as error:
        if alone:
            raise InvalidInput(f"to: {error}", field="to") from error
        return Recipient(
            state=MessageState.FAILED.value,
            peer_address=text[:64].replace("\x00", ""),
            country=None,
            failure_code=FailureCode.INVALID_RECIPIENT.value,
            failure_details=str(error),
        )
    if state is MessageState.EXPIRED:
        return Recipient(
            state=state.value,
            peer_address=address.e164,
            country=address.country,
            failure_code=FailureCode.EXPIRED.value,
            failure_details="The expiry time had passed when the request came.",
        )
    return Recipient(state=state.value, peer_address=address.e164, country=address.country)
