"""Another reader of Velocity (airspeed) understands what we understand, and says the same.

Where both have a construct they must agree. We differ on purpose in what is left out here: see
docs/decisions, on templates.
"""

from __future__ import annotations

import airspeed
from hypothesis import given, settings
from hypothesis import strategies as st
from templating import patterns

from clarion.engine.senders.templates import render

VARIABLES = {
    "name": "Ann",
    "n": 7,
    "zero": 0,
    "empty": "",
    "list": ["a", "b", "c"],
    "user": {"city": "Rome", "age": 30, "tags": ["x", "y"], "nested": {"deep": "end"}},
}

texts = st.sampled_from(
    ["", "Hello ", " and, ", ".", "! ", "\n\n", "5% ", " {x} ", "é€😀", "#sale ", "US$ "]
)
numbers = st.integers(0, 50).map(str) | st.sampled_from(["$n", "$user.age", "$zero", "${user.age}"])
words = st.sampled_from(["'it'", '"quoted"', '"$name of ${user.city}"', "$name", "$user.city"])
known = st.sampled_from([
    "$name", "${name}", "$!name", "$!{name}", "$user.city", "${user.city}", "$user.nested.deep",
    "$n", "$list[0]", "$user.tags[1]", "$list.size()", "$name.length()", "${user.city}s",
    "$unknown", "${unknown}", "$!unknown", "$!{unknown}", "$user.unknown", "$!user.unknown",
    '${unknown|"else"}', "$unknown.more.so", "\\$name ",
])  # fmt: skip


def _joined(parts: tuple[str, ...]) -> str:
    return " ".join(parts)


sums = st.recursive(
    numbers,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(_joined)
        | inner.map(lambda each: f"({each})")
        | st.tuples(numbers, st.sampled_from(["/", "%"]), st.sampled_from(["2", "7"])).map(
            _joined  # below zero, ours is cut towards zero and theirs down
        )
    ),
    max_leaves=5,
)
comparisons = (
    st.tuples(sums, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "gt", "eq"]), sums).map(
        _joined
    )
    | st.tuples(words, st.sampled_from(["==", "!="]), words).map(_joined)
    | st.sampled_from(["$name", "$empty", "$unknown", "$list", "true", "false", "!$name", "!$zero"])
)
conditions = st.recursive(
    comparisons.map(lambda each: f"({each})"),
    lambda inner: st.tuples(inner, st.sampled_from(["&&", "||", "and", "or"]), inner).map(
        lambda parts: "(" + _joined(parts) + ")"
    ),
    max_leaves=4,
)
sets = st.tuples(
    st.sampled_from(["first", "second"]), sums.filter(lambda s: "-" not in s) | words
).map(lambda parts: f"#set(${parts[0]} = {parts[1]})${{{parts[0]}}}")
lists = st.sampled_from(["$list", "[1..4]", "[3..1]", "['a', $name, 5]", "$user.tags", "[]"])


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(conditions, inner, conditions, inner, inner).map(
            lambda parts: (
                f"#if{parts[0]}[{parts[1]}]#elseif{parts[2]}[{parts[3]}]#{{else}}[{parts[4]}]#{{end}}"
            )
        )
        | st.tuples(lists, inner).map(
            lambda parts: (
                f"#foreach($each in {parts[0]})<${{each}}{parts[1]}${{foreach.count}}>#{{end}}"
            )
        )
        | st.lists(inner, max_size=4).map("".join)
    )


bodies = st.recursive(texts | known | st.just("${first}"), _wrapped, max_leaves=8)
wholes = st.lists(sets | bodies, max_size=5).map("".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(wholes)
def test_both_say_the_same(body: str) -> None:
    try:
        expected = airspeed.Template(body).merge(dict(VARIABLES))
    except airspeed.TemplateError as error:
        raise AssertionError(f"{body!r}: {error} {error.__cause__!r}") from error
    assert render(body, patterns(), VARIABLES) == expected
