"""/handled-event-deliveries and /event-deliveries/replay: many deliveries at once."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.ess.deliveries import TAG, wanted_of
from clarion.api.ess.wire import number_key
from clarion.api.operation import Operation
from clarion.engine.events.tracking.model import Place
from clarion.engine.events.tracking.service import mark_handled, replay
from clarion.errors import InvalidInput
from clarion.kit import ids

Text = Annotated[str, Meta(max_length=255)]
Range = Annotated[
    str, Meta(max_length=100, description="When the events happened: [from,to], [from-], ...")
]


class Chosen(Struct, rename="kebab", kw_only=True, forbid_unknown_fields=True):
    """Deliveries that fit all of this. What it does not know is refused: a name misspelt would
    choose all of them."""

    event_id: Text | None = None
    topic: Text | None = None
    event_type: Text | None = None
    del_cfg_nm: Text | None = None
    del_cfg_id: Text | int | None = None
    delivery_status: Annotated[
        Text | None,
        Meta(description="SUCCESS or FAILED; absent: both. Others are under way, and left alone."),
    ] = None
    timestamp: Range | None = None


class Replay(Chosen, rename="kebab", kw_only=True, forbid_unknown_fields=True):
    """What to deliver once more."""

    only_failed: Annotated[
        bool, Meta(description="Only what failed for good and nobody has handled.")
    ] = False
    after: Annotated[Text | None, Meta(description="The more-after of an earlier answer.")] = None


class Handled(Struct, rename="kebab"):
    """What has been done."""

    number_of_updated_event_deliveries: int


class Replayed(Struct, rename="kebab", omit_defaults=True):
    """What is on its way again."""

    number_of_replayed_event_deliveries: Annotated[int, Meta(ge=0)]
    more_after: Annotated[
        str | None, Meta(description="Ask once more with this as `after`: there are more.")
    ] = None


_decode_chosen = msgspec.json.Decoder(Chosen, strict=False)
_decode_replay = msgspec.json.Decoder(Replay, strict=False)


async def handled(call: Call) -> Answer:
    """Somebody has seen to these: they do not count as failed any more."""
    wanted = wanted_of(_as_query(call.read(_decode_chosen)))
    count = await mark_handled(call.services.db, call.caller.company_id, wanted)
    return json_answer(Handled(count))


async def again(call: Call) -> Answer:
    """Deliver once more what was delivered, or what failed."""
    body = call.read(_decode_replay)
    query = _as_query(body)
    if not query and not body.only_failed:
        raise InvalidInput("Say what to replay: a timestamp, an event-id, only-failed, ...")
    done = await replay(
        call.services.db,
        call.caller.company_id,
        wanted_of(query),
        only_failed=body.only_failed,
        after=_place(body.after) if body.after else None,
    )
    return json_answer(Replayed(done.count, done.more_after and _shown(done.more_after)))


def _shown(place: Place) -> str:
    return f"{ids.show(place[0])}:{place[1]}"


def _place(text: str) -> Place:
    event, _, configuration = text.partition(":")
    id, number = ids.parse(event), number_key(configuration)
    if id is None or number is None:
        raise InvalidInput("after: it comes from an earlier answer.", field="after")
    return id, number


def _as_query(body: Chosen) -> dict[str, str]:
    """What a list would be asked by."""
    given = msgspec.to_builtins(body)
    return {
        name: str(value)
        for name, value in given.items()
        if name in _FILTERS and value not in (None, "")
    }


_FILTERS = frozenset(
    each.encode_name
    for each in msgspec.structs.fields(Replay)
    if each.name not in ("only_failed", "after")
)


def routes() -> list[Route]:
    return [
        Route(
            "POST",
            "/handled-event-deliveries",
            handled,
            about=Operation(
                summary="Mark failed deliveries as handled",
                tag=TAG,
                about="Those that fit all that is said count as failed no longer. Without "
                "anything said, all of them.",
                request=Chosen,
                answer=Handled,
            ),
        ),
        Route(
            "POST",
            "/event-deliveries/replay",
            again,
            about=Operation(
                summary="Deliver many once more",
                tag=TAG,
                about="Receivers know what they had by its event-id.",
                request=Replay,
                answer=Replayed,
            ),
        ),
    ]
