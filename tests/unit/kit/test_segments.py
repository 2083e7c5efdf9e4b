"""Cutting texts: the limits of 3GPP TS 23.040, and nothing torn or lost, whatever the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit import gsm7
from clarion.kit.segments import Encoding, segment, units

LETTERS = gsm7.ALPHABET.replace("\x1b", "") + "".join(gsm7.EXTENSION.values())
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # 11 UTF-16 units that show as one picture

LIMITS = [
    ("a", Encoding.GSM7, 160, 153),
    ("€", Encoding.GSM7, 80, 76),  # two septets each; 153 leaves one over
    ("ж", Encoding.UCS2, 70, 67),
    ("😀", Encoding.UCS2, 35, 33),
    ("\u0915", Encoding.UCS2, 70, 67),
]


@pytest.mark.parametrize(("letter", "encoding", "alone", "part"), LIMITS)
def test_a_message_holds_so_much_and_a_part_so_much(
    letter: str, encoding: Encoding, alone: int, part: int
) -> None:
    whole = segment(letter * alone)
    assert (whole.encoding, whole.parts) == (encoding, (letter * alone,))
    assert segment(letter * (alone + 1)).parts == (letter * part, letter * (alone + 1 - part))
    assert len(segment(letter * part * 3).parts) == 3
    assert len(segment(letter * (part * 3 + 1)).parts) == 4


def test_latin1_is_used_only_where_it_is_allowed_and_needed() -> None:
    assert segment("garçon").encoding is Encoding.UCS2
    assert segment("garçon", latin1=True).encoding is Encoding.LATIN1
    assert segment("garcon", latin1=True).encoding is Encoding.GSM7
    assert segment("garçon €", latin1=True).encoding is Encoding.UCS2
    assert segment("ç" * 140, latin1=True).parts == ("ç" * 140,)
    assert [len(part) for part in segment("ç" * 141, latin1=True).parts] == [134, 7]


def test_an_empty_text_has_one_empty_part() -> None:
    assert segment("").parts == ("",)


def test_an_escape_sequence_is_not_torn() -> None:
    first, second = segment("a" * 152 + "€" + "b" * 20).parts
    assert first == "a" * 152
    assert second == "€" + "b" * 20


def test_a_surrogate_pair_is_not_torn() -> None:
    first, second = segment("ж" * 66 + "😀" + "ж" * 10).parts
    assert (first, second) == ("ж" * 66, "😀" + "ж" * 10)


@pytest.mark.parametrize("cluster", ["e\u0301", FAMILY, "👍🏽", "🇩🇪", "❤\ufe0f", "कि"])
def test_what_shows_as_one_letter_is_not_torn(cluster: str) -> None:
    for before in range(55, 67):
        parts = segment("ж" * before + cluster + "ж" * 30).parts
        assert any(cluster in part for part in parts), before


def test_a_cluster_too_long_to_keep_is_cut_all_the_same() -> None:
    text = "a" + "\u0301" * 500
    parts = segment(text).parts
    assert "".join(parts) == text
    assert len(parts) == 8


@given(st.text(alphabet=LETTERS, max_size=1000))
def test_gsm_texts_are_cut_whole(text: str) -> None:
    found = segment(text)
    assert found.encoding is Encoding.GSM7
    check(text, found.parts, 160, 153, [len(gsm7.encode(part)) for part in found.parts])


@given(st.text(max_size=400))
def test_any_text_is_cut_whole(text: str) -> None:
    found = segment(text, latin1=True)
    if found.encoding is Encoding.GSM7:
        costs = [len(gsm7.encode(part)) for part in found.parts]
        check(text, found.parts, 160, 153, costs)
    elif found.encoding is Encoding.LATIN1:
        costs = [len(part.encode("latin-1")) for part in found.parts]
        check(text, found.parts, 140, 134, costs)
    else:
        costs = [len(part.encode("utf-16-be")) // 2 for part in found.parts]
        check(text, found.parts, 70, 67, costs)


@given(st.lists(st.sampled_from(["ж", "e\u0301", FAMILY, "😀", "\u200d", "🇩🇪"]), max_size=120))
def test_texts_of_clusters_are_cut_whole(letters: list[str]) -> None:
    text = "ж" + "".join(letters)
    parts = segment(text).parts
    check(text, parts, 70, 67, [units(part) for part in parts])


def check(text: str, parts: tuple[str, ...], alone: int, part: int, costs: list[int]) -> None:
    assert "".join(parts) == text
    assert max(costs) <= (alone if len(parts) == 1 else part)
    assert all(parts) or parts == ("",)
    if len(parts) > 1:
        assert sum(costs) > alone


def test_unpaired_surrogates_do_no_harm() -> None:
    text = "\ud800" * 100
    assert "".join(segment(text).parts) == text
