"""The templates that one company can use, by name and by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clarion.engine.senders.model import Sender
from clarion.engine.senders.templates.language import Block
from clarion.engine.senders.templates.model import (
    Designation,
    MessageTemplate,
    TemplateError,
    TemplateOwnership,
)
from clarion.engine.senders.templates.parsing import parse
from clarion.engine.senders.templates.shapes import Rules, TextShape
from clarion.kit import ids

_MAX_RULES = 10_000


class TemplateSet:
    """All templates of one company. What is parsed is kept for as long as they do not change."""

    def __init__(self, templates: Iterable[MessageTemplate]) -> None:
        self.by_name: Mapping[str, MessageTemplate] = {each.name: each for each in templates}
        self._by_id = {ids.show(each.id): each for each in self.by_name.values()}
        self._blocks: dict[str, Block] = {}
        self._shapes: dict[str, TextShape] = {}
        self.size = sum(len(each.pattern) for each in self.by_name.values())

    def find(self, reference: str) -> MessageTemplate | None:
        """A template by its id or its name."""
        return self._by_id.get(reference) or self.by_name.get(reference)

    def block(self, name: str) -> Block:
        """What the template of this name is made of."""
        found = self._blocks.get(name)
        if found is None:
            found = self._blocks[name] = parse(self.by_name[name].pattern, strict=True)
        return found

    def shape(self, name: str) -> TextShape:
        """What a text that looks like the template of this name looks like."""
        found = self._shapes.get(name)
        if found is None:
            found = self._shapes[name] = TextShape(self.block(name))
        return found


class Templates:
    """A company's own templates, and the operator's: the PUBLIC ones for making messages, all of
    them for what the operator's sender ids demand."""

    def __init__(self, own: TemplateSet, operators: TemplateSet) -> None:
        self.own = own
        self.operators = operators
        self._rules: dict[tuple[object, ...], Rules] = {}

    def named(self, name: str) -> MessageTemplate | None:
        """The company's own template of this name, else the operator's PUBLIC one."""
        found = self._home(name)
        return found.by_name[name] if found else None

    def block(self, name: str) -> Block:
        """What messages that name this template are made of. TemplateError: it cannot be used."""
        home = self._home(name)
        if home is None:
            raise TemplateError(f"There is no template {name[:100]!r}.")
        if home.by_name[name].designation is not Designation.TEMPLATE:
            raise TemplateError(f"{name[:100]!r} is a VALIDATOR; no message is made from it.")
        try:
            return home.block(name)
        except TemplateError as error:
            raise TemplateError(f"Template {name[:100]!r}: {error.message}") from None

    def rules(self, sender: Sender) -> Rules:
        """What messages of a sender id must look like."""
        key = (sender.message_templates, sender.parent_templates, sender.templates_only)
        found = self._rules.get(key)
        if found is None:
            if len(self._rules) >= _MAX_RULES:
                self._rules.clear()
            found = self._rules[key] = self._make_rules(sender)
        return found

    def _home(self, name: str) -> TemplateSet | None:
        if name in self.own.by_name:
            return self.own
        offered = self.operators.by_name.get(name)
        if offered is not None and offered.ownership is TemplateOwnership.PUBLIC:
            return self.operators
        return None

    def _make_rules(self, sender: Sender) -> Rules:
        """The operator's demands are looked up among the operator's templates alone: a template of
        a company's own that has the same name takes nothing away from them."""
        mine = [mine for each in sender.message_templates if (mine := self._own_or_public(each))]
        theirs = [
            (self.operators, found)
            for each in sender.parent_templates
            if (found := self.operators.find(each))
        ]
        groups = [_shapes(mine), _shapes(theirs)]
        return Rules(
            shapes=tuple(group for group in groups if group),
            templates_only=sender.templates_only,
            allowed=frozenset(
                template.name
                for _, template in (*mine, *theirs)
                if template.designation is Designation.TEMPLATE
            ),
        )

    def _own_or_public(self, reference: str) -> tuple[TemplateSet, MessageTemplate] | None:
        if own := self.own.find(reference):
            return self.own, own
        offered = self.operators.find(reference)
        if offered and offered.ownership is TemplateOwnership.PUBLIC:
            return self.operators, offered
        return None


def _shapes(found: Iterable[tuple[TemplateSet, MessageTemplate]]) -> tuple[TextShape, ...]:
    return tuple(
        home.shape(template.name)
        for home, template in found
        if template.designation is Designation.VALIDATOR
    )
