"""What `clarion doctor` looks at. Each check finds facts and, where they are bad, a way to mend."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import asyncpg

from clarion.api.listening import bind
from clarion.cli import connector, running
from clarion.cli.first_run import SQL
from clarion.cli.nodes import find_nodes, live_nodes, ready_here
from clarion.cli.place import CONFIG_NAME, Place
from clarion.cli.reach import database_url
from clarion.connectors.smpp.probe import probe
from clarion.connectors.translate.choice import translator_for
from clarion.engine.events.backlog import backlog
from clarion.errors import ClarionError, Unavailable
from clarion.kit.ids import floor_id
from clarion.kit.words import counted
from clarion.settings import SettingsError, SmppConnector
from clarion.storage import partitions
from clarion.storage.connecting import OLDEST_SERVER
from clarion.storage.database import Database
from clarion.storage.files import FileStore, directory_of
from clarion.storage.migrate import pending

GOOD_SKEW, BAD_SKEW = 1.0, 30.0  # seconds
LITTLE_SPACE, NO_SPACE = 5 << 30, 1 << 30  # bytes
LONG_WAIT = timedelta(minutes=5)
SHORT_WAIT = timedelta(minutes=1)
SOON = timedelta(days=2)


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"  # works, and may not for long
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    subject: str
    verdict: Verdict
    words: str
    mend: str = ""


def _good(subject: str, words: str) -> Finding:
    return Finding(subject, Verdict.GOOD, words)


def _warning(subject: str, words: str, mend: str) -> Finding:
    return Finding(subject, Verdict.WARNING, words, mend)


def _bad(subject: str, words: str, mend: str) -> Finding:
    return Finding(subject, Verdict.BAD, words, mend)


# ---------------------------------------------------------------- this machine


def settings_file(place: Place) -> Finding:
    """Reaching this check means that the file could be read."""
    if place.config is None:
        return _good("settings", f"all defaults; {place.data / CONFIG_NAME} would be read")
    mode = place.config.stat().st_mode
    if mode & stat.S_IROTH:
        words = f"{place.config} can be read by everybody and may hold passwords"
        return _warning("settings", words, f"chmod o-r {place.config}")
    return _good("settings", str(place.config))


def data_directory(place: Place) -> Finding:
    """Only its owner may look inside: it holds keys and tokens."""
    subject, where = "data directory", place.data
    if not where.exists():
        return _good(subject, f"{where} will be made at the first start")
    if not os.access(where, os.R_OK | os.W_OK | os.X_OK):
        mend = "start Clarion as its owner, or choose another with --data"
        return _bad(subject, f"{where} cannot be written", mend)
    for path in (place.credentials, place.secret_key, place.running):
        if path.exists() and path.stat().st_mode & 0o077:
            return _bad(subject, f"{path} can be read by others", f"chmod 600 {path}")
    return _good(subject, str(where))


def disk(place: Place) -> Finding:
    directory = next(path for path in (place.data, *place.data.parents) if path.exists())
    free = shutil.disk_usage(directory).free
    words = f"{free / (1 << 30):.1f} GiB free in {directory}"
    mend = "make room, or choose a larger disk with --data"
    if free < NO_SPACE:
        return _bad("disk", words, mend)
    return _warning("disk", words, mend) if free < LITTLE_SPACE else _good("disk", words)


def listener(place: Place) -> Finding:
    """The port is free, or it is our own gateway that has it."""
    listen = place.settings.http.listen
    gateway = running.find(place)
    if gateway is not None:
        return _good("listener", f"a gateway runs at {gateway.base_url} (process {gateway.pid})")
    try:
        bind(listen).close()
    except socket.gaierror as error:
        words = f"{listen}: {error.strerror}"
        return _bad("listener", words, "set http.listen to an address of this machine")
    except OSError as error:
        if ready_here(place, find_nodes(place)) is not None:
            return _good("listener", f"{listen}: a node of this database answers there")
        return _bad(
            "listener",
            f"{listen}: {error.strerror}",
            "stop what listens there, or set http.listen to another port",
        )
    return _good("listener", f"{listen} is free")


async def file_store(place: Place) -> Finding:
    """It is asked for a file that it has not: nothing is written."""
    subject, files = "file store", place.settings.files
    if files.url.startswith("file:"):
        return _directory(subject, directory_of(files.url))
    mend = "look at files.url, its credentials and the network"
    try:
        await FileStore(files).look()
    except (ClarionError, SettingsError) as error:
        return _bad(subject, f"{files.url}: {error}", mend)
    return _good(subject, files.url)


async def translation(place: Place) -> list[Finding]:
    """The service that translates messages, where there is one."""
    translator = translator_for(place.settings.translation)
    if translator is None:
        return []
    try:
        return [_good("translation", await translator.look())]
    except Unavailable as error:
        mend = "look at [translation] in the settings; Apertium's pairs are Debian packages"
        return [_bad("translation", error.message, mend)]
    finally:
        await translator.close()


def _directory(subject: str, directory: Path) -> Finding:
    if not directory.exists():
        return _good(subject, f"{directory} will be made when it is needed")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        mend = "start Clarion as its owner, or choose another with files.url"
        return _bad(subject, f"{directory} cannot be written", mend)
    return _good(subject, str(directory))


# ---------------------------------------------------------------- the database

_DatabaseCheck = Callable[[Place, Database], Awaitable[Finding]]


def database(place: Place) -> list[Finding]:
    """Reach it first; the other questions need that."""
    if not place.settings.database.url and not place.data.exists():
        return [_good("database", "embedded, made at the first start")]
    try:
        with database_url(place) as url:
            return asyncio.run(_database(place, url))
    except (ClarionError, SettingsError) as error:
        mend = "is database.url right, does the server run, does its pg_hba.conf let us in?"
        if not place.settings.database.url:
            mend = f"see {place.data / 'postgres' / 'server.log'}"
        return [_bad("database", str(error), mend)]


async def _database(place: Place, url: str) -> list[Finding]:
    db = await Database.connect(place.settings.database, url=url)
    try:
        found = [await _version(place, db), await _clock(place, db)]
        migrations = await _migrations(place, db)
        found.append(migrations)
        if migrations.verdict is Verdict.GOOD:
            found += [await check(place, db) for check in (_nodes, _partitions, _queues, _events)]
        return found
    finally:
        await db.close()


async def _version(place: Place, db: Database) -> Finding:
    row = await db.fetchrow(SQL["server"])
    assert row is not None
    major, minor = divmod(row["version"], 10_000)
    kind = "" if place.settings.database.url else ", embedded"
    words = f"PostgreSQL {major}.{minor}{kind}"
    if major < OLDEST_SERVER:
        return _bad("database", words, f"upgrade to PostgreSQL {OLDEST_SERVER} or newer")
    return _good("database", words)


async def _clock(_: Place, db: Database) -> Finding:
    """Leases and due times come from the nodes' clocks: they should agree."""
    before = datetime.now(UTC)
    row = await db.fetchrow(SQL["server"])
    after = datetime.now(UTC)
    assert row is not None
    skew = abs((row["clock"] - before - (after - before) / 2).total_seconds())
    words = f"{skew:.3f} s from the database's"
    mend = "let NTP (chrony, systemd-timesyncd) keep the clocks of all machines"
    if skew >= BAD_SKEW:
        return _bad("clock", words, mend)
    return _warning("clock", words, mend) if skew >= GOOD_SKEW else _good("clock", words)


