"""What events carry: the catalogue, and the checks of an event's fields."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from clarion.engine.events.model import EventType, Field, FieldType
from clarion.engine.events.types.catalogue import TOPICS, TYPES
from clarion.engine.events.types.fields import check_fields
from clarion.errors import InvalidInput

OURS = {"__GENERIC__", "delivery_configuration_disabled"}  # the reference does not describe them
ADDED = {"media_urls", "attachment_ids"}  # fields of messages, by the service's later notes
PORTING = TYPES["porting_event"]
PORTED = {"number": "+12125550100", "porting_date": "2026-11-22T09:30:00Z"}
DEEP: list[object] = []  # 17 lists in one another
for _ in range(16):
    DEEP = [DEEP]
LOOSE = EventType("loose", None, strict=False, fields={"n": Field(FieldType.INTEGER)})
ALL = EventType(
    "all",
    None,
    strict=True,
    fields={
        "t": Field(FieldType.TEXT),
        "i": Field(FieldType.INTEGER),
        "d": Field(FieldType.DECIMAL),
        "b": Field(FieldType.BOOLEAN),
        "at": Field(FieldType.DATE),
    },
)


def test_the_catalogue_is_as_large_as_the_references() -> None:
    described = [type for code, type in TYPES.items() if code not in OURS]
    fields = [
        field for type in described for name, field in type.fields.items() if name not in ADDED
    ]
    assert len(described) == 37
    assert len(fields) == 292
    assert sum(field.mandatory for field in fields) == 162
    assert Counter(field.type.value for field in fields) == {
        "Text": 191,
        "Integer": 70,
        "Date": 17,
        "Decimal": 7,
        "Boolean": 7,
    }
    in_topics = [type for type in TYPES.values() if type.topic not in (None, "ESS-Delivery")]
    assert len(in_topics) == 37
    assert len(TOPICS) == 10 + 1


def test_types_are_strict_and_of_a_topic_but_for_few() -> None:
    assert {code for code, type in TYPES.items() if not type.strict} == {
        "health-check",
        "__GENERIC__",
    }
    assert {code for code, type in TYPES.items() if type.topic not in TOPICS} == {"health-check"}
    assert all("company-id" in type.fields for type in TYPES.values())
    assert {topic.service for topic in TOPICS.values()} == {
        "ABA", "MSS", "NIS", "SCG / IMN", "Clarion", None,
    }  # fmt: skip


def test_the_fields_of_a_type_are_kept() -> None:
    fields = PORTED | {"company-id": 5, "carrier_name": "A"}
    assert check_fields(PORTING, fields) == fields


def test_what_is_null_is_left_out() -> None:
    assert check_fields(PORTING, PORTED | {"carrier_name": None, "unknown": None}) == PORTED


def test_an_empty_text_is_there() -> None:
    assert check_fields(PORTING, PORTED | {"number": ""})["number"] == ""


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"number": "+1"}, "porting_date", "events of type porting_event must have it"),
        (PORTED | {"number": None}, "number", "must have it"),
        (PORTED | {"colour": "red"}, "colour", "no such field in events of type porting_event"),
        (PORTED | {"number": 5}, "number", "a text is expected"),
        (PORTED | {"number": ["+1"]}, "number", "a text is expected"),
        (PORTED | {"number": "a\0"}, "number", "zero character"),
        (PORTED | {"number": "a" * 65_537}, "number", "65536 characters"),
        (PORTED | {"company-id": "5"}, "company-id", "a whole number is expected"),
        (PORTED | {"company-id": 5.5}, "company-id", "a whole number is expected"),
        (PORTED | {"company-id": True}, "company-id", "a whole number is expected"),
        (PORTED | {"company-id": 2**63}, "company-id", "out of range"),
        (PORTED | {"porting_date": "today"}, "porting_date", "not a date"),
        (PORTED | {"porting_date": " "}, "porting_date", "a date is expected"),
        (PORTED | {"porting_date": True}, "porting_date", "a date is text"),
        (PORTED | {"x" * 5000: 5}, "x" * 100, "no such field"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    fields: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        check_fields(PORTING, fields)
    assert caught.value.field == field
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("t", "x\ny", "x\ny"),
        ("i", -(2**63) + 1, -(2**63) + 1),
        ("d", 0.015, 0.015),
        ("d", 5, 5),
        ("b", False, False),
        ("at", "2026-11-22", "2026-11-22"),
        ("at", "2026-11-22T09:30:00+01:00", "2026-11-22T09:30:00+01:00"),
        ("at", 1795339800000, "2026-11-22T09:30:00.000Z"),
        ("at", "1795339800", "2026-11-22T09:30:00.000Z"),
        ("at", "Sun, 22 Nov 2026 09:30:00 GMT", "2026-11-22T09:30:00.000Z"),
    ],
)
def test_values_of_each_kind(name: str, given: object, kept: object) -> None:
    assert check_fields(ALL, {name: given}) == {name: kept}


@pytest.mark.parametrize(
    ("name", "given"), [("d", float("inf")), ("d", "5"), ("d", True), ("b", 1), ("b", "true")]
)
def test_values_of_another_kind(name: str, given: object) -> None:
    with pytest.raises(InvalidInput):
        check_fields(ALL, {name: given})


def test_a_type_that_is_not_strict_keeps_what_it_does_not_know() -> None:
    fields = {"n": 1, "any thing": "x", "b": True, "f": 1.5, "ü": -3}
    assert check_fields(LOOSE, fields) == fields


@pytest.mark.parametrize("value", [[], {}, [1, None, "x"], {"b": {"z": [1.5]}, "a": True}, DEEP[0]])
def test_lists_and_objects_are_kept_as_they_are(value: object) -> None:
    kept = check_fields(LOOSE, {"x": value})["x"]
    assert isinstance(kept, msgspec.Raw)
    assert bytes(kept) == msgspec.json.encode(value)


@pytest.mark.parametrize(
    "fields",
    [
        {"n": "x"},
        {"n": [1]},
        {"x": DEEP},
        {"x": ["a" * 65_536]},
        {"x": float("nan")},
        {"x": 2**63},
        {"x": "a\0"},
        {"": 1},
        {"a\n": 1},
        {"a" * 101: 1},
    ],
)
def test_what_it_keeps_is_bounded_all_the_same(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        check_fields(LOOSE, fields)


def test_an_event_is_bounded() -> None:
    assert check_fields(LOOSE, {f"f{n}": n for n in range(200)})
    with pytest.raises(InvalidInput, match="200 fields"):
        check_fields(LOOSE, {f"f{n}": n for n in range(201)})
    with pytest.raises(InvalidInput, match="262144 characters"):
        check_fields(LOOSE, {f"f{n}": "x" * 65_536 for n in range(4)})
