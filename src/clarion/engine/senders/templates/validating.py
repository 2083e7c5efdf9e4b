"""Whether a sender id takes a message: its VALIDATOR templates, and if it takes templates only.

    validate(sender, text, templates, source=body)

`text` is the message as it would be sent, once it is made from its template; `source` the body as
the client wrote it. A sender id with templates of its own that was taken from the operator must
satisfy both: its own, and those of the operator's sender id.
"""

from __future__ import annotations

from functools import lru_cache

from clarion.engine.senders.model import Sender
from clarion.engine.senders.templates.language import Block
from clarion.engine.senders.templates.parsing import parse
from clarion.engine.senders.templates.templates import Templates


def validate(sender: Sender, body: str, templates: Templates, *, source: str | None = None) -> None:
    """TemplateError: the sender id does not take this text. Without a `source`, the client wrote
    the text as it is."""
    if demands_nothing(sender):
        return
    rules = templates.rules(sender)
    if rules.templates_only:
        rules.check_source(_read(body if source is None else source))
    rules.check(body)


def demands_nothing(sender: Sender) -> bool:
    """Whether a sender id takes every text: most do."""
    return not (sender.templates_only or sender.message_templates or sender.parent_templates)


@lru_cache(maxsize=64)
def _read(source: str) -> Block:
    """Of a request to many, the source is the same each time."""
    return parse(source, strict=False)
