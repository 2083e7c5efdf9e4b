"""A translation service that speaks LibreTranslate's API, for tests: it shouts, and can be told to
misbehave. Written from the API's own description (`/docs` of LibreTranslate 1.6)."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from aiohttp import web

LANGUAGES: list[dict[str, Any]] = [
    {"code": "en", "name": "English", "targets": ["en", "es", "pt-BR", "zh-Hans"]},
    {"code": "es", "name": "Spanish", "targets": ["en", "es"]},
    {"code": "pt-BR", "name": "Portuguese (Brazil)", "targets": ["en"]},
    {"code": "zh-Hans", "name": "Chinese", "targets": ["en"]},
]


class LibreTranslateService:
    """On a free port of this machine, as an async context."""

    def __init__(self, *, key: str = "") -> None:
        self.key = key
        self.calls: list[dict[str, Any]] = []
        self.language_calls = 0
        self.busy = 0  # so many calls are answered 429
        self.retry_after: str | None = None
        self.answer: web.Response | None = None  # in place of a translation
        self.hold = asyncio.Event()  # translations wait for it
        self.hold.set()
        self.under_way = self.most_under_way = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/languages", self._languages)
        app.router.add_post("/translate", self._translate)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hold.set()
        await self._runner.cleanup()

    async def _languages(self, _: web.Request) -> web.Response:
        self.language_calls += 1
        return web.json_response(LANGUAGES)

    async def _translate(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append(body)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.hold.wait()
            return self._answer(body)
        finally:
            self.under_way -= 1

    def _answer(self, body: dict[str, Any]) -> web.Response:
        if self.busy:
            self.busy -= 1
            headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
            return web.json_response({"error": "Slowdown"}, status=429, headers=headers)
        if self.answer is not None:
            return self.answer
        if self.key and body.get("api_key") != self.key:
            return web.json_response({"error": "Invalid API key"}, status=403)
        if body["source"] not in {each["code"] for each in LANGUAGES}:
            return web.json_response({"error": f"{body['source']} is not supported"}, status=400)
        assert body["format"] == "text"
        return web.json_response({"translatedText": [text.upper() for text in body["q"]]})
