"""Finding the keyword in a text.

The first that matches, in this order:
 1. a RESERVED word, which is the whole text;
 2. a keyword of the company's that describes the whole text;
 3. one that describes the text's first word, unless it changes consent: nobody agrees or refuses
    by chance.
Within 2 and 3 those of one sender id go before those of any, and older before newer. Blanks at the
ends of the text do not count, and punctuation there only where the keyword has it too.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.consent.keywords.model import Action, Type
from clarion.engine.consent.keywords.reserved import Meaning, Reserved, reserved_word
from clarion.kit.ere import MAX_PATTERN, Matcher, compile_ere, is_literal

_PUNCTUATION = string.punctuation + "¡¿…“”„«»‘’‚–—·\u200b\ufeff"
_CONSENT = frozenset({Action.OPTIN, Action.OPTOUT})


class Keyword(Struct, frozen=True):
    """A keyword, as what follows from it needs it."""

    id: UUID
    name: str
    value: str
    type: Type
    actions: tuple[Action, ...] = ()
    sender_id: UUID | None = None  # None: any of the company's
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    reply_template: str | None = None
    associated_info: str | None = None
    campaign_id: str | None = None
    case_sensitive: bool = False
    reserved: Reserved | None = None

    def holds(self, sender_id: UUID, at: datetime) -> bool:
        """Whether it is in force, on this sender id and at this time."""
        return (
            self.sender_id in (None, sender_id)
            and (self.valid_from is None or self.valid_from <= at)
            and (self.valid_to is None or at <= self.valid_to)
        )


class Rules:
    """The keywords of one company, ready to be found. Plain words cost one look-up together; other
    expressions are tried one by one."""

    def __init__(self, keywords: Iterable[Keyword]) -> None:
        self._words: dict[str, list[tuple[int, Keyword]]] = {}
        self._expressions: list[tuple[int, Keyword, Matcher]] = []
        for place, keyword in enumerate(sorted(keywords, key=_order)):
            if is_literal(keyword.value):
                self._words.setdefault(_folded(keyword.value), []).append((place, keyword))
            elif matcher := _matcher(keyword):
                self._expressions.append((place, keyword, matcher))

    def find(self, text: str, sender_id: UUID, at: datetime) -> Keyword | None:
        """What `text` says, sent to this sender id at this time."""
        if found := reserved_word(text):
            return reserved_keyword(found)
        whole, first = _readings(text)
        return self._best(whole, sender_id, at) or self._best(first, sender_id, at, consent=False)

    def _best(
        self, texts: Sequence[str], sender_id: UUID, at: datetime, *, consent: bool = True
    ) -> Keyword | None:
        found = [
            (place, keyword)
            for text in texts
            for place, keyword in self._describing(text)
            if keyword.holds(sender_id, at) and (consent or not _CONSENT & set(keyword.actions))
        ]
        return min(found, key=lambda each: each[0])[1] if found else None

    def _describing(self, text: str) -> Iterator[tuple[int, Keyword]]:
        for place, keyword in self._words.get(_folded(text), ()):
            if keyword.value == text or not keyword.case_sensitive:
                yield place, keyword
        for place, keyword, matches in self._expressions:
            if matches(text):
                yield place, keyword


def reserved_keyword(word: Reserved) -> Keyword:
    """A reserved word as a keyword."""
    actions = () if word.meaning is Meaning.HELP else (Action(word.meaning),)
    return Keyword(word.id, word.word, word.word, Type.RESERVED, actions, reserved=word)


def _order(keyword: Keyword) -> tuple[bool, UUID]:
    return keyword.sender_id is None, keyword.id


def _matcher(keyword: Keyword) -> Matcher | None:
    """None for an expression that an earlier release took and this one does not."""
    try:
        return compile_ere(keyword.value, ignore_case=not keyword.case_sensitive)
    except ValueError:
        return None


def _folded(text: str) -> str:
    return text.casefold()


def _readings(text: str) -> tuple[list[str], list[str]]:
    """The whole text and its first word, each as it is and without punctuation at its ends."""
    blank = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    first = blank.partition(" ")[0]
    whole = [] if len(blank) > MAX_PATTERN else _with_bare(blank)
    return whole, [] if len(first) > MAX_PATTERN else _with_bare(first)


def _with_bare(text: str) -> list[str]:
    bare = text.strip(_PUNCTUATION).strip()
    return [each for each in dict.fromkeys((text, bare)) if each]
