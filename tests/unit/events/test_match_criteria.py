"""The language of criteria by examples: what is read, what matches, and where a fault is."""

from __future__ import annotations

from time import perf_counter

import pytest
from msgspec import Raw

from clarion.engine.events.criteria import InvalidCriteria, check, key_text, parse
from clarion.engine.events.criteria.model import MAX_DEPTH, MAX_LENGTH, MAX_TERMS
from clarion.engine.events.model import EventType, Field, FieldType, Value
from clarion.engine.events.types.catalogue import TYPES

EVENT: dict[str, Value] = {
    "number": "+12125550100",
    "company-id": 123,
    "mt_price": 0.015,
    "reply_sent": True,
    "porting_date": "2026-11-22T09:30:00.000Z",
    "quoted": "it's",
    "nothing": None,
    "lines": Raw(b'["x"]'),
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \r\n\t ",
        "number = '+12125550100'",
        "number='+12125550100'",
        "company-id = 123",
        "company-id = 123.0",
        "company-id = 1.23e2",
        "company-id != 124",
        "company-id <> 124",
        "company-id >= 123 AND company-id <= 123",
        "company-id > -1 and not company-id > 123",
        "not company-id < 123",
        "mt_price < 1",
        "reply_sent = true",
        "reply_sent = TRUE and reply_sent != False",
        "number in ('+1', '+12125550100')",
        "number Not In ('+1', '+2')",
        "company-id in (1, 123)",
        "number like '+1212%'",
        "number like '%0100'",
        "number like '%5550%'",
        "number like '+12125550100'",
        "number like '%'",
        "number not like '+49%'",
        "quoted = 'it''s'",
        "nothing is null",
        "no_such_field is null",
        "number is not null",
        "porting_date = '2026-11-22T10:30:00+01:00'",
        "porting_date > '2026-11-22'",
        "porting_date < '2026-11-22T09:30:00.001Z'",
        "porting_date in ('2026-11-22T09:30Z')",
        "company-id = 1 or company-id = 2 or company-id = 123",
        "company-id = 1 and number = 'x' or reply_sent = true",  # AND binds stronger
        "(((company-id = 123)))",
        "not not company-id = 123",
        "not (company-id = 1 or number = 'x')",
        "not nothing is not null",
        "lines is not null",
    ],
)
def test_this_matches(text: str) -> None:
    assert parse(text).matches(EVENT)
    assert parse(text).may_match(EVENT)
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "number = '+12125550101'",
        "number = 12125550100",  # a text is no number
        "company-id = '123'",
        "reply_sent = 1",  # true is no number
        "company-id = true",
        "number != 5",  # not to be compared: unknown
        "nothing = 'x'",
        "nothing != 'x'",
        "not nothing = 'x'",  # NOT of unknown is unknown
        "not no_such_field in ('x')",
        "no_such_field not in ('x')",
        "no_such_field not like 'x%'",
        "company-id not in (1, 'x')",
        "company-id in (1, 124)",
        "number like '1212%'",
        "number like '_12125550100'",  # an underscore is itself
        "company-id like '1%'",
        "number is null",
        "lines is null",
        "lines = 'x'",  # a list is compared with nothing
        "lines != 'x'",
        "lines in ('x', 'y')",
        "lines not in ('x', 'y')",
        "lines in (1, 'x')",
        "lines >= 'x'",
        "lines like '%'",
        "company-id = 1 and (number = 'x' or reply_sent = true)",
        "porting_date = '2026-11-22T09:30:00'  and porting_date = '2026-11-22T09:30:01Z'",
        "quoted = 'its'",
        "NUMBER = '+12125550100'",  # fields' names have their case
    ],
)
def test_this_does_not_match(text: str) -> None:
    assert not parse(text).matches(EVENT)


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("number = ", 10, "it ends here; a text in single quotes or a number or true or false"),
        ("number", 7, "it ends here; a comparison such as ="),
        ("number '+1'", 8, "cannot stand here; a comparison"),
        ("number = '+1", 10, "no end"),
        ('number = "+1"', 10, "single quotes"),
        ("number = ‘+1’", 10, "single quotes"),
        ("number == '+1'", 9, "'=' cannot stand here"),
        ("number ~ '+1'", 8, "'~' cannot stand here"),
        ("number = +1", 10, "'+' cannot stand here"),
        ("number = null", 10, "IS NULL"),
        ("number = a", 10, "'a' cannot stand here"),
        ("a = 1 and", 10, "it ends here; a field or NOT or ("),
        ("a = 1 b = 2", 7, "'b' cannot stand here; AND or OR or the end"),
        ("a = 1)", 6, "')' cannot stand here"),
        ("(a = 1", 7, "it ends here; ) is expected"),
        ("a = 1 and or b = 2", 11, "'or' cannot stand here"),
        ("and = 1", 1, "'and' cannot stand here"),
        ("a in ()", 7, "')' cannot stand here"),
        ("a in (1,)", 9, "')' cannot stand here"),
        ("a in (1", 8, "it ends here"),
        ("a is 5", 6, "'5' cannot stand here; NOT or NULL"),
        ("a like 5", 8, "a text in single quotes is expected"),
        ("a like 'x%y'", 10, "percent sign"),
        ("a like '%%%'", 10, "percent sign"),
        ("a like '%''%y%'", 12, "percent sign"),
        ("a < true", 5, "no order"),
        ("a = 1 and b = 1e999", 15, "out of range"),
        ("a = " + "9" * 41, 5, "40 characters"),
        ("a = 'x\0'", 7, "no text has"),
        ("a = '\ud800'", 6, "no text has"),
        ("5 = a", 1, "a field"),
        ("a = 5x", 6, "'x' cannot stand here"),
    ],
)
def test_a_fault_is_pointed_at(text: str, position: int, words: str) -> None:
    with pytest.raises(InvalidCriteria) as caught:
        parse(text)
    assert caught.value.position == position
    assert f"at character {position}: " in caught.value.message
    assert words in caught.value.message
    assert caught.value.field == "match-crt"


