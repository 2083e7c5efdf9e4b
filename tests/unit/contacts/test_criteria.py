"""Queries for contacts: what they compile to, what is refused and where, and that nothing that a
client writes becomes SQL."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.contacts.criteria import Compiled, InvalidCriteria, compile_criteria
from clarion.engine.contacts.criteria.attributes import ATTRIBUTES
from clarion.engine.contacts.criteria.model import Logic, Operator
from clarion.kit import ids

NAMES = {"Color": "fast_access_3", "Shoe size, EU": "fast_access_4"}


def compiled(query: Any) -> Compiled:
    return compile_criteria(query if isinstance(query, str) else json.dumps(query), NAMES)


def refused(query: Any) -> str:
    with pytest.raises(InvalidCriteria) as caught:
        compiled(query)
    assert caught.value.field == "criteria"
    return caught.value.message


@pytest.mark.parametrize(
    ("query", "condition", "args"),
    [
        ({}, "true", ()),
        ({"first_name": "Ann"}, '(c.first_name collate "C" = $3::text)', ("Ann",)),
        ({"first_name": None}, "((c.first_name is not null) is not true)", ()),
        (
            {"last_name": {"$prefix": "O'B"}},
            '((c.last_name collate "C" ^@ $3::text))',
            ("O'B",),
        ),
        (
            {"birth_date": {"$gte": "1990-01-01", "$lt": "2000-01-01"}},
            "((c.birth_date >= $3::date) and (c.birth_date < $4::date))",
            (date(1990, 1, 1), date(2000, 1, 1)),
        ),
        (
            {"primary_mdn": "1 (212) 555-0100"},
            '(c.primary_mdn collate "C" = $3::text)',
            ("+12125550100",),
        ),
        (
            {"primary_email_addr": {"$in": ["Ann@EXAMPLE.com", "ann@"]}},
            '((c.primary_email_addr collate "C" = any($3::text[])))',
            (["Ann@example.com", "ann@"],),
        ),
        (
            {"primary_addr_country": "usa", "primary_email_addr": {"$prefix": "Ann"}},
            '(c.primary_addr_country collate "C" = $3::text) and '
            '((c.primary_email_addr collate "C" ^@ $4::text))',
            ("US", "Ann"),
        ),
        (
            {"primary_mdn": {"$prefix": "1212"}},
            '((c.primary_mdn collate "C" ^@ $3::text))',
            ("+1212",),
        ),
        (
            {"last_updated_date": "2026-11-22"},
            "((c.updated_at >= $3::timestamptz and c.updated_at < $4::timestamptz))",
            (datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ),
        (
            {"created_date": {"$gt": "2026-11-22"}},
            "((c.id >= $3::uuid))",
            (ids.floor_id(datetime(2026, 11, 23, tzinfo=UTC)),),
        ),
        (
            {"application_id": {"$in": [7, 8]}},
            "((c.application_id = any($3::bigint[])))",
            ([7, 8],),
        ),
        ({"id": "nonsense"}, "(c.id = any($3::uuid[]))", ([],)),
        ({"fast_access.Color": "red"}, '(c.fast_access_3 collate "C" = $3::text)', ("red",)),
        (
            {"fast_access.Shoe size, EU": "42"},
            '(c.fast_access_4 collate "C" = $3::text)',
            ("42",),
        ),
        ({"fast_access_1": {"$exists": True}}, "((c.fast_access_1 is not null))", ()),
        (
            {"first_name": {"$ne": "Ann"}},
            '(((c.first_name collate "C" = $3::text) is not true))',
            ("Ann",),
        ),
        (
            {"customer_account_list.type": {"$in": ["web", 5]}},
            "((c.document @? $3::jsonpath))",
            ('$."account_list"."type" ? (@ == "web" || @ == 5)',),
        ),
        (
            {'extended_attributes.a"b': {"$prefix": '"'}},
            "((c.document @? $3::jsonpath))",
            ('$."extended_attributes"."a\\"b" ? (@ starts with "\\"")',),
        ),
        (
            {"$or": [{"first_name": "Ann"}, {"$not": {"last_name": "Lee"}}]},
            '(((c.first_name collate "C" = $3::text)) or '
            '((((c.last_name collate "C" = $4::text)) is not true)))',
            ("Ann", "Lee"),
        ),
    ],
)
def test_a_query_becomes_a_condition_with_parameters(
    query: Any, condition: str, args: tuple[object, ...]
) -> None:
    found = compiled(query)
    assert (found.condition(3), found.args) == (condition, args)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "line 1, column 1"),
        ('{"first_name": "Ann",\n  "last_name" "Lee"}', "line 2, column 15"),
        ("[]", "a query is a JSON object"),
        ('"Ann"', "a query is a JSON object"),
        ('{"first_name": NaN}', "NaN is not JSON"),
        ({"shoe": 5}, "at /shoe: contacts have no such attribute"),
        ({"first_name.x": "a"}, "at /first_name.x: contacts have no such attribute"),
        ({"address_list.": "a"}, "at /address_list.: contacts have no such"),
        ({"fast_access.Weight": "a"}, "at /fast_access.Weight: no fast access attribute"),
        ({"$nor": []}, "at /$nor: here only $and, $or and $not"),
        ({"$or": []}, "at /$or: an array of query objects"),
        ({"$and": {}}, "at /$and: an array of query objects"),
        ({"$or": [{}, 5]}, "at /$or/1: a query object"),
        ({"$not": []}, "at /$not: a query object"),
        ({"first_name": {}}, "at /first_name: a value or an operator"),
        ({"first_name": ["Ann"]}, "at /first_name: a text, a number, true, false or null"),
        ({"first_name": 5}, "at /first_name: the attribute is a text"),
        ({"first_name": {"$regex": "."}}, "at /first_name/$regex: an operator is one of $eq"),
        ({"first_name": {"$in": "Ann"}}, "at /first_name/$in: an array"),
        ({"first_name": {"$in": ["Ann", {}]}}, "at /first_name/$in/1: a text"),
        ({"first_name": {"$in": ["Ann", 5]}}, "at /first_name/$in: the attribute is a text"),
        ({"first_name": {"$gt": None}}, "at /first_name/$gt: null is in no order"),
        ({"first_name": {"$exists": "yes"}}, "at /first_name/$exists: true or false"),
        ({"birth_date": {"$lt": "2000-02-30"}}, "at /birth_date/$lt: a day is expected"),
        ({"birth_date": {"$prefix": "2000-02-03"}}, "at /birth_date/$prefix: $prefix is for texts"),
        ({"created_date": True}, "at /created_date: a date is expected"),
        ({"created_date": "soon"}, "at /created_date: soon is not a date"),
        ({"created_date": ""}, "at /created_date: a date is expected"),
        ({"application_id": 1.5}, "at /application_id: a whole number"),
        ({"application_id": True}, "at /application_id: a whole number"),
        ({"application_id": 2**63}, "at /application_id: a whole number"),
        ({"id": {"$lt": "x"}}, "at /id/$lt: ids are equal or not"),
        ({"interest_list.score": {"$prefix": 5}}, "at /interest_list.score/$prefix: $prefix is"),
        ({"interest_list.score": {"$gt": True}}, "at /interest_list.score/$gt: true and false"),
        ({"a/b~c": 5}, "at /a~1b~0c: contacts have no such"),
        ('{"first_name": "a", "first_name": "b"}', "at /first_name: it stands twice"),
        ('{"first_name": {"$eq": "a", "$eq": "b"}}', "at /first_name/$eq: it stands twice"),
        ('{"first_name": "a\\u0000"}', "U+0000"),
        ('{"first_name": "\ud800"}', "character 17 is half of a pair"),
        ('{"first_name": "\\ud800"}', "at /first_name: character 1 is half of a pair"),
        ('{"address_list.\\udc00": "x"}', "in a name character 14 is half of a pair"),
        ('{"$not": {"a\\u0000": "x"}}', "at /$not: in a name no text may hold"),
        ({"x" * 300: 1}, "no attribute has so long a name"),
        (f'{{"interest_list.score": 1{"0" * 40}}}', "has more than 30 characters"),
        ('{"interest_list.score": 1e400}', "the number 1e400 is out of range"),
        ({"first_name": "x" * 17_000}, "at most 16384 are allowed"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ({"$and": [{"first_name": "a"}] * 101}, "at /$and/100/first_name: a query has at most 100"),
        ({"application_id": {"$in": [1] * 1001}}, "at most 1000 values in its arrays"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(query: Any, words: str) -> None:
    assert words in refused(query)


def test_nesting_has_a_limit() -> None:
    query: dict[str, Any] = {"first_name": "Ann"}
    for _ in range(9):
        query = {"$not": query}
    assert compiled(query)
    assert "at most 10 deep" in refused({"$not": query})
    inner: dict[str, Any] = {"$eq": "Ann"}
    for _ in range(10):
        inner = {"$not": inner}
    assert "at most 10 deep" in refused({"first_name": inner})


# ---------------------------------------------------------------- whatever a client writes

_nasty = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["'; drop table contact; --", '"', "\\", "{0}", "{}", "$1", "%s", "}{", "(@"]),
)
_scalars = st.one_of(_nasty, st.integers(), st.floats(), st.booleans(), st.none())
_names = st.one_of(
    st.sampled_from([*ATTRIBUTES, "fast_access.Color", *Logic, *Operator]),
    _nasty.map(lambda text: f"extended_attributes.{text}"),
    _nasty,
)
_operands = st.one_of(
    _scalars,
    st.lists(_scalars, max_size=4),
    st.dictionaries(
        st.sampled_from([*Operator, "$not"]), _scalars | st.lists(_scalars), max_size=3
    ),
)
_queries = st.recursive(
    st.dictionaries(_names, _operands, max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from([*Logic]), inner | st.lists(inner, max_size=3), max_size=2
    ),
    max_leaves=8,
)
_anything = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(_names, inner), max_leaves=20
)
_PIECES = re.compile(
    r'c\.[a-z_0-9]+|collate "C"|\{[0-9]+\}::[a-z]+(\[\])?|is not (true|null)|and|or|any|true|false'
    r"|<=|>=|[<>=()]|@\?|\^@| "
)


def _is_ours(condition: str) -> bool:
    """Whether it is made of our own words and nothing else."""
    return _PIECES.sub("", condition) == ""


@given(st.text() | _anything.map(json.dumps) | _queries.map(json.dumps))
def test_any_text_is_compiled_or_refused_and_none_of_it_becomes_sql(text: str) -> None:
    try:
        found = compile_criteria(text, NAMES)
    except InvalidCriteria:
        return
    assert _is_ours(found.template), found.template
    assert len(re.findall(r"\{[0-9]+\}", found.template)) == len(found.args)
    assert found.condition(5).count("$") == len(found.args)


@given(_queries)
def test_a_query_means_the_same_however_it_is_spaced(query: dict[str, Any]) -> None:
    def outcome(text: str) -> object:
        try:
            return compile_criteria(text, NAMES)
        except InvalidCriteria as error:
            return error.message

    compact, wide = json.dumps(query, separators=(",", ":")), json.dumps(query, indent=1)
    assert outcome(compact) == outcome(wide)
