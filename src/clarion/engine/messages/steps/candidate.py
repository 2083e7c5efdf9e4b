"""What flows through the steps: messages-to-be, each with its request's plan.

A step that stops a message says why (`fail`), and the steps behind it pass it by: it becomes a row
in FAILED with that code, as every recipient has a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.plan import Plan
from clarion.engine.messages.recipients import Kind
from clarion.engine.senders.model import Sender

NO_ATTRIBUTES: Mapping[str, object] = {}


class Candidate(Struct, gc=False):
    """A message to one address, or why there is none."""

    plan: Plan
    given: str  # as the client named the recipient
    kind: Kind  # of address: a number, an e-mail address or a device token
    address: str
    country: str | None = None
    sender: Sender | None = None
    connector: str = ""
    medium: str = "SMS"
    contact_id: UUID | None = None
    attributes: Mapping[str, object] = NO_ATTRIBUTES  # of the contact, for its text
    home: str | None = None  # the contact's country and postal code
    zip: str | None = None
    preferred_language: str | None = None
    fails_over: bool = False  # an SMS follows where this push fails
    message_id: UUID | None = None
    body: str | None = None  # its own; None: the request's
    language: str | None = None  # that it was translated to
    failed_translation: str | None = None
    encoding: int = 0
    fragments: int = 1
    price: Decimal | None = None
    due_at: datetime | None = None  # when it is to leave, if that is later
    hours: str | None = None  # the delivery window that holds for it: message.delivery_hours
    state: str = ""
    code: str | None = None
    words: str | None = None

    def fail(self, code: FailureCode, words: str) -> None:
        """It stops here; the first reason stays."""
        if self.code is None:
            self.code, self.words = code.value, words

    def fail_text(self, words: str) -> None:
        """Its text cannot be made, whatever it is sent as: nothing else goes in its place."""
        self.fails_over = False
        self.fail(FailureCode.TEMPLATE, words)

    @property
    def id(self) -> UUID:
        """Its message's, once it has a number."""
        assert self.message_id is not None
        return self.message_id

    @property
    def text(self) -> str:
        """What is sent as things stand."""
        return self.plan.body if self.body is None else self.body
