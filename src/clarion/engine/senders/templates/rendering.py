"""Making messages: a body is read once, and gone through for every recipient.

`variables` holds what `$name` stands for: texts, numbers, lists and maps of them, no other objects.
The one that is always known is `contact`, the recipient.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from time import perf_counter

from clarion.engine.senders.templates.language import Block, Parse, Run, Set, Text, pieces_of
from clarion.engine.senders.templates.model import DEFAULT_LIMITS, Limits, TemplateError
from clarion.engine.senders.templates.parsing import parse
from clarion.engine.senders.templates.templates import Templates

MAX_BODY = 100_000
_TURN = 0.005  # seconds after which others have theirs
_MARKED = re.compile(r"\$!?\{?[A-Za-z_]|#(?:set|parse|if|foreach)[ \t]*\(")


def is_plain(body: str) -> bool:
    """Whether a body is the message as it stands: it has no variable and no directive."""
    return _MARKED.search(body) is None


class Renderer:
    """A body that has been read, with the templates that it may use."""

    def __init__(self, block: Block, templates: Templates, limits: Limits) -> None:
        self.block = block
        self._templates = templates
        self._limits = limits
        self.is_same_for_all = _is_text(block)

    def render(self, variables: Mapping[str, object]) -> str:
        """The message for one recipient. TemplateError: it cannot be made."""
        run = Run(variables, self._templates.block, self._limits)
        try:
            self.block.write(run)
        except TemplateError as error:
            if not run.template:
                raise
            raise TemplateError(f"Template {run.template[:100]!r}: {error.message}") from None
        except RecursionError:
            raise TemplateError("The template goes too deep.") from None
        return "".join(run.out)


def prepare_body(body: str, templates: Templates, limits: Limits = DEFAULT_LIMITS) -> Renderer:
    """Read a body, once for all recipients. TemplateError: it cannot be understood, or names a
    template that is not there."""
    if len(body) > MAX_BODY:
        raise TemplateError(f"The body is longer than {MAX_BODY} characters.")
    if is_plain(body):
        return Renderer(Block([Text(body)] if body else []), templates, limits)
    block = parse(body, strict=False)
    for piece in pieces_of(block):
        if isinstance(piece, Parse) and piece.name is not None:
            templates.block(piece.name)
    return Renderer(block, templates, limits)


def render(
    body: str,
    templates: Templates,
    variables: Mapping[str, object],
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """A body for one recipient. TemplateError: it cannot be made."""
    if is_plain(body):
        return body
    return prepare_body(body, templates, limits).render(variables)


async def render_each(
    renderer: Renderer, recipients: Iterable[Mapping[str, object]]
) -> list[str | TemplateError]:
    """The message for each recipient, or why there is none. Others have their turn meanwhile,
    however much the template makes us do."""
    made: list[str | TemplateError] = []
    ends = perf_counter() + _TURN
    for variables in recipients:
        try:
            made.append(renderer.render(variables))
        except TemplateError as error:
            made.append(error)
        if perf_counter() > ends:
            await asyncio.sleep(0)
            ends = perf_counter() + _TURN
    return made


def _is_text(block: Block) -> bool:
    return all(isinstance(piece, Text | Set) for piece in block.pieces)
