"""The words that always exist: how subscribers agree, refuse and ask for help, by language.

SCG reference, Keywords, `type`: RESERVED words are the platform's own, and no company can use them
for anything else. A text is such a word when nothing but the word is in it, apart from blanks,
punctuation and accents, in any case: "Stop!", "STOP ALL", "arrêt" are, "stop by tomorrow" is not.

English: the opt-out words of the CTIA Messaging Principles and of 47 CFR 64.1200(a)(10). French:
those of the Canadian Common Short Code guidelines among them.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from msgspec import Struct


class Meaning(StrEnum):
    OPTIN = "OPTIN"  # agrees
    OPTOUT = "OPTOUT"  # refuses
    HELP = "HELP"  # asks who writes, and how to end it


LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "nl")
_ALL = " ".join(LANGUAGES)

# What it means, the languages that it is said in, the words.
TABLE: tuple[tuple[Meaning, str, str], ...] = (
    (Meaning.OPTOUT, _ALL, "STOP STOPALL"),
    (Meaning.OPTOUT, "en", "END QUIT CANCEL UNSUBSCRIBE REVOKE OPTOUT"),
    (Meaning.OPTOUT, "es", "ALTO BAJA DETENER"),
    (Meaning.OPTOUT, "es pt", "PARAR CANCELAR"),
    (Meaning.OPTOUT, "fr", "ARRET ARRETER ARRETE DESABONNER DESINSCRIRE"),
    (Meaning.OPTOUT, "de", "STOPP ABMELDEN ABBESTELLEN ENDE"),
    (Meaning.OPTOUT, "pt", "SAIR PARE DESCADASTRAR"),
    (Meaning.OPTOUT, "it", "FERMA BASTA ANNULLA CANCELLAMI DISISCRIVI"),
    (Meaning.OPTOUT, "nl", "AFMELDEN STOPPEN UITSCHRIJVEN EINDE"),
    (Meaning.OPTIN, _ALL, "START UNSTOP"),
    (Meaning.OPTIN, "en", "YES"),
    (Meaning.OPTIN, "es it", "SI"),
    (Meaning.OPTIN, "es", "ALTA INICIAR"),
    (Meaning.OPTIN, "fr", "OUI DEBUT ABONNER"),
    (Meaning.OPTIN, "de nl", "JA"),
    (Meaning.OPTIN, "de", "ANMELDEN STARTEN"),
    (Meaning.OPTIN, "pt", "SIM COMECAR"),
    (Meaning.OPTIN, "it", "INIZIA ISCRIVIMI"),
    (Meaning.OPTIN, "nl", "AANMELDEN"),
    (Meaning.HELP, _ALL, "INFO"),
    (Meaning.HELP, "en nl", "HELP"),
    (Meaning.HELP, "es", "AYUDA"),
    (Meaning.HELP, "fr", "AIDE"),
    (Meaning.HELP, "de", "HILFE"),
    (Meaning.HELP, "pt", "AJUDA"),
    (Meaning.HELP, "it", "AIUTO"),
    (Meaning.HELP, "nl", "HULP"),
)

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MAX_TEXT = 40

_COUNTRIES = {
    "es": "ES MX AR CO CL PE VE EC GT CU BO DO HN PY SV NI CR PA UY PR GQ",
    "fr": "FR BE LU MC SN CI CM ML BF NE TG BJ GA CG CD GN MG RE GP MQ GF",
    "de": "DE AT CH LI",
    "pt": "PT BR AO MZ CV GW ST TL",
    "it": "IT SM VA",
    "nl": "NL SR CW AW",
}
_LANGUAGE_OF = {c: language for language, all_of in _COUNTRIES.items() for c in all_of.split()}


class Reserved(Struct, frozen=True):
    """One word."""

    id: UUID
    word: str
    meaning: Meaning
    languages: tuple[str, ...]


def plain(text: str) -> str:
    """What is compared: letters and digits alone, upper-case, without accents."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(character for character in apart if character.isalnum()).upper()


def reserved_word(text: str) -> Reserved | None:
    """The word that this text is, if it is one."""
    text = text.strip()
    return BY_WORD.get(plain(text)) if len(text) <= MAX_TEXT else None


def language_of_country(country: str | None) -> str:
    """The language in which to write to a country's number when nothing else is known."""
    return _LANGUAGE_OF.get(country or "", "en")


def reply_language(word: Reserved, country: str | None) -> str:
    """The language of an answer: the word's; of several, the country's."""
    likely = language_of_country(country)
    return likely if likely in word.languages else word.languages[0]


def _id(word: str) -> UUID:
    """The same on every installation: a uuid v7 whose time is SINCE (RFC 9562, section 5.7)."""
    chance = int.from_bytes(hashlib.sha256(word.encode()).digest()[:10], "big")
    top = int(SINCE.timestamp() * 1000) << 80 | 0x7 << 76 | (chance >> 62 & 0xFFF) << 64
    return UUID(int=top | 0x2 << 62 | chance & ((1 << 62) - 1))


def _words() -> dict[str, Reserved]:
    found: dict[str, Reserved] = {}
    for meaning, languages, words in TABLE:
        for word in words.split():
            if word in found:
                raise ValueError(f"{word} is reserved twice")
            found[word] = Reserved(_id(word), word, meaning, tuple(languages.split()))
    return found


BY_WORD: Mapping[str, Reserved] = MappingProxyType(_words())
BY_ID: Mapping[UUID, Reserved] = MappingProxyType({each.id: each for each in BY_WORD.values()})
