"""What a message says: made from its template, in its recipient's language, as the sender id may
say it.

A body without templates in it is translated once a language, before anything of its recipients is
put in; one that names templates can only be translated when it is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.plan import Plan
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.messages.translation import same_language, translate_texts
from clarion.engine.senders.templates import (
    TemplateError,
    Templates,
    is_plain,
    prepare_body,
    render_each,
    validate,
)
from clarion.engine.senders.templates.validating import demands_nothing

ENGLISH = "en"  # SCG reference, Message Request, `src_language`
_PARSE = "#parse"


async def translate_bodies(chunk: Chunk) -> None:
    """Of requests whose text is all in the body."""
    await _translate(chunk, lambda plan: _PARSE not in plan.body)


async def make_texts(chunk: Chunk) -> None:
    """Put in what the template says, and what is known of each recipient."""
    bodies: dict[str, list[Candidate]] = defaultdict(list)
    for c in chunk.going():
        if not is_plain(c.text):
            bodies[c.text].append(c)
    if bodies:
        templates = await chunk.means.templates.get(chunk.company_id)
        for body, candidates in bodies.items():
            await _make(body, candidates, templates)


async def translate_made(chunk: Chunk) -> None:
    """Of requests whose text is in templates."""
    await _translate(chunk, lambda plan: _PARSE in plan.body)


async def validate_texts(chunk: Chunk) -> None:
    """Some sender ids take only what looks like their templates."""
    bound = [c for c in chunk.going() if c.sender and not demands_nothing(c.sender)]
    if not bound:
        return
    templates = await chunk.means.templates.get(chunk.company_id)
    for c in bound:
        assert c.sender is not None
        try:
            validate(c.sender, c.text, templates, source=c.plan.body)
        except TemplateError as error:
            c.fail(FailureCode.TEMPLATE, error.message)


async def _make(body: str, candidates: Sequence[Candidate], templates: Templates) -> None:
    try:
        renderer = prepare_body(body, templates)
    except TemplateError as error:
        for c in candidates:
            c.fail_text(error.message)
        return
    if renderer.is_same_for_all:
        texts = await render_each(renderer, [{}]) * len(candidates)
    else:
        texts = await render_each(renderer, map(_variables, candidates))
    for c, text in zip(candidates, texts, strict=True):
        if isinstance(text, TemplateError):
            c.fail_text(text.message)
        elif text.strip() or c.plan.has_media:
            c.body = text
        else:
            c.fail_text("Its text is empty.")


def _variables(c: Candidate) -> Mapping[str, object]:
    return {"contact": c.attributes}


async def _translate(chunk: Chunk, wanted: Callable[[Plan], bool]) -> None:
    """One call of the service for each request and language: equal texts are translated once."""
    for (plan, target), candidates in _by_language(chunk.going(), wanted).items():
        source = plan.options.src_language or ENGLISH
        done = await translate_texts(
            chunk.means.translator, [c.text for c in candidates], source, target
        )
        chunk.performed[plan.request_id] += done.performed
        for c, translation in zip(candidates, done.texts, strict=True):
            if translation.text is None:
                c.failed_translation = translation.reason
            else:
                c.body, c.language = translation.text, target


def _by_language(
    candidates: Iterable[Candidate], wanted: Callable[[Plan], bool]
) -> Mapping[tuple[Plan, str], list[Candidate]]:
    found: dict[tuple[Plan, str], list[Candidate]] = defaultdict(list)
    for c in candidates:
        options = c.plan.options
        if not options.translate:
            continue
        target = options.dst_language or c.preferred_language
        if target and not same_language(options.src_language or ENGLISH, target) and wanted(c.plan):
            found[c.plan, target].append(c)
    return found
