"""What a translation service gets to see of a text, and what stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.messages.translation import (
    MAX_PIECES,
    MAX_TEXT,
    PLACE,
    Translation,
    same_language,
    translate_texts,
)

TRACK = '#track("https://shop.example/a_(b)?c=d")'


class Service:
    """A translator that shouts."""

    def __init__(self, change: Callable[[str], str | None] = str.upper) -> None:
        self.asked: list[list[str]] = []
        self.languages: list[tuple[str, str]] = []
        self._change = change

    async def translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        self.asked.append(list(texts))
        self.languages.append((source, target))
        changed = [self._change(text) for text in texts]
        return [Translation(text, None if text is not None else "no idea") for text in changed]

    async def close(self) -> None: ...


async def shouted(*texts: str, service: Service | None = None) -> list[str | None]:
    done = await translate_texts(service or Service(), texts, "en", "es")
    return [each.text for each in done.texts]


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("hello", "HELLO"),
        (f"see {TRACK} now", f"SEE {TRACK} NOW"),
        ('#trackurl("https://a.example","the shop")', '#trackurl("https://a.example","the shop")'),
        ("dear $name, ${contact.first_name}!", "DEAR $name, ${contact.first_name}!"),
        ("$!{x} and $!y and $a.b.c('d')", "$!{x} AND $!y AND $a.b.c('d')"),
        ("it is $5.00 off", "IT IS $5.00 OFF"),
        (
            '#set($x="v")\n#parse("welcome")#if($a > 1) one #else many #end',
            '#set($x="v")\n#parse("welcome")#if($a > 1) ONE #else MANY #end',
        ),
        ("mail ann@example.com or http://example.com/x?y=z.", None),
        ("a {0} b $x", "A {0} B $x"),
        ("#summer sale", "#SUMMER SALE"),
    ],
)
async def test_only_language_is_translated(text: str, translated: str | None) -> None:
    wanted = translated or "MAIL ann@example.com OR http://example.com/x?y=z."
    assert await shouted(text) == [wanted]


async def test_the_service_sees_places() -> None:
    service = Service()
    await shouted(f"see {TRACK} and $name", service=service)
    assert service.asked == [["see {0} and {1}"]]


@pytest.mark.parametrize("text", ["", "  ", "12:30", "$name", TRACK, "😀!", f"{TRACK} {TRACK}"])
async def test_what_has_no_words_costs_nothing(text: str) -> None:
    service = Service()
    done = await translate_texts(service, [text], "en", "es")
    assert (done.texts, done.performed, service.asked) == ([Translation(text)], 0, [])


async def test_equal_texts_are_asked_for_once() -> None:
    service = Service()
    done = await translate_texts(service, ["a", "b", "a", "a"], "en", "es")
    assert [each.text for each in done.texts] == ["A", "B", "A", "A"]
    assert done.performed == 2
    assert service.asked == [["a", "b"]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: PLACE.sub("", text),
        lambda text: PLACE.sub("{0}", text),
        lambda text: text + " {1}",
        lambda text: text.replace("{1}", "{ 1}"),
        lambda text: PLACE.sub("{7}", text),
    ],
)
async def test_a_service_that_loses_places_gets_the_pieces_one_by_one(
    spoil: Callable[[str], str],
) -> None:
    service = Service(lambda text: spoil(text).upper() if PLACE.search(text) else text.upper())
    text = f"  see {TRACK}, dear $name. \n"
    assert await shouted(text, "plain", service=service) == [
        f"  SEE {TRACK}, DEAR $name. \n",
        "PLAIN",
    ]
    assert service.asked[1] == ["see", ", dear"]


async def test_places_may_change_their_order() -> None:
    service = Service(lambda _: "{1} before {0}")
    assert await shouted("$a then $b", service=service) == ["$b before $a"]


async def test_a_reason_is_passed_on() -> None:
    done = await translate_texts(Service(lambda _: None), ["a", "$x"], "en", "xx")
    assert done.texts == [Translation(None, "no idea"), Translation("$x")]
    assert done.performed == 1


async def test_one_that_fails_piece_by_piece_has_a_reason() -> None:
    service = Service(lambda text: "lost" if PLACE.search(text) else None)
    done = await translate_texts(service, ["a $x b"], "en", "es")
    assert done.texts == [Translation(None, "no idea")]


@pytest.mark.parametrize(
    ("text", "words"),
    [("a" * (MAX_TEXT + 1), "longer"), ("a $x " * (MAX_PIECES + 1), "variables")],
)
async def test_what_is_too_much_is_not_asked_for(text: str, words: str) -> None:
    service = Service()
    (found,) = (await translate_texts(service, [text], "en", "es")).texts
    assert found.text is None
    assert words in str(found.reason)
    assert service.asked == []


async def test_without_a_service_that_is_the_reason() -> None:
    done = await translate_texts(None, ["a", "b"], "en", "es")
    assert [each.text for each in done.texts] == [None, None]
    assert all("No translation service" in str(each.reason) for each in done.texts)


@pytest.mark.parametrize(
    ("source", "target", "same"),
    [("en", "en", True), ("en", "EN-gb", True), ("pt_BR", "pt", True), ("en", "es", False)],
)
async def test_nothing_is_translated_into_its_own_language(
    source: str, target: str, *, same: bool
) -> None:
    assert same_language(source, target) is same
    done = await translate_texts(None, ["a"], source, target)
    assert (done.texts == [Translation("a")]) is same


@given(st.text(alphabet="ab #${}()\"'.:/@0track\n", max_size=60))
async def test_a_service_that_changes_nothing_changes_nothing(text: str) -> None:
    assert await shouted(text, service=Service(lambda given: given)) == [text]
    lost = Service(lambda given: PLACE.sub("", given))
    assert await shouted(text, service=lost) == [text]