async def _migrations(_: Place, db: Database) -> Finding:
    try:
        missing = await pending(db)
    except ClarionError as error:
        return _bad("migrations", error.message, "start the release that the database belongs to")
    if missing:
        return _bad("migrations", f"missing: {', '.join(missing)}", "clarion migrate")
    return _good("migrations", "up to date")


async def _nodes(_: Place, db: Database) -> Finding:
    """Who works on this database now; that nobody does is no fault of it."""
    found = await live_nodes(db)
    return _good("nodes", "; ".join(node.words for node in found) or "none runs")


async def _partitions(_: Place, db: Database) -> Finding:
    """Without a partition for today nothing can be stored."""
    now = datetime.now(UTC)
    late = [table for table in partitions.TABLES if not await _reaches(db, table, now)]
    if late:
        words = f"{', '.join(late)}: none for {now:%Y-%m-%d}"
        return _bad("partitions", words, "clarion migrate makes them; a node with the role jobs "
                    "keeps making them")  # fmt: skip
    late = [table for table in partitions.TABLES if not await _reaches(db, table, now + SOON)]
    if late:
        words = f"{', '.join(late)}: none for {now + SOON:%Y-%m-%d}"
        return _warning("partitions", words, "does any node have the role jobs?")
    return _good("partitions", "made ahead")


