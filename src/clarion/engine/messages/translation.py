"""Translation of message texts: the port to a translation service, and what it must not touch.

A service translates plain text. What in a text is no language (tracked links, variables, addresses)
is taken out before and put back after; where the service lost a place, the pieces between them are
translated one by one, so that nothing of the kind is ever changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

PLACE = re.compile(r"\{(\d{1,3})\}")
"""What stands for a piece that is not to be translated: software is full of `{0}`, so services
carry it over."""

MAX_TEXT = 20_000
MAX_PIECES = 100

_STRING = r"""(?:"[^"\n]*"|'[^'\n]*'|[^()"'\n])"""
_KEPT = re.compile(
    rf"""
      \#track(?:url)?[ \t]*\({_STRING}{{0,50}}[^()\n]{{0,2500}}?\)
    | \#(?:set|parse|if|elseif|foreach|include|define|macro)[ \t]*
        \([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)
    | \#(?:\{{(?:else|end|stop|break)\}}|(?:else|end|stop|break)\b)
    | \$!?\{{[^{{}}\n]*\}}                                        # ${{name}}, $!{{name}}
    | \$!?[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*(?:\([^()\n]*\))?)*  # $name, $contact.first_name
    | https?://[^\s<>"']+[^\s<>"'.,;:!?)]
    | (?<![\w.+-])[\w.+-]{{1,64}}@[\w-]+(?:\.[\w-]+)+
    | \{{\d{{1,3}}\}}                                            # like a place of ours
    """,
    re.VERBOSE,
)


class Translation(Struct, frozen=True):
    """One text in the other language, or why there is none."""

    text: str | None
    reason: str | None = None  # in words for the client, without a text


class Translator(Protocol):
    """A translation service."""

    async def translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        """Each text from one language into another, in order. Languages are BCP 47 tags as
        clients write them ("es", "pt-BR"). Never raises: a service that is away, slow or does not
        know a language is a reason."""

    async def look(self) -> str:
        """How it is, in words for the operator. Raises Unavailable: it cannot translate."""

    async def close(self) -> None:
        """Let go of what it holds."""


class Translated(Struct, frozen=True):
    """What became of a batch of texts."""

    texts: list[Translation]  # in the order of the given ones
    performed: int  # texts that the service was asked for: equal ones once


def same_language(source: str, target: str) -> bool:
    """Whether there is nothing to translate: "en" covers "en-GB"."""
    return primary(source) == primary(target)


def primary(language: str) -> str:
    """The language of a tag, in lower case: "pt-BR" is "pt"."""
    return re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]


async def translate_texts(
    translator: Translator | None, texts: Sequence[str], source: str, target: str
) -> Translated:
    """Translate texts, each different one once; what is no language in them stays as it is.

    Never raises. Without a service each text has that as its reason.
    """
    if same_language(source, target):
        return Translated([Translation(text) for text in texts], 0)
    if translator is None:
        return Translated([_NO_SERVICE] * len(texts), 0)
    different = list(dict.fromkeys(texts))
    done: dict[str, Translation] = {}
    masked: dict[str, _Masked] = {}
    for text in different:
        judged = _judge(text)
        if isinstance(judged, Translation):
            done[text] = judged
        else:
            masked[text] = judged
    if masked:
        answers = await translator.translate([m.text for m in masked.values()], source, target)
        for (text, each), answer in zip(masked.items(), answers, strict=True):
            done[text] = each.restored(answer)
        await _mend(translator, masked, done, (source, target))
    return Translated([done[text] for text in texts], len(masked))


def _judge(text: str) -> Translation | _Masked:
    """The text with places, or the end of it at once."""
    if len(text) > MAX_TEXT:
        return Translation(None, f"The text is longer than {MAX_TEXT} characters.")
    masked = _Masked(text)
    if len(masked.kept) > MAX_PIECES:
        return Translation(None, f"The text has more than {MAX_PIECES} links and variables.")
    return masked if any(_has_words(each) for each in masked.between) else Translation(text)


async def _mend(
    translator: Translator,
    masked: dict[str, _Masked],
    done: dict[str, Translation],
    languages: tuple[str, str],
) -> None:
    """Texts in which the service lost a place: their pieces between the places, on their own."""
    lost = {text: masked[text] for text in masked if done[text] is _LOST}
    pieces = list(dict.fromkeys(p for each in lost.values() for p in each.words()))
    if not pieces:
        return
    answers = await translator.translate(pieces, *languages)
    found = dict(zip(pieces, answers, strict=True))
    for text, each in lost.items():
        done[text] = each.joined(found)


class _Masked:
    """A text with places for what is not to be translated."""

    def __init__(self, text: str) -> None:
        self.kept: list[str] = []
        self.between: list[str] = []
        place = 0
        for found in _KEPT.finditer(text):
            self.between.append(text[place : found.start()])
            self.kept.append(found.group())
            place = found.end()
        self.between.append(text[place:])
        self.text = "".join(self._with_places())

    def _with_places(self) -> Iterable[str]:
        yield self.between[0]
        for number, words in enumerate(self.between[1:]):
            yield f"{{{number}}}"
            yield words

    def restored(self, answer: Translation) -> Translation:
        """The translation with every piece in its place; _LOST where one is missing or double."""
        if answer.text is None or not self.kept:
            return answer
        numbers = sorted(int(number) for number in PLACE.findall(answer.text))
        if numbers != list(range(len(self.kept))):
            return _LOST
        return Translation(PLACE.sub(lambda found: self.kept[int(found[1])], answer.text))

    def words(self) -> list[str]:
        """The pieces that have words to translate, without the blanks around them."""
        return [piece for each in self.between if (piece := each.strip()) and _has_words(piece)]

    def joined(self, found: dict[str, Translation]) -> Translation:
        """The text again, from its pieces."""
        text = ""
        for number, words in enumerate(self.between):
            piece = words.strip()
            if _has_words(piece):
                answer = found[piece]
                if answer.text is None:
                    return answer
                start = words.index(piece)
                words = words[:start] + answer.text + words[start + len(piece) :]  # noqa: PLW2901
            text += words + (self.kept[number] if number < len(self.kept) else "")
        return Translation(text)


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


_LOST = Translation(None, "The translation service changed what must not be translated.")
_NO_SERVICE = Translation(None, "No translation service is set up.")
