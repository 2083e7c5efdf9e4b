"""Scripts of fast access rules: what they find, and that none of them works for long."""

from __future__ import annotations

from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.contacts.fast_access import counted
from clarion.engine.contacts.fast_access.model import COLUMNS, Rule, Rules, target_number
from clarion.engine.contacts.fast_access.plain import NOTHING, follow, plain_steps
from clarion.engine.contacts.fast_access.scripts import MAX_SCRIPT, Script
from clarion.errors import InvalidInput, ValueTooLong

CONTACT: dict[str, Any] = {
    "first_name": "Ada",
    "address_list": [{"city": "Tampa", "use": "billing"}, {"city": "Miami", "use": "shipping"}],
    "account_list": [{"username": "ada"}],
    "extended_attributes": {
        "Favorite_Color": "red",
        "Shoe size": 42,
        "ratio": 0.5,
        "member": True,
        "nothing": None,
        "blank": "",
        "tags": ["a", "b"],
        "loyalty": {"tier": "gold"},
        "long": "x" * 256,
    },
}


RUNAWAY = 5.0  # seconds of CPU: without its limit any of them takes far longer


def value(script: str, contact: dict[str, Any] = CONTACT) -> str | None:
    counted.begin()
    return Script(script).value(contact)


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("$.first_name", "Ada"),
        ("  $.first_name ", "Ada"),
        ("$['first_name']", "Ada"),
        ("$..extended_attributes.Favorite_Color", "red"),
        ("$.extended_attributes.Favorite_Color", "red"),
        ("$.extended_attributes['Shoe size']", "42"),
        ("$.extended_attributes.ratio", "0.5"),
        ("$.extended_attributes.member", "true"),
        ("$.extended_attributes.nothing", None),
        ("$.extended_attributes.blank", ""),
        ("$.extended_attributes.tags", '["a","b"]'),
        ("$.extended_attributes.tags[-1]", "b"),
        ("$.extended_attributes.tags[1:]", "b"),
        ("$.extended_attributes.loyalty", '{"tier":"gold"}'),
        ("$..tier", "gold"),
        ("$.extended_attributes.long", None),
        ("$.address_list[0].city", "Tampa"),
        ("$.address_list[*].city", "Tampa"),
        ("$.address_list[?@.use == 'shipping'].city", "Miami"),
        ("$.address_list[?(@.use == 'shipping')].city", "Miami"),
        ("$.address_list[?length(@.city) > 4 && @.use != 'billing'].city", "Miami"),
        ("$.address_list[?count(@.*) == 2].city", "Tampa"),
        ("$.address_list[?@.city == $.extended_attributes.x].city", None),
        ("$.account_list[0].username", "ada"),
        ("$.customer_account_list[0].username", "ada"),
        ("$.customer_device_list[0].model", None),
        ("$.last_name", None),
        ("$.first_name.x", None),
        ("$.address_list.city", None),
    ],
)
def test_the_first_value_is_taken_as_text(script: str, found: str | None) -> None:
    assert value(script) == found


@pytest.mark.parametrize(
    "script",
    [
        "first_name",
        "$.",
        "$..",
        "$[",
        "^.a",
        "$.a | $.b",
        "$.a & $.b",
        "$.~",
        "$[?@.a =~ /(a+)+$/]",
        "$[?match(@.a, '(a+)+$')]",
        "$[?search(@.a, '(a+)+$')]",
        "$[?keys(@)]",
        "$[?_.x]",
        "$[99999999999999999999]",
        "$[?@ == 1e999]",
        "$['\\ud800']",
        "$[?" + "(" * 400,
        "$[" * 200,
    ],
)
def test_what_is_no_jsonpath_is_refused(script: str) -> None:
    with pytest.raises(InvalidInput, match="no JSONPath: ") as caught:
        Script(script)
    assert caught.value.field == "value_derivation_script"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)
STEPS = st.lists(
    st.sampled_from([".a", ".b", "..a", "..b", "[0]", "[-1]", "..[0]", ".*", "..*", "['c']"]),
    max_size=5,
)


@given(contact=st.dictionaries(st.sampled_from("abc"), JSON), steps=STEPS)
def test_plain_paths_find_what_the_library_finds(contact: dict[str, Any], steps: list[str]) -> None:
    segments = tuple(counted.read_path("$" + "".join(steps)))
    plain = plain_steps(segments)
    assert plain is not None
    counted.begin()
    found = follow(contact, plain)
    counted.begin()
    assert (None if found is NOTHING else found) == counted.first_value(segments, contact)


def test_a_script_has_so_many_characters() -> None:
    Script("$." + "a" * (MAX_SCRIPT - 2))
    with pytest.raises(ValueTooLong):
        Script("$." + "a" * (MAX_SCRIPT - 1))


WIDE = {"a": [[{"b": n, "c": [1, 2, 3]} for n in range(50)] for _ in range(50)]}
WIDE["z"] = [list(each) for each in WIDE["a"]]
DEEP: dict[str, Any] = {}
for _ in range(60):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize("contact", [WIDE, DEEP], ids=["wide", "deep"])
@pytest.mark.parametrize(
    "script",
    [
        "$..*..*..*..nothing",
        "$" + "..*" * 100,
        "$..[?@..[?@.b == 99]]",
        "$..[?@ == $.a]..nothing",
        "$..[?$.z == $.a && 1 == 2]",
        "$..[?count($..*) == 1]",
        "$..[?length(@) == 1 && count(@..*) == 99]",
        "$..a..a..a..a..a..a..nothing",
        "$..[?" + "||".join(["1 == 2"] * 50) + "]",
        "$" + "[?@" * 100 + "]" * 100,
    ],
)
def test_no_script_works_for_long(script: str, contact: dict[str, Any]) -> None:
    begun = thread_time()
    assert value(script, contact) is None
    assert thread_time() - begun < RUNAWAY


def test_all_scripts_of_a_contact_share_one_limit() -> None:
    greedy = [Rule(n, None, f"$..*..*..*..nothing_{n}") for n in range(1, 20)]
    rules = Rules([*greedy, Rule(20, None, "$..b")])
    begun = thread_time()
    derived = rules.derive(WIDE)
    assert thread_time() - begun < RUNAWAY
    assert derived == dict.fromkeys(COLUMNS)
    assert Rules([Rule(20, None, "$..b")]).derive(WIDE) == {"fast_access_20": "0"}


def test_clients_write_what_has_no_script() -> None:
    rules = Rules([Rule(2, "Size", None), Rule(1, "Color", "$.color"), Rule(3, None, None)])
    given = {"Size": "42", "Color": "red", "fast_access_3": None, "fast_access_9": "x"}
    assert rules.written(given) == {
        "fast_access_2": "42",
        "fast_access_3": None,
        "fast_access_9": "x",
    }
    with pytest.raises(ValueTooLong, match="Size"):
        rules.written({"Size": "x" * 256})
    with pytest.raises(InvalidInput, match="no fast access attribute 'Colour'"):
        rules.written({"Colour": "red"})


@pytest.mark.parametrize(("target", "number"), [("fast_access_1", 1), (" FAST_ACCESS_20", 20)])
def test_a_target_has_a_number(target: str, number: int) -> None:
    assert target_number(target) == number


@pytest.mark.parametrize("target", ["", "fast_access_0", "fast_access_21", "fast_access_01", "x1"])
def test_there_are_twenty_targets(target: str) -> None:
    with pytest.raises(ValueError, match="fast_access_1 to fast_access_20"):
        target_number(target)