async def _reaches(db: Database, table: str, at: datetime) -> bool:
    bound = floor_id(at)
    found = await partitions.partitions_of(db, table)
    return any(each.low <= bound < each.high for each in found)


async def _queues(_: Place, db: Database) -> Finding:
    now = datetime.now(UTC)
    rows = await db.fetch(SQL["waiting"], now)
    late = [_queue_words(row, now) for row in rows if now - row["oldest"] > LONG_WAIT]
    if late:
        mend = "is the connector up (`clarion connector test NAME`), does a node dispatch?"
        return _warning("queues", "; ".join(late), mend)
    return _good("queues", f"{sum(row['messages'] for row in rows)} messages are due")


def _queue_words(row: asyncpg.Record, now: datetime) -> str:
    waits = _minutes(now - row["oldest"])
    return f"{row['connector']}: {row['messages']} due, the oldest for {waits}"


async def _events(_: Place, db: Database) -> Finding:
    now = datetime.now(UTC)
    found = await backlog(db, now)
    words = (
        f"{counted(found.pending, 'delivery waits', 'deliveries wait')}, "
        f"{counted(found.retry, 'is', 'are')} tried again, {found.failed} failed"
    )
    if found.announced_at is not None and now - found.announced_at > SHORT_WAIT:
        since = _minutes(now - found.announced_at)
        words = f"what has happened waits to be matched, for {since}; {words}"
        return _warning("events", words, "does any node have the role events?")
    if found.due_at is not None and now - found.due_at > LONG_WAIT:
        words = f"{words}; the oldest has been due for {_minutes(now - found.due_at)}"
        return _warning(
            "events", words, "does any node have the role events? is there room for it?"
        )
    return _good("events", words)


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} min"


# ---------------------------------------------------------------- carriers


async def connectors(place: Place) -> list[Finding]:
    """Each is bound to once, for a moment, beside the gateway's own binds."""
    configured = connector.connectors(place)
    if not configured:
        mend = f"add a [connectors.NAME] to {place.config or place.data / CONFIG_NAME}"
        words = "none is configured: `clarion run` adds the sandbox, `clarion serve` sends nothing"
        return [_bad("connectors", words, mend)]
    smpp = {n: each for n, each in configured.items() if isinstance(each, SmppConnector)}
    found = list(await asyncio.gather(*(_probed(name, each) for name, each in smpp.items())))
    if not any(each.default or each.addresses for each in configured.values()):
        words = "none takes sender ids by itself"
        mend = "mark one as default = true, or list the addresses that it carries"
        found.append(_warning("connectors", words, mend))
    inside = [name for name in configured if name not in smpp]
    return [*found, *(_good(f"connector {name}", "virtual handsets") for name in inside)]


async def _probed(name: str, settings: SmppConnector) -> Finding:
    report = await probe(name, settings)
    subject = f"connector {name}"
    failed = [step for step in report.steps if not step.ok]
    if failed:
        words, _, advice = failed[0].words.partition(": ")
        return _bad(subject, f"{failed[0].name}: {words}", advice)
    bound = next((step.words for step in report.steps if step.name.startswith("bind")), "")
    return _good(subject, bound or "bound")
