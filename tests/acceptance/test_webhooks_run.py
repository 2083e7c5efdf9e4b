"""Events from a gateway as it is started, to receivers and into files, looked at from outside."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from running_gateway import Gateway
from tests.peers.smsc import node
from tests.waiting import eventually

ESS = "/ess/v1"
EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "python": [sys.executable, str(EXAMPLES / "receiver.py")],
    "node": [node(), str(EXAMPLES / "receiver.mjs")],
}
GENERIC = "DevTest-Events"


@asynccontextmanager
async def receiver(command: list[str], store: Path, secrets: str) -> AsyncIterator[Receiver]:
    output = store.with_suffix(".out")
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--port", "0", "--store", str(store)],
            stdout=out, env={**os.environ, "CLARION_SECRET": secrets},
        )  # fmt: skip
    try:
        await eventually(lambda: output.read_text("utf-8"))
        yield Receiver(output)
    finally:
        process.kill()
        process.wait()


class Receiver:
    """An example at work."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self.url = output.read_text("utf-8").split()[-1]

    def events(self) -> list[list[str]]:
        """Type, id and fields of each that it took in."""
        return [line.split(maxsplit=2) for line in self._output.read_text("utf-8").splitlines()[1:]]


async def configure(gateway: Gateway, **more: object) -> str:
    new = {"del-cfg-nm": "receiver", "del-fmt-cd": "JSON", "is-active": True} | more
    made = await gateway.call("POST", f"{ESS}/delivery-configurations", new)
    return str(made["id"])


async def subscribe(gateway: Gateway, configuration: str, topic: str, **more: object) -> None:
    new = {"del-cfg-id": configuration} | more
    await gateway.call("POST", f"{ESS}/topics/{topic}/subscriptions", new)


async def publish(gateway: Gateway, *ids: str, key: str = "1") -> None:
    events = [
        {
            "evt-tp": "__GENERIC__",
            "event-id": id,
            "event-key": key,
            "fld-val-list": {"word": "Grüße"},
        }
        for id in ids
    ]
    await gateway.call("POST", f"{ESS}/events", events)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_a_receiver_knows_the_gateways_signatures(
    started: Gateway, tmp_path: Path, command: list[str]
) -> None:
    configuration = await configure(started, addr="http://127.0.0.1:9/nobody")
    secrets = f"{ESS}/delivery-configurations/{configuration}/secrets"
    old = (await started.call("POST", secrets, {}))["secret"]
    new = (await started.call("POST", secrets, {}))["secret"]
    place = f"{ESS}/delivery-configurations/{configuration}"

    async def nothing_is_open() -> bool:
        summary = await started.call("GET", f"{ESS}/event-deliveries/summary")
        counts = summary["delivery-configurations"][0]
        return (counts["pending"], counts["retry"], counts["failed"]) == (0, 0, 0)

    for number, known in enumerate((old, new)):  # before and after the receiver changes over
        async with receiver(command, tmp_path / f"store-{number}", known) as there:
            await started.call("PUT", place, {"del-cfg-nm": "receiver", "addr": there.url})
            if number == 0:
                await subscribe(started, configuration, GENERIC)
            await publish(started, f"one-{number}", f"two-{number}")
            await eventually(lambda there=there: len(there.events()) == 2)
            seen = there.events()
            await eventually(nothing_is_open)  # it has answered as well
        assert {id for _, id, _ in seen} == {f"one-{number}", f"two-{number}"}
        fields = json.loads(seen[0][2])
        assert (fields["word"], fields["company-id"]) == ("Grüße", 1000)


async def test_what_is_collected_is_a_file_that_can_be_downloaded(
    started: Gateway, tmp_path: Path
) -> None:
    configuration = await configure(
        started, **{"cron-expression": "* * * * * *", "latest-event-only": True}
    )
    await subscribe(started, configuration, GENERIC)
    listener = await configure(started, **{"del-cfg-nm": "tail", "del-prtcl-cd": "STREAM"})
    await subscribe(started, listener, "MSS-Messages")
    await publish(started, "first", "second", "third")

    async def files() -> list[dict[str, Any]]:
        found = (await started.call("GET", f"{ESS}/event-buffer-files"))["files"]
        return [each for each in found if each["file-status"] == "ARCHIVED"]

    (file,) = await eventually(files)
    content = await _download(started, f"{ESS}/event-buffer-files/{file['file-id']}/content")
    (event,) = [json.loads(line) for line in content.splitlines()]
    assert event["event-id"] == "third"
    assert (file["del-cfg-id"], file["rows"], file["size"]) == (configuration, 1, len(content))
    delivery = await started.call("GET", f"{ESS}/event-deliveries/first:{configuration}/tracking")
    assert delivery["delivery-status"] == "SUCCESS"
    assert "newer event" in delivery["delivery-attempts"][0]["response-details"]

    async def both_are_told() -> bool:
        path = f"{ESS}/event-deliveries?del-cfg-id={listener}"
        found = (await started.call("GET", path))["event-deliveries"]
        assert all(json.loads(e["event-body"])["file_id"] == str(file["file-id"]) for e in found)
        types = {each["event-type"] for each in found}
        return types == {"event_file_complete", "event_file_download"}

    await eventually(both_are_told)


async def test_a_dump_is_found_by_its_reference(started: Gateway) -> None:
    configuration = await configure(started, addr="http://127.0.0.1:9/nobody")
    for number in range(3):
        criteria = f"number = '+1212555010{number}'"
        await subscribe(started, configuration, "NIS-Events", **{"match-crt": criteria})
    query = "compression=true&compressionType=gzip"
    asked = await started.call("GET", f"{ESS}/topics/NIS-Events/dump-subscriptions?{query}")
    place = f"{ESS}/event-buffer-files/{asked['referenceId']}"

    async def written() -> bool:
        found = await started.call("GET", place)
        return bool(found["file-status"] == "ARCHIVED")

    await eventually(written)
    lines = gzip.decompress(await _download(started, f"{place}/content")).splitlines()
    assert [json.loads(line)["match-crt"] for line in lines] == [
        f"number = '+1212555010{number}'" for number in range(3)
    ]


async def _download(gateway: Gateway, path: str) -> bytes:
    def get() -> bytes:
        connection = HTTPConnection(urlsplit(gateway.ready["base_url"]).netloc, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {gateway.ready['token']}"}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()
        finally:
            connection.close()

    return await asyncio.to_thread(get)
