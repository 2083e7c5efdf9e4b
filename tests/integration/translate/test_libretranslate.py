"""The LibreTranslate connector, with a service that speaks its API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from tests.peers.libretranslate import LibreTranslateService
from tests.waiting import eventually

from clarion.connectors.translate import libretranslate
from clarion.connectors.translate.libretranslate import LibreTranslate
from clarion.engine.messages.translation import Translation, translate_texts
from clarion.errors import Unavailable
from clarion.settings import Translation as Settings


@pytest.fixture
async def service() -> AsyncIterator[LibreTranslateService]:
    async with LibreTranslateService() as running:
        yield running


@pytest.fixture
async def translator(service: LibreTranslateService) -> AsyncIterator[LibreTranslate]:
    made = _translator(service.url)
    yield made
    await made.close()


def _translator(url: str, **more: Any) -> LibreTranslate:
    return LibreTranslate(Settings(kind="libretranslate", url=url + "/", **more))


def _reasons(done: list[Translation]) -> set[str]:
    assert all(each.text is None for each in done)
    return {str(each.reason) for each in done}


async def test_texts_are_translated_in_order(translator: LibreTranslate) -> None:
    done = await translator.translate(["one", "zwei {0}", "€ 😀"], "en", "es")
    assert [each.text for each in done] == ["ONE", "ZWEI {0}", "€ 😀"]


async def test_many_texts_go_in_batches_a_few_at_once(service: LibreTranslateService) -> None:
    translator = _translator(service.url, batch=10, concurrency=2)
    service.hold.clear()
    texts = [f"text {n}" for n in range(95)]
    working = asyncio.create_task(translator.translate(texts, "en", "es"))
    await eventually(lambda: service.under_way == 2)
    service.hold.set()
    assert [each.text for each in await working] == [text.upper() for text in texts]
    assert [len(call["q"]) for call in service.calls] == [10] * 9 + [5]
    assert service.most_under_way == 2
    await translator.close()


async def test_what_must_not_be_translated_is_not(
    service: LibreTranslateService, translator: LibreTranslate
) -> None:
    text = 'dear $name, see #track("https://a.example/b") or https://a.example'
    done = await translate_texts(translator, [text, text], "en", "es")
    wanted = 'DEAR $name, SEE #track("https://a.example/b") OR https://a.example'
    assert ([each.text for each in done.texts], done.performed) == ([wanted] * 2, 1)
    assert service.calls[0]["q"] == ["dear {0}, see {1} or {2}"]


@pytest.mark.parametrize(
    ("source", "target", "pair"),
    [
        ("en", "es", ("en", "es")),
        ("EN-us", "es-MX", ("en", "es")),
        ("eng", "pt", ("en", "pt-BR")),
        ("en", "pt_br", ("en", "pt-BR")),
        ("en", "zh", ("en", "zh-Hans")),
    ],
)
async def test_languages_are_spelled_as_the_service_does(
    service: LibreTranslateService,
    translator: LibreTranslate,
    source: str,
    target: str,
    pair: tuple[str, str],
) -> None:
    await translator.translate(["x"], source, target)
    assert (service.calls[0]["source"], service.calls[0]["target"]) == pair


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("en", "xx", "does not know the language 'xx'"),
        ("xx", "en", "does not know the language 'xx'"),
        ("en", "not a tag", "does not know"),
        ("pt-BR", "es", "no way from pt-BR to es"),
    ],
)
async def test_languages_that_it_does_not_have_are_a_reason(
    service: LibreTranslateService, translator: LibreTranslate, source: str, target: str, words: str
) -> None:
    (reason,) = _reasons(await translator.translate(["x", "y"], source, target))
    assert words in reason
    assert service.calls == []


async def test_the_service_is_asked_for_its_languages_now_and_then(
    service: LibreTranslateService, translator: LibreTranslate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(translator.translate(["x"], "en", "es") for _ in range(5)))
    assert service.language_calls == 1
    now = libretranslate.monotonic() + libretranslate.LANGUAGES_SECONDS + 1
    monkeypatch.setattr(libretranslate, "monotonic", lambda: now)
    await translator.translate(["x"], "en", "es")
    assert service.language_calls == 2


async def test_our_key_is_sent() -> None:
    async with LibreTranslateService(key="secret") as service:
        for key, text in (("secret", "X"), ("wrong", None)):
            translator = _translator(service.url, api_key=key)
            (done,) = await translator.translate(["x"], "en", "es")
            assert done.text == text
            assert text or "403 Invalid API key" in str(done.reason)
            await translator.close()


@pytest.mark.parametrize("retry_after", [None, "0"])
async def test_a_busy_service_is_asked_again(
    service: LibreTranslateService,
    translator: LibreTranslate,
    monkeypatch: pytest.MonkeyPatch,
    retry_after: str | None,
) -> None:
    monkeypatch.setattr(libretranslate, "AGAIN", 0.01)
    service.busy, service.retry_after = 1, retry_after
    assert await translator.translate(["x"], "en", "es") == [Translation("X")]
    assert len(service.calls) == 2


async def test_one_that_stays_busy_is_a_reason(
    service: LibreTranslateService, translator: LibreTranslate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libretranslate, "AGAIN", 0.01)
    service.busy = 5
    (reason,) = _reasons(await translator.translate(["x", "y"], "en", "es"))
    assert reason == "The translation service refused: 429 Slowdown"
    assert len(service.calls) == 2


async def test_a_long_wait_is_not_waited(
    service: LibreTranslateService, translator: LibreTranslate
) -> None:
    service.busy, service.retry_after = 1, "3600"
    _reasons(await translator.translate(["x"], "en", "es"))
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: web.Response(status=500), "refused: 500"),
        (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1/"}), "302"),
        (lambda: web.Response(text="<html>"), "something else"),
        (lambda: web.json_response({"translatedText": "one"}), "something else"),
        (lambda: web.json_response({"translatedText": ["one", "two"]}), "something else"),
        (lambda: web.json_response({"translatedText": ["x" * (5 << 20)]}), "too much"),
        (lambda: web.json_response({"error": {"no": "text"}}, status=400), "refused: 400"),
        (lambda: web.Response(body=b"\xff\xfe", status=400), "refused: 400"),
    ],
)
async def test_whatever_else_it_answers_is_a_reason(
    service: LibreTranslateService, translator: LibreTranslate, answer: Any, words: str
) -> None:
    service.answer = answer()
    (reason,) = _reasons(await translator.translate(["x"], "en", "es"))
    assert words in reason


async def test_a_slow_service_is_given_up(service: LibreTranslateService) -> None:
    translator = _translator(service.url, timeout=1.0)
    assert await translator.translate(["x"], "en", "es") == [Translation("X")]
    service.hold.clear()
    (reason,) = _reasons(await translator.translate(["x"], "en", "es"))
    assert reason == "The translation service did not answer in time."
    service.hold.set()
    await translator.close()


async def test_a_service_that_is_away_is_a_reason_until_it_is_back() -> None:
    async with LibreTranslateService() as service:
        translator = _translator(service.url)
        await translator.translate(["x"], "en", "es")
    (reason,) = _reasons(await translator.translate(["x"], "en", "es"))
    assert reason == "The translation service cannot be reached."
    await translator.close()
    other = _translator("http://127.0.0.1:1")
    (reason,) = _reasons(await other.translate(["x"], "en", "es"))
    assert reason == "The translation service cannot be reached."
    with pytest.raises(Unavailable, match="cannot be reached"):
        await other.look()
    await other.close()


async def test_the_operator_sees_what_it_knows(
    service: LibreTranslateService, translator: LibreTranslate
) -> None:
    assert await translator.look() == f"{service.url}: 4 languages"
