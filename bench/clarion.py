"""Clarion as it is deployed: `clarion serve` on a PostgreSQL that syncs every commit.

A layout says which processes there are. PostgreSQL is the embedded one with its production
settings; migrations, a company and its sender id are made before the start.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench import load, people, subscribers
from bench.ports import free_port
from bench.sink import Sink
from bench.words import SENDER, TEXT, TO
from clarion import settings
from clarion.cli.reach import bring_up_to_date
from clarion.engine.accounts.model import Caller, Credentials
from clarion.engine.accounts.service import bootstrap
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres

T = TypeVar("T")
WINDOW = 200  # of all binds together, as Kannel's
START_SECONDS = 20.0
PATH = "/scg-external-api/api/v1/messaging/message_requests"
SECRET = "a secret for benchmarks only, 32 b"

LAYOUTS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "one": (("api,dispatch,events,jobs", 1),),
    "split": (("api,jobs", 1), ("dispatch,events", 1)),
    "apart": (("api,dispatch,jobs", 1), ("events", 1)),
    "three": (("api,jobs", 1), ("dispatch", 1), ("events", 1)),
    "workers": (("api,dispatch,events,jobs", 2),),
    "apis": (("api", 2), ("dispatch,events,jobs", 1)),
    "hooks": (("api,jobs", 1), ("events", 1)),
}
"""Roles and number of processes of each node."""


class Clarion:
    """Implements frame.Gateway."""

    def __init__(
        self,
        home: Path,
        *,
        smsc_port: int,
        receipts: bool,
        layout: str,
        statements: bool = False,
        callbacks: bool = False,
    ) -> None:
        """`statements`: count what each statement costs the server (pg_stat_statements).
        `callbacks`: each message that is delivered is an event, which is posted to a sink."""
        self.name = f"clarion {layout}"
        self._home = home
        self._layout = LAYOUTS[layout]
        self._statements = statements
        self._server = EmbeddedPostgres(home)
        self._runner = asyncio.Runner()
        self._nodes: list[subprocess.Popen[bytes]] = []
        self._callbacks = callbacks
        self._sink: Sink | None = None
        self._port = free_port()
        self._smpp = {"port": smsc_port, "receipts": receipts}
        self.address = f"127.0.0.1:{self._port}"
        self.template = ""

    # ------------------------------------------------------------ life

    def start(self) -> None:
        self._url = self._server.start()
        if self._statements:
            self._count_statements()
        credentials = self.run(self._prepare)
        self._token = credentials.token
        self.caller = Caller(credentials.company_id, credentials.application_id)
        if self._callbacks:
            self._sink = Sink()
            url = f"http://127.0.0.1:{self._sink.port}/hook"
            self.run(partial(subscribers.subscribe_messages, caller=self.caller, url=url))
        self.template = load.request("POST", PATH, headers=self.headers(), body=_body([TO], TEXT))
        config = self._home / "clarion.toml"
        config.write_text(self._toml(), "utf-8")
        for roles, workers in self._layout:
            self._spawn(config, roles, workers)
        self._until_ready()

    def stop(self) -> None:
        for node in self._nodes:
            node.send_signal(signal.SIGTERM)
        for node in self._nodes:
            try:
                node.wait(15)
            except subprocess.TimeoutExpired:
                node.kill()
                node.wait()
        if self._sink is not None:
            self._sink.stop()
        self._runner.close()
        self._server.stop()

    def _spawn(self, config: Path, roles: str, workers: int) -> None:
        port = self._port if "api" in roles else free_port()
        command = [str(Path(sys.executable).with_name("clarion")), "serve", "--roles", roles]
        command += ["--data", str(self._home), "--config", str(config), "--workers", str(workers)]
        environment = {**os.environ, "CLARION_DATABASE_URL": self._url}
        with (self._home / "nodes.log").open("ab") as out:
            node = subprocess.Popen(
                [*command, "--listen", f"127.0.0.1:{port}"],
                env=environment, stdout=out, stderr=out,
            )  # fmt: skip
        self._nodes.append(node)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(node.poll() is not None for node in self._nodes):
                break
            try:
                if self.request("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"Clarion did not start; its words are in {self._home}/nodes.log")

    def _toml(self) -> str:
        lines = [
            "[log]",
            'level = "warning"',
            "[security]",
            f'secret_key = "{SECRET}"',
            "[events]",
            'allowed_networks = ["127.0.0.0/8"]',
        ]
        binds = sum(workers for roles, workers in self._layout if "dispatch" in roles)
        return "\n".join([*lines, *(self._connector(binds) if binds else ()), ""])

    def _connector(self, binds: int) -> list[str]:
        return [
            "[connectors.bench]",
            'kind = "smpp"',
            "default = true",
            'host = "127.0.0.1"',
            f"port = {self._smpp['port']}",
            'system_id = "bench"',
            'password = "bench"',
            f"binds = {binds}",
            f"window = {WINDOW // binds}",
            f"receipts = {str(self._smpp['receipts']).lower()}",
            "reconnect = [0.2]",
        ]

    # ------------------------------------------------------------ frame.Gateway

    def groups(self) -> dict[str, list[int]]:
        assert self._server.pid is not None
        groups = {"gateway": [node.pid for node in self._nodes], "postgresql": [self._server.pid]}
        if self._sink is not None:
            groups["sink"] = [self._sink.pid]
        return groups

    def recorded(self, smsc: Mapping[str, Any]) -> int:
        """A receipt is acknowledged only after its commit; its webhook comes later."""
        return int(smsc["receipts_acked"]) if self._sink is None else self._sink.count()

    def idle(self) -> bool:
        return int(self.run(lambda db: db.fetchval(_WAITING))) == 0

    def latencies(self, since: float) -> dict[str, tuple[float, float]]:
        """From the id's time, when a request was read, to the carrier's answer."""
        floor = ids.floor_id(datetime.fromtimestamp(since, UTC))
        found = self.run(lambda db: db.fetchval(_TO_CARRIER, floor))
        return {"to the carrier": (float(found[0]), float(found[1]))} if found else {}

    # ------------------------------------------------------------ more

    def fill_group(self, count: int) -> str:
        """A group of so many contacts with names, who have all opted in; as a recipient."""
        return self.run(partial(people.fill_group, address=SENDER, count=count))

    def send_to_group(self, group: str) -> None:
        """One request to all of a group: a template, their names, their consent."""
        body = {
            "from": SENDER,
            "to": group,
            "body": people.BODY,
            "consent_requirement": "OPT_IN",
        }
        status, answer = self.request(
            "POST", PATH, msgspec.json.encode(body).decode(), self.headers()
        )
        if status != 200:
            raise RuntimeError(f"{status}: {answer!r}")

    def send_to_many(self, count: int) -> None:
        """One request with so many recipients."""
        to = [TO.replace(load.SLOT, f"{number:07d}") for number in range(count)]
        status, answer = self.request("POST", PATH, _body(to, TEXT), self.headers())
        if status != 200:
            raise RuntimeError(f"{status}: {answer!r}")

    def details(self, messages: int) -> list[str]:
        """Where the server's time went since the warm-up, by statement, dearest first."""
        if not self._statements:
            return []
        rows = self.run(lambda db: db.fetch(_COSTS))
        return [
            f"{row['execute'] / messages:7.1f} us execute {row['plan'] / messages:6.1f} us plan "
            f"{messages / row['calls']:7.1f} messages a call  {row['words']}"
            for row in rows
        ]

    def warmed_up(self) -> None:
        if self._statements:
            self.run(lambda db: db.execute("select pg_stat_statements_reset()"))

    def request(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body.encode(), headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def headers(self) -> dict[str, str]:
        return {
            "Host": self.address,
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
        }

    def run(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """`work` on the gateway's database."""

        async def connected() -> T:
            db = await Database.connect(settings.Database(), url=self._url)
            try:
                return await work(db)
            finally:
                await db.close()

        return self._runner.run(connected())

    async def _prepare(self, db: Database) -> Credentials:
        await bring_up_to_date(db, settings.Settings())
        credentials = await bootstrap(db)
        caller = Caller(credentials.company_id, credentials.application_id)
        sender = NewSender(
            name="Bench",
            type_id="LONGCODE",
            class_id="NOTIFICATIONS",
            address=SENDER,
            state=SenderState.ACTIVE,
            capabilities=["SMS"],
        )
        await create_sender(db, Vault(SECRET), caller, sender, auto_provision=True)
        # A class's throughput is a carrier's rule, not a limit of ours.
        await db.execute(_NO_LIMITS)
        return credentials

    def _count_statements(self) -> None:
        async def switch_on(db: Database) -> None:
            await db.execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
            await db.execute("alter system set pg_stat_statements.track_planning = on")

        self.run(switch_on)
        self._server.stop()
        self._url = self._server.start()
        self.run(lambda db: db.execute("create extension pg_stat_statements"))


_NO_LIMITS = """
update sender_id_class set country_peak_throughput = null, country_peak_total_throughput = null,
    country_daily_throughput = null, delivery_window = null
"""

_WAITING = """
select (select count(*) from outbound) + (select count(*) from claim)
    + (select count(*) from announcement) + (select count(*) from delivery_queue)
    + (select count(*) from delivery_claim)
"""

_TO_CARRIER = """
select percentile_cont(array[0.5, 0.99]) within group (
    order by extract(epoch from sent_at - uuid_extract_timestamp(id)) * 1000)
from message where id >= $1 and sent_at is not null
"""


_COSTS = """
select left(regexp_replace(query, '\\s+', ' ', 'g'), 90) as words, calls,
    total_exec_time * 1000 as execute, total_plan_time * 1000 as plan
from pg_stat_statements order by total_exec_time + total_plan_time desc limit 12
"""


def _body(to: list[str], text: str) -> str:
    return msgspec.json.encode({"from": SENDER, "to": to, "body": text}).decode()
