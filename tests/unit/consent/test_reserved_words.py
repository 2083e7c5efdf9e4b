"""The words that always exist, and what the gateway writes by itself."""

from __future__ import annotations

from collections import Counter

import pytest

from clarion.engine.consent.keywords.reserved import (
    BY_ID,
    BY_WORD,
    LANGUAGES,
    SINCE,
    Meaning,
    plain,
    reply_language,
    reserved_word,
)
from clarion.engine.consent.replies import TEXTS, Kind, templates_of, text_of
from clarion.kit import ids
from clarion.kit.segments import Encoding, segment


@pytest.mark.parametrize(
    ("meaning", "words"),
    [
        (Meaning.OPTOUT, "STOP END QUIT CANCEL UNSUBSCRIBE STOPALL"),
        (Meaning.OPTIN, "START YES UNSTOP"),
        (Meaning.HELP, "HELP INFO"),
        (Meaning.OPTOUT, "ALTO BAJA ARRET STOPP ABMELDEN SAIR PARAR BASTA FERMA AFMELDEN"),
        (Meaning.OPTIN, "SI ALTA OUI JA ANMELDEN SIM AANMELDEN"),
        (Meaning.HELP, "AYUDA AIDE HILFE AJUDA AIUTO HULP"),
    ],
)
def test_words_mean_what_they_say(meaning: Meaning, words: str) -> None:
    for word in words.split():
        found = reserved_word(word)
        assert found is not None
        assert found.meaning is meaning


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "Stop",
        " STOP ",
        "STOP.",
        "stop!!!",
        '"Stop"',
        "S T O P",
        "STOP 🛑",
        "\nstop\n",
        "¡stop!",
    ],
)
def test_blanks_punctuation_and_case_make_no_difference(text: str) -> None:
    assert reserved_word(text) is BY_WORD["STOP"]


def test_accents_make_no_difference() -> None:
    assert reserved_word("arrêt") is reserved_word("ARRET")
    assert reserved_word("Sí") is reserved_word("SI")
    assert reserved_word("começar") is reserved_word("COMECAR")
    assert reserved_word("opt-out") is reserved_word("OPTOUT")
    assert reserved_word("STOP ALL") is reserved_word("STOPALL")


@pytest.mark.parametrize(
    "text",
    ["", " ", "!!!", "stop it", "stop by tomorrow", "don't stop", "no", "yesterday", "x" * 99],
)
def test_more_than_the_word_is_something_else(text: str) -> None:
    assert reserved_word(text) is None


def test_every_language_can_say_everything() -> None:
    said = Counter(
        (word.meaning, language) for word in BY_WORD.values() for language in word.languages
    )
    for meaning in Meaning:
        for language in LANGUAGES:
            assert said[meaning, language] > 0, (meaning, language)


def test_words_have_ids_for_ever() -> None:
    assert len(BY_ID) == len(BY_WORD)
    assert ids.show(BY_WORD["STOP"].id) == "AZt22qgAc3ufiv64pBd6AA"
    for id, word in BY_ID.items():
        assert ids.parse(ids.show(id)) == id == word.id
        assert ids.created_at(id) == SINCE
        assert plain(word.word) == word.word


@pytest.mark.parametrize(
    ("word", "country", "language"),
    [
        ("STOP", "DE", "de"),
        ("STOP", "BR", "pt"),
        ("STOP", "JP", "en"),
        ("STOP", None, "en"),
        ("QUIT", "DE", "en"),
        ("PARAR", "PT", "pt"),
        ("PARAR", "US", "es"),
        ("SI", "IT", "it"),
        ("JA", "DE", "de"),
        ("HELP", "NL", "nl"),
    ],
)
def test_answers_follow_the_word_and_then_the_country(
    word: str, country: str | None, language: str
) -> None:
    assert reply_language(BY_WORD[word], country) == language


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_fits_one_message(kind: Kind, language: str) -> None:
    text = TEXTS[kind][language]
    assert text == text.strip()
    segments = segment(text)
    assert segments.encoding is Encoding.GSM7
    assert len(segments.parts) == 1


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_that_a_text_names_are_known(kind: Kind, language: str) -> None:
    named = [word.strip(".,:;") for word in TEXTS[kind][language].split()]
    for word in named:
        if word.isupper() and len(word) > 1:
            found = reserved_word(word)
            assert found is not None, word
            assert language in found.languages, word


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_ours_is_a_keyword_of_ours(kind: Kind, language: str) -> None:
    """So that an echo is not answered."""
    assert reserved_word(TEXTS[kind][language]) is None


def test_a_language_without_texts_is_english() -> None:
    assert text_of(Kind.HELP, "xx") == TEXTS[Kind.HELP]["en"]
    assert templates_of(Kind.HELP, "fr") == ("consent-help-fr", "consent-help")
