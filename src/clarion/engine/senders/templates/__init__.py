"""Message templates: texts with variables, and what the texts of a sender id must look like.

templates = await directory.get(company_id)
renderer = prepare_body(body, templates)        # once a request; TemplateError: it cannot be
text = renderer.render({"contact": attributes}) # once a recipient; TemplateError: not for this
validate(sender, text, templates, source=body)  # TemplateError: the sender id does not take it
"""

from clarion.engine.senders.templates.directory import TemplateDirectory
from clarion.engine.senders.templates.model import TEMPLATE_FAILURE, Limits, TemplateError
from clarion.engine.senders.templates.rendering import (
    Renderer,
    is_plain,
    prepare_body,
    render,
    render_each,
)
from clarion.engine.senders.templates.templates import Templates
from clarion.engine.senders.templates.validating import validate

__all__ = [
    "TEMPLATE_FAILURE",
    "Limits",
    "Renderer",
    "TemplateDirectory",
    "TemplateError",
    "Templates",
    "is_plain",
    "prepare_body",
    "render",
    "render_each",
    "validate",
]
