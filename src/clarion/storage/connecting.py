"""How one connection to PostgreSQL is made: hosts in turn, session settings, codecs, keep-alive.

The driver tries several hosts itself, but a silent first host would use up the whole time limit
and one that is starting up would end the search; so each host is tried here, with its share of
the time, beginning with the one that answered last.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import asyncpg
import msgspec

from clarion.settings import Database as DatabaseSettings
from clarion.settings import SettingsError
from clarion.storage.arrays import recognise_by_type

OLDEST_SERVER = 15
SLACK_SECONDS = 2.0
IDLE_IN_TRANSACTION_SECONDS = 60
_KEEPALIVE = (  # a peer that vanished without a word is noticed after about 15 s
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 2),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 15_000),
)
_JSONB_VERSION = b"\x01"  # the one byte before the text in jsonb's binary form


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that notices when the server doubts a commit.

    With synchronous replication a cancelled wait answers success although the row may vanish in a
    fail-over; the server says so only in a warning that arrives before the answer.
    """

    doubtful = False

    def _process_log_message(self, fields: dict[str, str], last_query: str | None) -> None:
        words = fields.get("M", "") + fields.get("D", "")
        if "synchronous replication" in words or "might not have been replicated" in words:
            self.doubtful = True
        super()._process_log_message(fields, last_query)


@dataclass(frozen=True)
class Target:
    """Where to connect: the URL without its hosts, and the hosts in the order of the URL."""

    url: str
    hosts: tuple[tuple[str, int | None], ...]
    timeout: float
    words: str  # for messages: no user name, no password


class Connector:
    """Opens connections to one target and remembers which host answered last."""

    def __init__(
        self, settings: DatabaseSettings, url: str, *, patience: float | None = None
    ) -> None:
        recognise_by_type()
        self.target = parse_target(url, settings.connect_timeout)
        self._settings = settings
        # A server that hangs does not keep its own statement_timeout.
        self._patience = patience or settings.statement_timeout + SLACK_SECONDS
        self._last_good = 0

    async def open(self, **more_settings: str) -> Connection:
        """One connection, ready for use. Raises what the driver raised for the last host."""
        hosts = self.target.hosts or (None,)
        failure: Exception | None = None
        for step in range(len(hosts)):
            at = (self._last_good + step) % len(hosts)
            try:
                connection = await self._open(hosts[at], len(hosts), more_settings)
            except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
                failure = error
                continue
            self._last_good = at
            return connection
        assert failure is not None
        raise failure

    async def _open(
        self, host: tuple[str, int | None] | None, shares: int, more_settings: dict[str, str]
    ) -> Connection:
        where: dict[str, Any] = {} if host is None else {"host": [host[0]]}
        if host is not None and host[1] is not None:
            where["port"] = [host[1]]
        if "target_session_attrs" not in self.target.url:
            where["target_session_attrs"] = "read-write"
        connection: Connection = await asyncpg.connect(
            self.target.url,
            **where,
            timeout=self.target.timeout / shares,
            connection_class=Connection,
            command_timeout=self._patience,
            server_settings=session_settings(self._settings) | more_settings,
        )
        try:
            await _prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection


def session_settings(settings: DatabaseSettings) -> dict[str, str]:
    """What every session of ours sets."""
    return {
        # A plan made while a table was small would be kept while it grows, until statistics are
        # next gathered: a join by key becomes a scan of all that a company has. Planning a batch
        # costs a fraction of a millisecond, and sees the real sizes and the partitions it needs.
        "plan_cache_mode": "force_custom_plan",
        "application_name": "clarion",
        "statement_timeout": f"{int(settings.statement_timeout * 1000)}",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS * 1000}",
        "TimeZone": "UTC",
        "jit": "off",
    }


def parse_target(url: str, timeout: float) -> Target:
    """The parts of a connection URL. SettingsError: it cannot be used."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:  # its text may hold the password
        raise SettingsError("database.url: not a connection URL") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise SettingsError("database.url: expected postgresql://user@host/database")
    hosts = _hosts(parts.netloc.rpartition("@")[2], dict(query))
    timeouts = [value for key, value in query if key == "connect_timeout"]
    kept = [(k, v) for k, v in query if k not in ("host", "port", "connect_timeout")]
    user = parts.netloc.rpartition("@")[0]
    bare = urlunsplit(parts._replace(netloc=f"{user}@" if user else "", query=urlencode(kept)))
    if not bare.startswith(f"{parts.scheme}://"):  # urlunsplit drops an empty netloc
        bare = bare.replace(f"{parts.scheme}:", f"{parts.scheme}://", 1)
    named = ",".join(f"{h}:{p}" if p else h for h, p in hosts) or "the default host"
    return Target(
        url=bare,
        hosts=hosts,
        timeout=_seconds(timeouts[-1]) if timeouts else timeout,
        words=f"{named}{unquote(parts.path)}",
    )


def _hosts(netloc: str, query: dict[str, str]) -> tuple[tuple[str, int | None], ...]:
    specs = [unquote(spec) for spec in netloc.split(",")] if netloc else []
    if not specs and query.get("host"):
        specs = query["host"].split(",")
    ports = [_port(port) for port in query["port"].split(",")] if query.get("port") else []
    if len(ports) > 1 and len(ports) != len(specs):
        raise SettingsError(f"database.url: {len(ports)} ports for {len(specs)} hosts")
    if len(ports) == 1:
        ports *= len(specs)
    split = [_split_host(spec) for spec in specs]
    if any(not host for host, _ in split):
        raise SettingsError("database.url: a host is empty")
    return tuple(
        (host, port or (ports[at] if ports else None)) for at, (host, port) in enumerate(split)
    )


def _split_host(spec: str) -> tuple[str, int | None]:
    """HOST, HOST:PORT, [IPv6], [IPv6]:PORT, or a socket directory."""
    if spec.startswith("/"):
        return spec, None
    if spec.startswith("["):
        host, _, rest = spec[1:].partition("]")
        return host, _port(rest[1:]) if rest.startswith(":") else None
    host, _, port = spec.partition(":")
    return host, _port(port) if port else None


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SettingsError(f"database.url: {text!r} is not a port")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise SettingsError(f"database.url: connect_timeout {text!r} is not a number of seconds")
    return seconds


async def _prepare(connection: Connection) -> None:
    version = connection.get_server_version()
    if version.major < OLDEST_SERVER:
        raise SettingsError(
            f"database.url: PostgreSQL {version.major} is too old, {OLDEST_SERVER} is needed"
        )
    _keep_alive(connection)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_to_jsonb, decoder=_from_jsonb, format="binary"
    )


def _keep_alive(connection: Connection) -> None:
    """The driver has no public way to its socket; without these a dead peer hangs us for hours."""
    transport = getattr(connection, "_transport", None)
    sock = transport.get_extra_info("socket") if transport else None
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for level, name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(level, getattr(socket, name), value)


def _to_jsonb(value: object) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def _from_jsonb(raw: bytes) -> Any:
    return _decode(raw[1:])
