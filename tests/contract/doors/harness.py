"""The doors as a client meets them: uvicorn on a real socket, a database of the test's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import uvicorn

from clarion.api.services import Services
from clarion.api.transport import HttpProtocol
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.accounts.tokens import issue_token
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender
from clarion.kit import ids

_numbers = count(1)

LIVE = "/scg-external-api/api/v1"
REFERENCE = "/scg/v1"
EVENTS = "/ess/v1"
UNKNOWN = "AaIDQ5whcYmu0E3YFb1dkA"  # nobody's id; always the same one, as tests are named after it


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Any
    raw: bytes
    json: Any

    @property
    def code(self) -> Any:
        """The error_code of an SCG error body."""
        return self.json["error_code"]


@dataclass
class Client:
    """One application of one company, talking to the doors."""

    base: str
    caller: Caller
    token: str
    consumer_key: str
    consumer_secret: str
    session: aiohttp.ClientSession = field(repr=False)
    prefix: str = LIVE

    async def call(self, method: str, path: str, **more: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        headers = {k: v for k, v in headers.items() if v is not None}
        url = self.base + (path if path.startswith("//") or more.pop("whole", False) else
                           self.prefix + path)  # fmt: skip
        async with self.session.request(method, url, headers=headers, **more) as answer:
            raw = await answer.read()
            is_json = answer.headers.get("content-type", "").startswith("application/json")
            parsed = await answer.json() if is_json and raw else None
            return Reply(answer.status, answer.headers, raw, parsed)

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        if body is not None:
            more["json"] = body
        return await self.call("POST", path, **more)

    async def delete(self, path: str, **more: Any) -> Reply:
        return await self.call("DELETE", path, **more)

    def in_form(self, prefix: str) -> Client:
        """The same application through another door."""
        return Client(
            self.base,
            self.caller,
            self.token,
            self.consumer_key,
            self.consumer_secret,
            self.session,
            prefix,
        )


@dataclass
class Site:
    """A running installation."""

    base: str
    services: Services
    session: aiohttp.ClientSession

    async def company(self, *, rate_limit: float | None = None) -> Client:
        """A new company with one application."""
        db, name = self.services.db, f"Company {next(_numbers)}"
        company = await create_company(db, name=name)
        made = await create_application(db, company.id, name="app", rate_limit=rate_limit)
        token = await issue_token(db, company.id, made.application.id)
        caller = Caller(company_id=company.id, application_id=made.application.id)
        return Client(
            self.base,
            caller,
            token.token,
            made.application.consumer_key,
            made.consumer_secret,
            self.session,
        )

    async def sender(self, client: Client, **more: Any) -> str:
        """An active sender id of the client's company."""
        new = NewSender(
            **{
                "class_id": "NOTIFICATIONS",
                "type_id": "LONGCODE",
                "address": "15550001000",
                "state": SenderState.ACTIVE,
            }
            | more
        )
        made = await create_sender(
            self.services.db, self.services.vault, client.caller, new, auto_provision=True
        )
        return ids.show(made)


SiteMaker = Callable[..., Awaitable[Site]]


@asynccontextmanager
async def running(app: Any, *, keep_alive: float = 75) -> AsyncIterator[str]:
    """The base URL of `app` under uvicorn; a connection may be quiet so many seconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type]
        http=HttpProtocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
