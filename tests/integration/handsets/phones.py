"""A company whose phones, mailboxes and applications are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import aiohttp
from typer.testing import CliRunner

from clarion.app import Node
from clarion.cli.sandbox import app
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.accounts.tokens import issue_token
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender
from clarion.kit.vault import Vault

PHONE = "+4915112345678"
ADDRESS = "15550001000"
PATIENCE = 15.0
VAULT = Vault("a secret of the tests")


@dataclass
class Company:
    """A company's application, at work."""

    node: Node
    http: aiohttp.ClientSession
    token: str
    id: int
    caller: Caller

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = self.node.base_url + path
        async with self.http.request(method, url, headers=headers, **more) as answer:
            return answer.status, await answer.json()

    async def send(self, to: str, body: str) -> str:
        request = {"from": ADDRESS, "to": [to], "body": body}
        path = "/scg-external-api/api/v1/messaging/message_requests"
        status, answer = await self.call("POST", path, json=request)
        assert status == 200, answer
        return str(answer["id"])

    async def handset(self, number: str, query: str = "") -> list[dict[str, Any]]:
        status, answer = await self.call("GET", f"/sandbox/v1/handsets/{number}/messages{query}")
        assert status == 200, answer
        return list(answer["list"])

    async def answer(self, number: str, to: str, text: str) -> tuple[int, Any]:
        path = f"/sandbox/v1/handsets/{number}/messages"
        return await self.call("POST", path, json={"to": to, "text": text})

    async def texts(self, number: str) -> list[tuple[str, str]]:
        return [(m["direction"], m["text"]) for m in await self.handset(number)]

    async def until_handset(
        self, number: str, holds: Callable[[list[tuple[str, str]]], bool]
    ) -> list[tuple[str, str]]:
        deadline = monotonic() + PATIENCE
        while not holds(found := await self.texts(number)):
            assert monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found

    async def until_delivered(self, number: str, count: int) -> list[dict[str, object]]:
        """What the handset has, once nothing about it will change any more."""
        deadline = monotonic() + PATIENCE
        while True:
            found: list[dict[str, object]] = await self.handset(number)
            if [message["state"] for message in found] == ["DELIVERED"] * count:
                return found
            assert monotonic() < deadline, found
            await asyncio.sleep(0.02)


async def company(node: Node, http: aiohttp.ClientSession, name: str, address: str) -> Company:
    made = await create_company(node.db, name=name)
    application = await create_application(node.db, made.id, name="app")
    caller = Caller(company_id=made.id, application_id=application.application.id)
    token = await issue_token(node.db, made.id, caller.application_id)
    new = NewSender(
        class_id="NOTIFICATIONS", type_id="LONGCODE", address=address, state=SenderState.ACTIVE
    )
    await create_sender(node.db, VAULT, caller, new, auto_provision=True)
    return Company(node, http, token.token, made.id, caller)


async def clarion(acme: Company, *words: str) -> str:
    options = ["--url", acme.node.base_url, "--token", acme.token]
    done = await asyncio.to_thread(CliRunner().invoke, app, [*words, *options])
    assert done.exit_code == 0, done.output
    return done.output
