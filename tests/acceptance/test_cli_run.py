"""`clarion run`, started as its users start it and looked at from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest

CLARION = [sys.executable, "-m", "clarion.cli"]
API = "/scg-external-api/api/v1/messaging"
PHONE = "+15557654321"


class Gateway:
    """One `clarion run` at a time on one data directory."""

    def __init__(self, home: Path) -> None:
        self.data = home / "data"
        self.ready_file = home / "ready.json"
        self.output = home / "output"
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, *arguments: str) -> float:
        """Until it says that it is ready; how long that took."""
        started = monotonic()
        self.ready_file.unlink(missing_ok=True)
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *CLARION, "run", "--data", str(self.data), "--listen", "127.0.0.1:0",
                    "--ready-file", str(self.ready_file), *arguments,
                ],
                stdout=output,
                stderr=output,
                env=_environment(),
            )  # fmt: skip
        while not self.ready_file.exists():
            assert self._process.poll() is None, self.output.read_text("utf-8")
            assert monotonic() - started < 60, self.output.read_text("utf-8")
            await asyncio.sleep(0.01)
        self.ready = json.loads(self.ready_file.read_text("utf-8"))
        return monotonic() - started

    async def end(self, number: signal.Signals) -> tuple[int, float]:
        """Its exit code, and how long it took."""
        started = monotonic()
        process = self._process
        assert process is not None
        process.send_signal(number)
        while process.poll() is None:
            assert monotonic() - started < 20, "it does not end"
            await asyncio.sleep(0.01)
        self._process = None
        return int(process.returncode), monotonic() - started

    def clean_up(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def call(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> Any:
        connection = HTTPConnection(urlsplit(self.ready["base_url"]).netloc, timeout=10)
        headers = {
            "Authorization": f"Bearer {self.ready['token']}",
            "Content-Type": "application/json",
        }
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, body=sent, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == 200, content
        return json.loads(content)

    async def send(self, text: str) -> str:
        body = {"from": f"sender_id:{self.ready['sender_id']}", "to": [PHONE], "body": text}
        made = await self.call("POST", f"{API}/message_requests", body)
        return str(made["id"])

    async def wait_for(self, request_id: str, field: str) -> None:
        path = f"{API}/message_requests/{request_id}"
        deadline = monotonic() + 20
        while not (request := await self.call("GET", path))[field]:
            assert monotonic() < deadline, request
            await asyncio.sleep(0.02)

    def clarion(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLARION, *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=_environment(),
        )


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    made.clean_up()


@pytest.fixture
async def started(gateway: Gateway) -> AsyncIterator[Gateway]:
    await gateway.start()
    yield gateway
    await gateway.end(signal.SIGINT)


async def test_a_first_message_needs_nothing_but_the_ready_file(started: Gateway) -> None:
    assert set(started.ready) == {
        "base_url", "token", "application_id", "consumer_key", "consumer_secret", "sender_id",
        "sender_address",
    }  # fmt: skip
    assert started.ready_file.stat().st_mode & 0o777 == 0o600
    await started.wait_for(await started.send("Hello"), "delivered_count")
    answer = await started.call("GET", f"/sandbox/v1/handsets/{PHONE}/messages")
    assert [message["text"] for message in answer["list"]] == ["Hello"]


async def test_what_it_prints_is_enough_to_begin(started: Gateway) -> None:
    printed = started.output.read_text("utf-8")
    for needed in (
        started.ready["base_url"], started.ready["token"], "curl -X POST",
        f"sender_id:{started.ready['sender_id']}", "clarion sandbox watch",
        f"clarion sandbox answer {PHONE}", f"{started.ready['base_url']}/docs",
    ):  # fmt: skip
        assert needed in printed


async def test_the_consumer_key_and_secret_refresh_the_token(started: Gateway) -> None:
    ready = started.ready
    answer = await started.call(
        "GET",
        f"/saop-rest-data/v1/apptoken-refresh?consumerkey={ready['consumer_key']}"
        f"&consumersecret={ready['consumer_secret']}&oldtoken={ready['token']}",
    )
    ready["token"] = answer["accessToken"]
    await started.call("GET", f"{API}/sender_ids")


async def test_it_stops_on_a_signal_and_starts_again_with_the_same_credentials(
    gateway: Gateway,
) -> None:
    assert await gateway.start() < 30
    first = gateway.ready
    request_id = await gateway.send("Hello")
    await gateway.wait_for(request_id, "delivered_count")
    for number in (signal.SIGINT, signal.SIGTERM):
        code, took = await gateway.end(number)
        assert (code, took < 15) == (0, True)
        assert not (gateway.data / "running.json").exists()
        assert await gateway.start() < 30  # 3 s on a machine that does nothing else
        assert {**gateway.ready, "base_url": ""} == {**first, "base_url": ""}
        await gateway.wait_for(request_id, "delivered_count")
    await gateway.end(signal.SIGINT)


async def test_it_comes_back_after_being_killed(gateway: Gateway) -> None:
    await gateway.start()
    request_ids = [await gateway.send(f"Hello {number}") for number in range(20)]
    await gateway.end(signal.SIGKILL)
    await gateway.start()
    for request_id in request_ids:
        await gateway.wait_for(request_id, "delivered_count")
    await gateway.end(signal.SIGINT)


async def test_a_second_gateway_on_the_same_data_is_refused(started: Gateway) -> None:
    other = started.clarion("run", "--listen", "127.0.0.1:0")
    assert other.returncode == 3
    assert "in use by another Clarion" in other.stderr


async def test_a_port_that_is_taken_is_told(started: Gateway, tmp_path: Path) -> None:
    taken = urlsplit(started.ready["base_url"]).netloc
    other = Gateway(tmp_path / "other")
    refused = other.clarion("run", "--listen", taken)
    assert refused.returncode == 1
    assert f"Cannot listen on {taken}" in refused.stderr


async def test_commands_find_the_running_gateway_by_its_data_directory(started: Gateway) -> None:
    sent = started.clarion("send", PHONE, "--text", "From the command line", "--wait", "20")
    assert sent.returncode == 0, sent.stderr
    listed = started.clarion("messages", "--json")
    assert [each["body"] for each in json.loads(listed.stdout)] == ["From the command line"]
    assert started.clarion("company", "create", "Acme").returncode == 0
    shown = started.clarion("connector", "list", "--json")
    assert [each["ready"] for each in json.loads(shown.stdout)] == [True]
    assert started.clarion("doctor").returncode == 0


async def test_a_message_that_fails_is_an_exit_code(started: Gateway) -> None:
    sent = started.clarion("send", "+15559990001", "--text", "Refused", "--wait", "20")
    assert sent.returncode == 1
    assert "refuses" in sent.stdout


async def test_operators_commands_work_while_the_gateway_is_down(gateway: Gateway) -> None:
    made = gateway.clarion("company", "create", "Acme", "--json")
    assert made.returncode == 0, made.stderr
    listed = gateway.clarion("company", "list", "--json")
    assert json.loads(listed.stdout) == [json.loads(made.stdout)]


async def test_several_workers_share_one_port_and_their_figures(gateway: Gateway) -> None:
    await gateway.start("--workers", "2")
    for number in range(10):
        await gateway.wait_for(await gateway.send(f"Hello {number}"), "delivered_count")

    def figures() -> str:
        connection = HTTPConnection(urlsplit(gateway.ready["base_url"]).netloc, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    assert "clarion_requests_accepted_total 10.0" in await asyncio.to_thread(figures)
    code, took = await gateway.end(signal.SIGINT)
    assert (code, took < 15) == (0, True)
