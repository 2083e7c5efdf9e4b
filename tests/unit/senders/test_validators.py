"""What a sender id takes: its VALIDATOR templates, those of its parent, and templates only."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from templating import a_sender, a_set, a_template, a_validator, own

from clarion.engine.senders.templates import TemplateError, Templates, validate
from clarion.engine.senders.templates.model import TemplateOwnership
from clarion.engine.senders.templates.parsing import parse
from clarion.engine.senders.templates.shapes import TextShape
from clarion.kit import ids


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("Hello", "Hello", True),
        ("Hello", "Hello you", False),
        ("Hello", "hello", False),
        ("Code $code.", "Code 1234.", True),
        ("Code $code.", "Code .", False),
        ("Code $!code.", "Code .", True),
        ("Code ${code}", "Code 12 34", True),
        ("Code $code", "Code", False),
        ("$x", "", False),
        ("$x", "anything\nat all", True),
        ("$a, $b!", "one, two, three!", True),
        ("$a, $b!", "one two!", False),
        ("$a$b", "x", False),
        ("$a$b", "xy", True),
        ("$!a$!b", "", True),
        ("a $x b", "a b", False),
        ("a$x a", "a a", False),
        ("a$x a", "ab a", True),
        ("Dear $name,\n  your order", "  Dear Ann, your\torder ", True),
        ("Costs $5, \\$x, $x", "Costs $5, $x, now", True),
        ("1 + 1 = (2) [a]* $x", "1 + 1 = (2) [a]* ok", True),
        ("ab$x ab", "ab ab ab", True),
    ],
)
def test_a_pattern_is_fixed_parts_with_anything_between(
    pattern: str, text: str, *, fits: bool
) -> None:
    templates = own(a_validator("v", pattern))
    sender = a_sender(message_templates=("v",))
    if fits:
        validate(sender, text, templates)
    else:
        with pytest.raises(TemplateError, match="matches no template of the sender id"):
            validate(sender, text, templates)


PARTS = st.lists(st.sampled_from(["a", "b", "ab", "aa", "${x}", "$!{x}"]), max_size=6)


@given(PARTS, st.text("ab", max_size=10))
def test_matching_is_that_of_a_regular_expression(parts: list[str], text: str) -> None:
    meaning = {"${x}": ".+", "$!{x}": ".*"}
    expected = re.fullmatch("".join(meaning.get(part, part) for part in parts), text) is not None
    shape = TextShape(parse("".join(parts), strict=True))
    assert shape.matches(text) is expected


def test_one_of_several_patterns_is_enough() -> None:
    first, second = a_validator("first", "One $x"), a_validator("second", "Two $x")
    templates = own(first, second, a_validator("third", "Three $x"), a_template("made", "Four"))
    sender = a_sender(message_templates=(ids.show(first.id), "second", "made", "gone"))
    validate(sender, "One 1", templates)
    validate(sender, "Two 2", templates)
    for text in ("Three 3", "Four"):
        with pytest.raises(TemplateError):
            validate(sender, text, templates)


@pytest.mark.parametrize("named", [(), ("gone",), ("made",)])
def test_a_sender_id_without_validators_takes_every_text(named: tuple[str, ...]) -> None:
    templates = own(a_template("made", "Only this"), a_validator("other", "Not this"))
    validate(a_sender(message_templates=named), "Anything", templates)


def test_what_the_operators_sender_id_demands_cannot_be_got_round() -> None:
    """A template of one's own with the same name, or one that takes everything, changes nothing."""
    theirs = a_validator("brief", "Bank: $x")
    anything = a_validator("brief", "$x")
    templates = Templates(a_set(anything, a_validator("mine", "$x Bye")), a_set(theirs))
    for own_demands in ((), ("brief",), (ids.show(anything.id),)):
        sender = a_sender(message_templates=own_demands, parent_templates=("brief",))
        validate(sender, "Bank: hello", templates)
        with pytest.raises(TemplateError):
            validate(sender, "hello", templates)
    both = a_sender(message_templates=("mine",), parent_templates=(ids.show(theirs.id),))
    validate(both, "Bank: 5 Bye", templates)
    for text in ("Bank: 5", "5 Bye"):
        with pytest.raises(TemplateError):
            validate(both, text, templates)


def test_the_operators_private_templates_are_no_companys() -> None:
    private = a_template("private", "x")
    public = a_template("public", "x", ownership=TemplateOwnership.PUBLIC)
    templates = Templates(a_set(), a_set(private, public))
    assert templates.named("public") == public
    assert templates.named("private") is None
    with pytest.raises(TemplateError, match="There is no template 'private'"):
        templates.block("private")


# ---------------------------------------------------------------- templates only


@pytest.mark.parametrize(
    "source",
    [
        '#parse("code")',
        '#set($x="1")\n#parse("code")\n',
        '  #parse("code") #parse("code")',
    ],
)
def test_a_sender_id_of_templates_only_takes_what_is_made_from_them(source: str) -> None:
    templates = own(a_template("code", "Code $x"))
    validate(a_sender(templates_only=True), "Code 1", templates, source=source)


@pytest.mark.parametrize(
    "source",
    [
        None,
        "Code 1",
        "",
        '#set($x="1")',
        '#parse("code") and more',
        "$x#parse('code')",
        '#if(true)#parse("code")#end',
    ],
)
def test_it_refuses_words_of_the_clients_own(source: str | None) -> None:
    templates = own(a_template("code", "Code $x"))
    with pytest.raises(TemplateError, match="made from templates"):
        validate(a_sender(templates_only=True), "Code 1", templates, source=source)


def test_it_takes_only_the_templates_that_it_names_if_it_names_any() -> None:
    templates = own(a_template("code", "Code"), a_template("other", "Other"))
    sender = a_sender(templates_only=True, message_templates=("code",))
    validate(sender, "Code", templates, source='#parse("code")')
    with pytest.raises(TemplateError, match="does not take the template 'other'"):
        validate(sender, "Other", templates, source='#parse("other")')
    with pytest.raises(TemplateError, match="named in quotes"):
        validate(sender, "Code", templates, source='#set($t="code")#parse($t)')


def test_the_text_must_match_a_validator_as_well() -> None:
    templates = own(a_template("code", "Code $x"), a_validator("check", "Code 1$y"))
    sender = a_sender(templates_only=True, message_templates=("check",))
    source = '#parse("code")'
    validate(sender, "Code 12", templates, source=source)
    with pytest.raises(TemplateError, match="matches no template"):
        validate(sender, "Code 22", templates, source=source)
