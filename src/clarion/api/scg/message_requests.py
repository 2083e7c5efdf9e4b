"""/messaging/message_requests: messages to one recipient or a hundred thousand."""

from __future__ import annotations

from clarion.api.call import Answer, Call, json_answer
from clarion.api.scg.errors import code_of
from clarion.api.scg.requests_in import DECODER, new_request
from clarion.errors import ClarionError
from clarion.kit import ids
from clarion.metrics import REQUESTS_REFUSED


async def create(call: Call) -> Answer:
    """Accept a request; it is stored when this answers."""
    try:
        request = new_request(call.read(DECODER))
        id = await call.services.intake.accept(call.caller, request)
    except ClarionError as error:
        REQUESTS_REFUSED.labels(code_of(error)).inc()
        raise
    return json_answer({"id": ids.show(id)})
