"""The handsets and mailboxes of the sandbox carrier: see what they hold, answer from them, watch
them all.

No door of a published API: it stands in for the people who hold the phones. A company sees its
own messages only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from clarion.api.call import Answer, Call, Door, Handler, Route, json_answer
from clarion.api.errors import problem
from clarion.api.operation import Created, Operation
from clarion.api.wire import PLAIN
from clarion.engine.handsets import service
from clarion.engine.handsets.model import HandsetMessage, Mark
from clarion.engine.handsets.service import Reply
from clarion.engine.messages.ports import Media, Medium
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.kit.dates import LAST_YEAR

TAG = "Sandbox"
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
MAX_WAIT = 2  # seconds; a stop of the process need not wait for watchers for long
MAX_RECENT = 3600  # seconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MICROSECONDS = (datetime(LAST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


Url = Annotated[str, Meta(pattern="^https?://", max_length=2000)]


class HandsetAnswer(Struct):
    """What the handset's owner sends."""

    to: Annotated[str, Meta(min_length=1, max_length=100)]
    text: Annotated[str, Meta(min_length=1, max_length=1600)]
    media_urls: Annotated[
        list[Url], Meta(max_length=10, description="With any, the answer is an MMS.")
    ] = []


class MailAnswer(Struct):
    """What the mailbox's owner sends."""

    to: Annotated[str, Meta(min_length=1, max_length=254)]
    text: Annotated[str, Meta(min_length=1, max_length=100_000)]
    subject: Annotated[str, Meta(max_length=255)] | None = None


class Shown(Struct, omit_defaults=True):
    """A message in a handset, a mailbox or an application."""

    id: str
    type: str
    direction: str
    handset: str
    sender_address: str
    text: str
    date: str
    state: str
    fragments: int
    subject: str | None = None
    media: Sequence[Media] = ()
    group: Sequence[str] = ()


class HandsetMessages(Struct):
    """Messages in the order of their arrival, and where to go on from."""

    list: Sequence[Shown]
    next: str | None


_answer_decoder = msgspec.json.Decoder(HandsetAnswer)
_mail_decoder = msgspec.json.Decoder(MailAnswer)


async def handset(call: Call) -> Answer:
    """What one handset holds."""
    return await _messages(call, [service.handset_number(call.params["msisdn"])])


async def mailbox(call: Call) -> Answer:
    """What one mailbox holds."""
    return await _messages(call, [service.mailbox_address(call.params["address"])])


async def application(call: Call) -> Answer:
    """What the application behind one token was pushed."""
    return await _messages(call, service.pushed_to(call.params["token"]))


async def _messages(call: Call, addresses: list[str]) -> Answer:
    connectors = service.sandboxes(call.services.settings)
    found = await service.read(
        call.services.db,
        call.caller.company_id,
        addresses,
        after=_after(call),
        limit=_limit(call),
        connectors=connectors,
    )
    following = ids.show(found[-1].id) if found else call.query.get("after")
    return _page(found, following)


async def send(call: Call) -> Answer:
    """The handset answers; the message is stored when this returns."""
    body = call.read(_answer_decoder)
    medium = Medium.MMS if body.media_urls else Medium.SMS
    reply = Reply(body.to, body.text, medium, media_urls=tuple(body.media_urls))
    return await _answer(call, service.handset_number(call.params["msisdn"]), reply)


async def send_mail(call: Call) -> Answer:
    """The mailbox answers; the message is stored when this returns."""
    body = call.read(_mail_decoder)
    reply = Reply(body.to, body.text, Medium.EMAIL, body.subject)
    return await _answer(call, service.mailbox_address(call.params["address"]), reply)


async def _answer(call: Call, address: str, reply: Reply) -> Answer:
    connectors = service.sandboxes(call.services.settings)
    id = await service.answer(
        call.services.db,
        call.caller.company_id,
        address,
        reply,
        inbox=call.services.sandbox,
        senders=call.services.senders,
        connectors=connectors,
    )
    return json_answer({} if id is None else {"id": ids.show(id)})


async def arrivals(call: Call) -> Answer:
    """What arrived anywhere since a mark; waits a moment for something to arrive."""
    connectors = service.sandboxes(call.services.settings)
    found, mark = await service.arrivals(
        call.services.db,
        call.caller.company_id,
        _mark(call),
        limit=_limit(call),
        wait=_number(call, "wait", default=MAX_WAIT, low=0, high=MAX_WAIT),
        connectors=connectors,
    )
    return _page(found, _show_mark(mark))