def test_words_of_the_language_are_fields_in_part() -> None:
    event: dict[str, Value] = {"and-more": 1, "nothing": 2, "is_on": True, "or.else": 3, "In_": 4}
    text = "and-more = 1 and nothing = 2 and is_on = true and or.else = 3 and In_ = 4"
    assert parse(text).matches(event)


def test_length_depth_and_terms_are_bounded() -> None:
    deepest = "(" * MAX_DEPTH + "a = 1" + ")" * MAX_DEPTH
    assert parse(deepest) == parse("a = 1")
    with pytest.raises(InvalidCriteria, match="20 deep at most") as caught:
        parse(f"b = 2 or not {deepest}")
    assert caught.value.position == len("b = 2 or n")
    many = ",".join(["1"] * MAX_TERMS)
    assert parse(f"a in ({many})").matches({"a": 1})
    with pytest.raises(InvalidCriteria, match="1000 values at most"):
        parse(f"a in ({many}) and b = 1")
    assert parse("a = 1" + " " * (MAX_LENGTH - 5)).matches({"a": 1})
    with pytest.raises(InvalidCriteria, match="4096 characters at most"):
        parse("a = 1" + " " * (MAX_LENGTH - 4))


@pytest.mark.parametrize(
    "text",
    ["(" * 4096, "not " * 1024, "a=1 or " * 585, "a in (" + "1," * 2000, "'" * 4095, "a" * 4096],
)
def test_hostile_text_takes_no_long_time(text: str) -> None:
    begun = perf_counter()
    with pytest.raises(InvalidCriteria):
        parse(text)
    assert perf_counter() - begun < 2


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", None),
        ("number = '+1'", [("number", "+1")]),
        ("number in ('+1', '+2', '+1')", [("number", "+1"), ("number", "+2")]),
        ("number = '+1' or a = 2", [("number", "+1"), ("a", "#2")]),
        ("number = '+1' or a > 2", None),
        ("number = '+1' and a > 2", [("number", "+1")]),
        ("new_state = 'SENT' and to_address = '+12125550100'", [("to_address", "+12125550100")]),
        ("company-id = 123", None),
        ("company-id = 123 and new_state = 'SENT'", [("new_state", "SENT")]),
        ("not number != '+1'", [("number", "+1")]),
        ("not (number != '+1' or a = 3)", [("number", "+1")]),
        ("not (number != '+1' and a != 3)", [("number", "+1"), ("a", "#3")]),
        ("not number not in ('+1')", [("number", "+1")]),
        ("number not in ('+1')", None),
        ("number is null", None),
        ("number like '+1'", None),
        ("not number = '+1'", None),
        ("a = 1.0", [("a", "#1")]),
        ("a = true", [("a", "#true")]),
        ("a = '#true'", [("a", "##true")]),
        ("d = '2026-11-22T01:00:00+01:00'", [("d", "#2026-11-22T00:00:00+00:00")]),
    ],
)
def test_the_keys_of_criteria(text: str, keys: list[tuple[str, str]] | None) -> None:
    assert parse(text).keys() == keys


