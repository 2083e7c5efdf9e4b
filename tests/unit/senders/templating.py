"""Templates and sender ids for tests, without a database."""

from __future__ import annotations

from typing import Any

from clarion.engine.senders.model import Ownership, Sender, SenderState
from clarion.engine.senders.templates.model import (
    Designation,
    MessageTemplate,
    TemplateOwnership,
)
from clarion.engine.senders.templates.templates import Templates, TemplateSet
from clarion.kit import ids


def a_template(name: str, pattern: str, **more: Any) -> MessageTemplate:
    return MessageTemplate(
        **{
            "id": ids.new_id(),
            "name": name,
            "designation": Designation.TEMPLATE,
            "ownership": TemplateOwnership.PRIVATE,
            "pattern": pattern,
        }
        | more
    )


def a_validator(name: str, pattern: str, **more: Any) -> MessageTemplate:
    return a_template(name, pattern, designation=Designation.VALIDATOR, **more)


def a_set(*templates: MessageTemplate) -> TemplateSet:
    return TemplateSet(templates)


def own(*templates: MessageTemplate) -> Templates:
    """A company with these templates, and an operator without any."""
    return Templates(a_set(*templates), a_set())


def patterns(**by_name: str) -> Templates:
    return own(*(a_template(name, pattern) for name, pattern in by_name.items()))


def a_sender(**more: Any) -> Sender:
    return Sender(
        **{
            "company_id": 1000,
            "id": ids.new_id(),
            "application_id": 1000,
            "address": "15550001000",
            "type_id": "LONGCODE",
            "class_id": "ALERTS",
            "ownership": Ownership.PRIVATE,
            "state": SenderState.ACTIVE,
            "connector": None,
            "throughput": None,
            "capabilities": ("SMS",),
        }
        | more
    )