def _page(found: list[HandsetMessage], following: str | None) -> Answer:
    return json_answer(HandsetMessages([_show(each) for each in found], following))


def _show(message: HandsetMessage) -> Shown:
    return Shown(
        id=ids.show(message.id),
        type=message.medium,
        direction=message.direction,
        handset=message.handset,
        sender_address=message.sender_address,
        text=message.text,
        date=str(PLAIN.date(message.at)),
        state=message.state,
        fragments=message.fragments,
        subject=message.subject,
        group=message.group,
        media=tuple(replace(each, key=None) for each in message.media),
    )


def _limit(call: Call) -> int:
    return _number(call, "limit", default=DEFAULT_LIMIT, low=1, high=MAX_LIMIT)


def _number(call: Call, name: str, *, default: int, low: int, high: int) -> int:
    """A number from the query, brought into its range."""
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput(f"{name}: it must be a whole number.", field=name)
    return min(max(int(text), low), high)


def _after(call: Call) -> UUID | None:
    text = call.query.get("after")
    if text is None:
        return None
    id = ids.parse(text)
    if id is None:
        raise InvalidInput("after: it must be the id of a message.", field="after")
    return id


def _mark(call: Call) -> Mark:
    """The place that a watcher has come to: microseconds and the id of the last message."""
    text = call.query.get("after")
    if text is None:
        return service.mark_ago(_number(call, "recent", default=0, low=0, high=MAX_RECENT))
    digits, _, shown = text.partition("-")
    id = ids.parse(shown)
    if id is None or not (digits.isascii() and digits.isdigit() and len(digits) < 18):
        raise InvalidInput("after: it must be the next of an earlier answer.", field="after")
    microseconds = min(int(digits), _MAX_MICROSECONDS)
    return Mark(_EPOCH + timedelta(microseconds=microseconds), id)


def _show_mark(mark: Mark) -> str:
    return f"{(mark.at - _EPOCH) // timedelta(microseconds=1)}-{ids.show(mark.id)}"


def _operation(summary: str, about: str, **more: Any) -> Operation:
    return Operation(summary=summary, tag=TAG, about=about, **more)


def _holder(name: str, plural: str, show: Handler, about: str) -> Route:
    """The route that shows what one of them holds."""
    operation = _operation(f"What {name} holds", about, answer=HandsetMessages)
    return Route("GET", f"/{plural}/messages", show, about=operation)


_LAST = "The last messages, the newest last; with `after`, those that follow it."


def door() -> Door:
    """The virtual handsets, mailboxes and applications."""
    routes = (
        _holder("a handset", "handsets/{msisdn}", handset, f"SMS and MMS. {_LAST}"),
        Route(
            "POST",
            "/handsets/{msisdn}/messages",
            send,
            about=_operation(
                "Answer from a handset",
                "Sends `text` to a sender address; the answer comes when it is stored.",
                request=HandsetAnswer,
                required=("to", "text"),
                answer=Created,
            ),
        ),
        _holder("a mailbox", "mailboxes/{address}", mailbox, f"E-mail. {_LAST}"),
        Route(
            "POST",
            "/mailboxes/{address}/messages",
            send_mail,
            about=_operation(
                "Answer from a mailbox",
                "Sends `text` to the address of an e-mail sender; the answer comes when it is"
                " stored.",
                request=MailAnswer,
                required=("to", "text"),
                answer=Created,
            ),
        ),
        _holder(
            "an application",
            "tokens/{token}",
            application,
            f"Pushes to its token, with or without `apn:`, `gcm:` or `fcm:` before it. {_LAST}",
        ),
        Route(
            "GET",
            "/messages",
            arrivals,
            about=_operation(
                "What arrives anywhere",
                "At handsets, mailboxes and applications, from now on, or with `recent` from so "
                "many seconds ago. Waits up to `wait` seconds for something to arrive. Go on with "
                "`after` set to the answer's `next`.",
                answer=HandsetMessages,
            ),
        ),
    )
    return Door("sandbox", "/sandbox/v1", routes, problem, PLAIN, title="Sandbox")