def test_long_values_have_short_keys() -> None:
    ((_, key),) = parse(f"a = '{'x' * 3000}'").keys() or []
    assert len(key) < 100
    assert key == key_text("x" * 3000) != key_text("x" * 3001)


def test_lists_have_no_key() -> None:
    assert key_text(EVENT["lines"]) is None


# ---------------------------------------------------------------- part of an event


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("new_state = 'SENT'", {}),
        ("new_state = 'SENT' and to = '+1'", {"new_state": "SENT"}),
        ("new_state = 'SENT' or to = '+1'", {"new_state": "FAILED"}),
        ("not (new_state = 'SENT' and to = '+1')", {"new_state": "SENT"}),
        ("to is null", {"new_state": "SENT"}),
        ("", {}),
    ],
)
def test_what_is_not_known_may_match(text: str, known: dict[str, Value]) -> None:
    assert parse(text).may_match(known)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("new_state = 'SENT'", {"new_state": "DELIVERED"}),
        ("new_state = 'SENT'", {"new_state": None}),
        ("new_state = 'SENT' and to = '+1'", {"new_state": "FAILED"}),
        ("not new_state = 'SENT'", {"new_state": "SENT"}),
        ("new_state is null", {"new_state": "SENT"}),
    ],
)
def test_what_is_known_may_be_enough_to_say_no(text: str, known: dict[str, Value]) -> None:
    assert not parse(text).may_match(known)


# ---------------------------------------------------------------- against types

PORTING = TYPES["porting_event"]
MESSAGES = [type for type in TYPES.values() if type.topic == "SCG-Message"]
LOOSE = EventType("loose", None, strict=False, fields={"n": Field(FieldType.INTEGER)})


@pytest.mark.parametrize(
    "text",
    [
        "number = '+1' and company-id = 5 and porting_date >= '2026-11-22'",
        "company-id < 5.5 and carrier_name like 'A%' and carrier_id is null",
    ],
)
def test_fields_of_the_type_can_be_asked_for(text: str) -> None:
    check(parse(text), [PORTING])


def test_a_whole_topic_has_the_fields_of_all_its_types() -> None:
    check(parse("message_body like 'STOP%' or new_state = 'SENT' or mt_price > 1"), MESSAGES)
    with pytest.raises(InvalidCriteria, match="in any event of the topic"):
        check(parse("porting_date is null"), MESSAGES)


def test_a_type_that_is_not_strict_may_have_any_field() -> None:
    check(parse("whatever = 1 and else is null and n = 5"), [LOOSE])
    with pytest.raises(InvalidCriteria, match="whole number"):
        check(parse("n = 'x'"), [LOOSE])


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("numbr = '+1'", 1, "there is no field numbr in events of type porting_event; did you"),
        ("number = '+1' or zzz is null", 18, "there is no field zzz in events of type"),
        ("number = 5", 10, "number holds a text: write the value in single quotes"),
        ("number in ('+1', 5)", 18, "number holds a text"),
        ("company-id = '5'", 14, "company-id holds a whole number: write the value without quotes"),
        ("porting_date > 'yesterday'", 16, "porting_date holds a date"),
        ("porting_date > 1795339800000", 16, "porting_date holds a date"),
        ("porting_date like '2026%'", 19, "LIKE is for texts"),
        ("not (number = '+1' and company-id = true)", 37, "company-id holds a whole number"),
    ],
)
def test_what_does_not_fit_the_type_is_pointed_at(text: str, position: int, words: str) -> None:
    with pytest.raises(InvalidCriteria) as caught:
        check(parse(text), [PORTING])
    assert caught.value.position == position
    assert words in caught.value.message
