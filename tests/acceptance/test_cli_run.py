"""`clarion run`, started as its users start it and looked at from outside."""

from __future__ import annotations

import asyncio
import json
import signal
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from running_gateway import API, PHONE, Gateway
from tests.waiting import eventually


async def test_a_first_message_needs_nothing_but_the_ready_file(shared: Gateway) -> None:
    assert set(shared.ready) == {
        "base_url", "token", "application_id", "consumer_key", "consumer_secret", "sender_id",
        "sender_address",
    }  # fmt: skip
    assert shared.ready_file.stat().st_mode & 0o777 == 0o600
    await shared.wait_for(await shared.send("Hello"), "delivered_count")
    answer = await shared.call("GET", f"/sandbox/v1/handsets/{PHONE}/messages")
    assert [message["text"] for message in answer["list"]] == ["Hello"]


async def test_what_it_prints_is_enough_to_begin(shared: Gateway) -> None:
    needed = (
        shared.ready["base_url"], shared.ready["token"], "curl -X POST",
        f"sender_id:{shared.ready['sender_id']}", "clarion sandbox watch",
        f"clarion sandbox answer {PHONE}", f"{shared.ready['base_url']}/docs",
    )  # fmt: skip

    def all_is_printed() -> bool:
        printed = shared.output.read_text("utf-8")
        return all(each in printed for each in needed)

    await eventually(all_is_printed)  # the ready file is there before


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


async def test_a_second_gateway_on_the_same_data_is_refused(shared: Gateway) -> None:
    other = shared.clarion("run", "--listen", "127.0.0.1:0")
    assert other.returncode == 3
    assert "in use by another Clarion" in other.stderr


async def test_a_port_that_is_taken_is_told(shared: Gateway, tmp_path: Path) -> None:
    taken = urlsplit(shared.ready["base_url"]).netloc
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


async def test_a_message_that_fails_is_an_exit_code(shared: Gateway) -> None:
    sent = shared.clarion("send", "+15559990001", "--text", "Refused", "--wait", "20")
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
