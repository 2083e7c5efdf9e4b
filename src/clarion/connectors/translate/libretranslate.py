"""A LibreTranslate-compatible service: POST /translate with an array of texts, GET /languages.

Bounded in every way: texts a call, calls at once, seconds, bytes of an answer. A service that is
busy (429, 503) is asked once more, after the time that it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from clarion.connectors.translate.languages import best_match, tag_of
from clarion.engine.messages.translation import Translation
from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.settings import Translation as Settings

MAX_ANSWER = 4 << 20  # bytes
LANGUAGES_SECONDS = 600.0  # until the service is asked again what it knows
PATIENCE = 5.0  # seconds: the longest Retry-After that is heeded
AGAIN = 0.5  # seconds, where a busy service names none
TRIES = 2

TRANSLATION_FAILED = "translation.failed"

log = get_logger(__name__)


class _Language(Struct):
    code: str
    targets: list[str] | None = None


class _Answer(Struct):
    translatedText: list[str]  # noqa: N815 - the service's name


_languages = msgspec.json.Decoder(list[_Language])
_answer = msgspec.json.Decoder(_Answer)


class _Trouble(Exception):
    """The service did not translate; the words are for the client."""

    def __init__(self, words: str, *, again_in: float | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.again_in = again_in  # seconds until it is worth another try


class LibreTranslate:
    """A Translator."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.url.rstrip("/")
        self._key = settings.api_key
        self._batch = settings.batch
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[str, tuple[str, frozenset[str] | None]] = {}
        self._known_until = 0.0
        self._learning = asyncio.Lock()

    async def translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        try:
            pair = await self._pair(source, target)
        except _Trouble as trouble:
            return self._failed(texts, trouble)
        batches = [
            texts[start : start + self._batch] for start in range(0, len(texts), self._batch)
        ]
        done = await asyncio.gather(*(self._translate_batch(each, *pair) for each in batches))
        return [translation for batch in done for translation in batch]

    async def look(self) -> str:
        try:
            known = await self._languages()
        except _Trouble as trouble:
            raise Unavailable(trouble.words) from trouble
        return f"{self._base}: {len(known)} languages"

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # ------------------------------------------------------------ languages

    async def _pair(self, source: str, target: str) -> tuple[str, str]:
        """Both languages as the service spells them."""
        known = await self._languages()
        wanted = tag_of(source), tag_of(target)
        found = [tag and best_match(tag, known) for tag in wanted]
        if found[0] is None or found[1] is None:
            missing = source if found[0] is None else target
            raise _Trouble(f"The translation service does not know the language {missing[:35]!r}.")
        code, targets = known[found[0]]
        other = known[found[1]][0]
        if targets is not None and other not in targets:
            raise _Trouble(f"The translation service has no way from {code} to {other}.")
        return code, other

    async def _languages(self) -> Mapping[str, tuple[str, frozenset[str] | None]]:
        """By our tag: the service's code, and the codes that it translates into, if it says."""
        async with self._learning:
            if monotonic() >= self._known_until:
                listed = await self._call("GET", "/languages", None, _languages)
                self._known = {
                    tag: (each.code, None if each.targets is None else frozenset(each.targets))
                    for each in listed
                    if (tag := tag_of(each.code)) is not None
                }
                self._known_until = monotonic() + LANGUAGES_SECONDS
        return self._known

    # ------------------------------------------------------------ texts

    async def _translate_batch(
        self, texts: Sequence[str], source: str, target: str
    ) -> list[Translation]:
        body = {"q": list(texts), "source": source, "target": target, "format": "text"}
        if self._key:
            body["api_key"] = self._key
        try:
            answer = await self._patiently(body)
        except _Trouble as trouble:
            return self._failed(texts, trouble)
        if len(answer.translatedText) != len(texts):
            return self._failed(texts, _Trouble("The translation service answered something else."))
        return [Translation(text) for text in answer.translatedText]

    async def _patiently(self, body: Mapping[str, object]) -> _Answer:
        for _ in range(TRIES - 1):
            try:
                return await self._ask(body)
            except _Trouble as trouble:
                if trouble.again_in is None or trouble.again_in > PATIENCE:
                    raise
                await asyncio.sleep(trouble.again_in)
        return await self._ask(body)

    async def _ask(self, body: Mapping[str, object]) -> _Answer:
        answer: _Answer = await self._call("POST", "/translate", body, _answer)
        return answer

    def _failed(self, texts: Sequence[str], trouble: _Trouble) -> list[Translation]:
        log.warning(TRANSLATION_FAILED, texts=len(texts), reason=trouble.words)
        return [Translation(None, trouble.words)] * len(texts)

    # ------------------------------------------------------------ HTTP

    async def _call(
        self, method: str, path: str, body: object, decoder: msgspec.json.Decoder[Any]
    ) -> Any:
        """A decoded answer. Raises _Trouble."""
        try:
            async with (
                self._slots,
                self._opened().request(
                    method,
                    self._base + path,
                    data=None if body is None else msgspec.json.encode(body),
                    headers={"Content-Type": "application/json"},
                    timeout=self._timeout,
                    allow_redirects=False,
                ) as answer,
            ):
                raw = await _read(answer)
                if answer.status != 200:
                    raise _refusal(answer, raw)
                return decoder.decode(raw)
        except TimeoutError as error:
            raise _Trouble("The translation service did not answer in time.") from error
        except aiohttp.ClientError as error:
            raise _Trouble("The translation service cannot be reached.") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Trouble("The translation service answered something else.") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > MAX_ANSWER:
            raise _Trouble("The translation service answered too much.")
        pieces.append(piece)
    return b"".join(pieces)


def _refusal(answer: aiohttp.ClientResponse, raw: bytes) -> _Trouble:
    """What an answer other than 200 says, in its own words where it has some."""
    try:
        words = str(msgspec.json.decode(raw)["error"])[:200]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        words = answer.reason or ""
    text = f"The translation service refused: {answer.status} {words}".rstrip()
    return _Trouble(text, again_in=_again_in(answer) if answer.status in (429, 503) else None)


def _again_in(answer: aiohttp.ClientResponse) -> float:
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() else AGAIN
