"""What templates say: each construct, and what cannot be understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from templating import a_template, a_validator, own, patterns

from clarion.engine.senders.templates import TemplateError, is_plain, prepare_body, render

NOBODY: Mapping[str, object] = {}
ANN = {
    "contact": {
        "first_name": "Ann",
        "last_name": None,
        "city": "",
        "zip": "33602",
        "Favorite_Color": "red",
        "Shoe Size": "39",
        "fast_access.Language": "de",
        "fast_access": {"Plan": "gold"},
        "tags": ["a", "b"],
    }
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", ""),
        ("Hello", "Hello"),
        ("$5 off, US$ 7, 100 $", "$5 off, US$ 7, 100 $"),
        ('#sale #1 # ## #* x *# #track("http://x")', '#sale #1 # ## #* x *# #track("http://x")'),
        ("This is the #end, #else what? #if you", "This is the #end, #else what? #if you"),
        ("#macro(x) #evaluate(y) #stop", "#macro(x) #evaluate(y) #stop"),
        ("back\\slash \\o/", "back\\slash \\o/"),
    ],
)
def test_a_plain_text_stays_as_it_is(body: str, expected: str) -> None:
    assert is_plain(body)
    assert render(body, patterns(), NOBODY) == expected
    assert prepare_body(body, patterns()).is_same_for_all
    also = body + "\\$x"  # with a mark of ours in it, the rest still stays
    assert not is_plain(also)
    assert render(also, patterns(), NOBODY) == expected + "$x"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Hello $contact.first_name.", "Hello Ann."),
        ("Hello ${contact.first_name}e", "Hello Anne"),
        ("Hello $!contact.last_name!", "Hello !"),
        ("Hello $!{contact.last_name}!", "Hello !"),
        ('Hello ${contact.last_name|"friend"}', "Hello friend"),
        ('Hello ${contact.city|"friend"}$!contact.city', "Hello friend"),
        ("Hello ${contact.last_name|$contact.first_name}", "Hello Ann"),
        ("$contact.Favorite_Color $contact.fast_access.Plan", "red gold"),
        ("$contact.fast_access.Language", "de"),
        ('$contact["Shoe Size"]', "39"),
        ("$contact.tags[0]$contact.tags[-1]$!contact.tags[2]", "ab"),
        ("$contact.tags", "[a, b]"),
        ("$contact.first_name.toUpperCase()", "ANN"),
        ("$contact.first_name.toUpperCase().length()", "3"),
        ("$contact.zip.substring(0, 3)", "336"),
        ("\\$contact.first_name", "$contact.first_name"),
    ],
)
def test_variables(body: str, expected: str) -> None:
    assert render(body, patterns(), ANN) == expected


@pytest.mark.parametrize(
    "body",
    [
        "I owe $you and ${you}",
        "See $site.com, $a.b.c(d), $a[sic], $a[1",
        "${x, ${x|, ${x|}, $x.size(, ${x.y(1)}",
        '$x["$y["$z',
    ],
)
def test_in_a_body_what_is_no_variable_stays_text(body: str) -> None:
    assert not is_plain(body)
    assert render(body, patterns(), NOBODY) == body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('#set($x="v")$x', "v"),
        ('#set($x="v")\n#set ( $y = $x )\r\n$x$y', "vv"),
        ("#set($x='$y')$x", "$y"),
        ('#set($y=1)#set($x="a${y}b$y $z")$x', "a1b1 $z"),
        ('#set($x="a\\"b\\n\\\\c")$x', 'a"b\n\\c'),
        ("#set($x='it\\'s')$x", "it's"),
        ("#set($x=1 + 2 * 3 - 4)$x", "3"),
        ("#set($x=(1 + 2) * 3)$x", "9"),
        ("#set($x=7 / 2)$x #set($y=-7 / 2)$y #set($z=-7 % 2)$z", "3 -3 -1"),
        ("#set($x=7.0 / 2)$x #set($y=7.5 % 2)$y", "3.5 1.5"),
        ('#set($x="5")#set($y=$x * 2)$y', "10"),
        ('#set($x="5" + 5 + $nothing)$x', "55"),
        ("#set($x=[1, 'b', [2]])$x[0]$x[1]$x", "1b[1, b, [2]]"),
        ("#set($x={'a': 1, 'b': [2]})$x.a$x.b[0] $x", "12 {a=1, b=[2]}"),
        ("#set($x=[])#set($y={})$x $y.size()", "[] 0"),
        ("#set($x=true)$x #set($x=false)$x #set($x=null)$!x", "true false "),
        ("#set($x=[3..1])$x", "[3, 2, 1]"),
        ("#set($x = -5)$x", "-5"),
    ],
)
def test_set(body: str, expected: str) -> None:
    assert render(body, patterns(), NOBODY) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("true", True),
        ("$nothing", False),
        ("$contact.first_name", True),
        ("$contact.last_name", False),
        ("''", False),
        ("0", False),
        ("[]", False),
        ("!$nothing", True),
        ("not false", True),
        ("1 == 1.0", True),
        ("$contact.zip == 33602", True),
        ("$contact.zip eq '33602'", True),
        ("$contact.zip != '33602'", False),
        ("$contact.zip > 4000", True),
        ("'a' < 'b'", True),
        ("2 >= 2 && 2 <= 2 and 1 lt 2", True),
        ("false || true", True),
        ("false or false and true", False),
        ("true || 1 / 0 == 1", True),
        ("false && 1 / 0 == 1", False),
        ("$nothing < 5", False),
        ("$nothing == null", True),
        ("true == 'true'", False),
        ("$contact.tags.contains('a')", True),
        ("$contact.containsKey('zip')", True),
        ("$contact.first_name.startsWith('A') && $contact.first_name.endsWith('n')", True),
        ("$contact.first_name.contains('x')", False),
        ("$contact.last_name.isEmpty()", False),
    ],
)
def test_if(condition: str, *, expected: bool) -> None:
    said = render(f"#if({condition})yes#{{else}}no#end", patterns(), ANN)
    assert said == ("yes" if expected else "no")


def test_directives_take_the_end_of_their_line_along() -> None:
    body = "#if($x == 1)\none\n#elseif($x == 2)  \ntwo\n#else\nmany\n#end\nand"
    for x, said in ((1, "one\nand"), (2, "two\nand"), (3, "many\nand")):
        assert render(body, patterns(), {"x": x}) == said


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("#foreach($x in [1..3])$x#if($foreach.hasNext), #end#end", "1, 2, 3"),
        ("#foreach($x in ['a', 'b'])$foreach.count$foreach.index$x#end", "10a21b"),
        ("#foreach($x in ['a', 'b'])$velocityCount#end", "12"),
        ("#foreach($x in [1, 2])$foreach.first/$foreach.last #end", "true/false false/true "),
        ("#foreach($v in {'a': 1, 'b': 2})$v#end", "12"),
        ("#foreach($k in $contact.fast_access.keySet())$k#end", "Plan"),
        ("#foreach($x in $nothing)never#end.", "."),
        ("#set($x='before')#foreach($x in [1])$x#end$x", "1before"),
        ("#foreach($x in [1..2])#set($last=$x)#end$last", "2"),
        ("#foreach($a in [1..2])#foreach($b in [1..2])$a$b$foreach.count #end$foreach.count #end",
         "111 122 1 211 222 2 "),
    ],
)  # fmt: skip
def test_foreach(body: str, expected: str) -> None:
    assert render(body, patterns(), ANN) == expected


def test_parse_shares_the_variables() -> None:
    templates = patterns(
        welcome='Hello $name#parse("tail")', tail=", ${greeting}#set($done=1)", other="$x"
    )
    body = '#set($name="Ann")\n#set($greeting="hi")\n#parse("welcome") $done'
    assert render(body, templates, NOBODY) == "Hello Ann, hi 1"
    assert render("#set($t='other')#parse($t)", templates, {"x": 5}) == "5"


def test_a_message_never_leaves_with_a_hole() -> None:
    templates = patterns(hello="Hello $name", order="${order.number}")
    cases = {
        '#parse("hello")': "Template 'hello': $name has no value; $!name would leave it out.",
        '#parse("order")': "Template 'order': ${order.number} has no value; $!{order.number}",
        "Hello $contact.last_name": "$contact.last_name has no value",
        "Hello $contact.no_such": "$contact.no_such has no value",
        "Hello $contact.empty": "$contact.empty has no value",
        "Hello $contact": "$contact has no value",
    }
    for body, words in cases.items():
        with pytest.raises(TemplateError) as raised:
            render(
                body,
                templates,
                {"contact": {"last_name": None, "empty": ""}} if "." in body else {},
            )
        assert raised.value.message.startswith(words)
    with pytest.raises(TemplateError, match="no value"):
        render("Hello $contact.first_name", templates, NOBODY)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("#set($x)", "line 1, column 8: = is expected"),
        ("one\n#set($x = )", "line 2, column 11: a value is expected"),
        ("#set(x = 1)", "a variable is expected"),
        ("#set($contact = 1)", "$contact is the recipient"),
        ("#foreach($contact in [1])#end", "$contact is the recipient"),
        ("#set($x = 'abc)", "a text has no end"),
        ("#set($x = [1, 2)", ", is expected"),
        ("#set($x = {1})", ": is expected"),
        ("#set($x = [1 2])", "] is expected"),
        ("#set($x = $y.explode())", "there is no method explode()"),
        ("#set($x = 99999999999999999999)", "a number is too large"),
        ("#if($x)no end", "line 1, column 1: #if has no #end"),
        ("#if($x)a#else b#else c#end", "#if has no #end"),
        ("#foreach($x in [1])", "#foreach has no #end"),
        ("#foreach($x of [1])#end", "in is expected"),
        ("#parse()", "a value is expected"),
        ("#parse('missing')", "There is no template 'missing'."),
        ("#if(false)#parse('missing')#end", "There is no template 'missing'."),
        ("#parse('broken')", "Template 'broken': line 1, column 1: #if has no #end."),
        ("#parse('check')", "'check' is a VALIDATOR"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_found_before_any_message_is_made(
    body: str, words: str
) -> None:
    templates = own(a_template("broken", "#if($x)"), a_validator("check", "x"))
    with pytest.raises(TemplateError) as raised:
        prepare_body(body, templates)
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("#set($x = 1 / 0)", "divided by zero"),
        ("#set($x = 1 % 0)", "divided by zero"),
        ("#set($x = 'a' * 2)", "Only numbers"),
        ("#set($x = [1] + 1)", "Only numbers"),
        ("#if([1] == [1])#end", "cannot be compared"),
        ("#if('a' < 1)#end", "Only numbers"),
        ("#set($x = {[1]: 2})", "cannot be compared"),
        ("#foreach($x in 5)#end", "lists and maps only"),
        ("#set($x = [1.5..2])", "not a whole number"),
        ("#set($x = 'abc')$x.substring()", "substring() has 1 to 2 arguments, not 0"),
        ("#set($x = 'missing')#parse($x)", "There is no template 'missing'."),
    ],
)
def test_what_cannot_be_done_is_an_error_of_the_message(body: str, words: str) -> None:
    renderer = prepare_body(body, patterns())
    with pytest.raises(TemplateError) as raised:
        renderer.render(NOBODY)
    assert words in raised.value.message


def test_rendering_changes_nothing_that_it_was_given() -> None:
    variables: dict[str, Any] = {"x": 1, "l": [1]}
    assert render("#set($x=2)#set($y=3)$x$y", patterns(), variables) == "23"
    assert variables == {"x": 1, "l": [1]}
