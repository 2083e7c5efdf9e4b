"""Tenants write templates, and some mean harm: nothing inside is reached, nothing goes on long."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from templating import a_template, own, patterns
from tests.waiting import cpu_seconds

from clarion.engine.senders.templates import (
    Limits,
    TemplateError,
    prepare_body,
    render,
    render_each,
)
from clarion.engine.senders.templates.parsing import parse
from clarion.engine.senders.templates.values import METHODS

SECRET = "secret of the process"


class Guarded(dict[str, object]):
    """A map whose every attribute is bait."""

    secret = SECRET

    def tell(self) -> str:
        return SECRET


class Bait:
    """An object that has no business among variables."""

    secret = SECRET

    def __str__(self) -> str:
        return SECRET

    def __len__(self) -> int:
        return 3

    def __getitem__(self, _: object) -> str:
        return SECRET

    def __iter__(self) -> object:
        return iter([SECRET])


VARIABLES = {
    "text": "abc",
    "number": 5,
    "list": [1, 2],
    "map": Guarded(a=1),
    "object": Bait(),
    "contact": {"first_name": "Ann"},
}
NAMES = [
    "__class__", "__class__.__mro__", "__init__.__globals__", "__dict__", "__doc__", "mro()",
    "format", "encode", "real", "append", "pop", "keys", "update", "secret", "tell", "tell()",
    "__getattribute__('__class__')", "get('__class__')", "__len__()", "_data", "copy()", "items()",
    "['__class__']", "keySet().append(1)", "gi_frame", "f_globals",
]  # fmt: skip


@pytest.mark.parametrize("root", VARIABLES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_inside_python_is_reached(root: str, name: str) -> None:
    path = f"${root}{name}" if name.startswith("[") else f"${root}.{name}"
    quiet = path.replace("$", "$!")
    brace = "${" + path[1:] + "}"
    bodies = [path, quiet, brace, f"#set($y = {path})$!y", f'#set($y = "{path}")$y',
              f"#if({path})reached#end", f"#foreach($y in {path})$y#end"]  # fmt: skip
    templates = own(*(a_template(f"t{n}", body) for n, body in enumerate(bodies)))
    for body in (*bodies, *(f'#parse("t{n}")' for n in range(len(bodies)))):
        try:
            said = render(body, templates, VARIABLES)
        except TemplateError:
            continue
        for leak in (SECRET, "<class", "<built-in", "<function", "<bound", "built-in", "reached"):
            assert leak not in said, (body, said)


def test_an_object_among_the_variables_shows_nothing() -> None:
    assert render("$!object$!object.secret$!object[0]", patterns(), VARIABLES) == ""
    with pytest.raises(TemplateError):
        render("#foreach($x in $object)$x#end", patterns(), VARIABLES)
    for method in METHODS:
        arguments = {"substring": "0", "replace": "'a', 'b'"}.get(method, "'a'")
        for given_ in ("", arguments):
            try:
                said = render(f"$!object.{method}({given_})", patterns(), VARIABLES)
            except TemplateError:
                continue
            assert SECRET not in said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("#set($a='x')#foreach($i in [1..40])#set($a=\"$a$a\")#end", "longer than"),
        ("#set($a='x')#foreach($i in [1..40])#set($a=$a+$a)#end", "longer than"),
        ("#set($a='xx')#foreach($i in [1..40])#set($a=$a.replace('x', $a))#end", "longer than"),
        ("#set($a=3)#foreach($i in [1..40])#set($a=$a*$a)#end", "number is too large"),
        ("#set($a=3.5)#foreach($i in [1..40])#set($a=$a*$a)#end", "number is too large"),
        ("#set($l=[1])#foreach($i in [1..40])#set($l=[$l,$l])#end$l", "too long to be shown"),
        ("#set($m={})#foreach($i in [1..40])#set($m={'a':$m,'b':$m})#end$m", "too long"),
        ("#set($l=[1])#foreach($i in [1..40])#set($l=[$l,$l])#end#if($l==$l)#end", "compared"),
        ("#foreach($i in [1..1000000])#end", "more than 1000 items"),
        ("#set($x=[1..999999999999])", "more than 1000 items"),
        ("#foreach($i in [1..100])#foreach($j in [1..100])#end#end", "more than 500 times"),
        ("#foreach($i in [1..400])#parse('wide')#end", "too long"),
        ("#foreach($i in [1..400])#parse('text')#end", "longer than"),
        ("#parse('loop')", "more than 8 deep"),
        ("#parse('one')", "more than 8 deep"),
        ("#set($n='loop')#parse($n)", "more than 8 deep"),
    ],
)
def test_each_way_to_grow_ends_at_a_wall(body: str, words: str) -> None:
    templates = patterns(
        loop="#parse('loop')", one="#parse('two')", two="#parse('one')", text="x" * 9000,
        wide="#if(true)$!a#end" * 50,
    )  # fmt: skip
    by_steps = Limits(seconds=10.0)  # not by the clock, however slow the machine is
    begun = process_time()
    with pytest.raises(TemplateError) as raised:
        prepare_body(body, templates, by_steps).render({})
    assert words in raised.value.message
    assert process_time() - begun < 1.0  # some milliseconds


def test_what_takes_too_long_is_stopped_by_the_clock() -> None:
    limits = Limits(steps=10**9, loops=10**9, seconds=0.01)
    body = "#foreach($i in [1..900])#foreach($j in [1..900])#foreach($k in [1..900])$k#end#end#end"
    renderer = prepare_body(body, patterns(), limits)
    begun = process_time()
    with pytest.raises(TemplateError, match="takes too long"):
        renderer.render({})
    assert process_time() - begun < 1.0  # without a limit it goes on for minutes


ODD = [
    "#set($x=" + "[$a[(" * 2000,  # what makes other readers of this language double their work
    "#set($x=" + "[$a[(" * 30 + "1" + ")]]" * 30 + ")",
    "#set($x=" + "!" * 5000 + "1)",
    "#set($x=" + "(" * 5000,
    "#set($x=" + "1+" * 5000 + "1)",
    "#set($x=" + "-" * 9000 + ")",
    '#set($x="' + "$y[$z[" * 1500 + '")',
    "#if(" * 2500,
    "#if(true)" * 1000 + "#end" * 1000,
    "$a[" * 3000,
    '$a["' * 2500,
    "$a['$a[" * 1500,
    "${a.b" * 2000,
    "${a|" * 2500,
    "$a.size(" * 1200,
    "$a" + ".b" * 5000,
    "#*" * 5000,
    "\\" * 9999 + "$x",
    '#set($x="' + "\\" * 9000,
    "#set($x={" + "1:{" * 3000,
    "#set($x=[" + "1," * 3000 + "])",
    "#foreach($x in " * 600,
    "#elseif(" * 1000,
    "$" * 9999 + "x",
]


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:20])
@pytest.mark.parametrize("strict", [True, False])
def test_reading_takes_time_in_proportion_to_the_length(text: str, *, strict: bool) -> None:
    def reading() -> None:
        with suppress(TemplateError):
            parse(text, strict=strict)

    assert cpu_seconds(reading) < 0.25  # 10 ms at the most


SCRAPS = st.lists(
    st.sampled_from([
        "$", "!", "{", "}", "x", ".", "y", "[", "]", "(", ")", '"', "'", "|", "#", "set", "if",
        "foreach", "parse", "end", "else", "elseif", "in", " ", "\n", "\\", "1", "..", ",", "=",
        "==", "&&", "+", "-", ":", "contact", ".size()", "#if(", "#end", "#set($x=", "${", "#{end}",
    ]),
    max_size=40,
).map("".join)  # fmt: skip


@given(SCRAPS | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for strict in (True, False):
        try:
            parse(text, strict=strict)
        except TemplateError:
            continue
    try:
        render(text, patterns(), {"x": {"y": [1, "a"]}, "contact": {}})
    except TemplateError:
        return


@given(SCRAPS)
def test_a_text_with_every_mark_escaped_is_itself(text: str) -> None:
    if "\\" in text:
        return
    escaped = text.replace("$", "\\$").replace("#", "\\#")
    try:
        said = render(escaped, patterns(), {})
    except TemplateError:
        pytest.fail(escaped)
    assert said.replace("\\", "") == text


async def test_a_costly_template_leaves_others_their_turn() -> None:
    renderer = prepare_body("#foreach($i in [1..450])$i#end", patterns())
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    made = await render_each(renderer, [{}] * 300)
    task.cancel()
    assert len(made) == 300
    assert turns > 3


async def test_one_message_that_cannot_be_made_does_not_stop_the_others() -> None:
    renderer = prepare_body("Hello $contact.first_name", patterns())
    people = [{"contact": {"first_name": name}} for name in ("Ann", None, "Bob")]
    ann, nobody, bob = await render_each(renderer, people)
    assert (ann, bob) == ("Hello Ann", "Hello Bob")
    assert isinstance(nobody, TemplateError)


def test_a_simple_message_costs_little() -> None:
    templates = patterns(order="Dear $contact.first_name, order $number is on its way to $!city.")
    renderer = prepare_body('#set($number=12)\n#parse("order")', templates)
    variables = {"contact": {"first_name": "Ann"}}
    cost = cpu_seconds(lambda: [renderer.render(variables) for _ in range(500)], rounds=5) / 500
    assert cost < 40e-6  # 4 us
