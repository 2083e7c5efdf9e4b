"""Which errors mean that the database is away, and what to say about them."""

from __future__ import annotations

import asyncpg

from clarion.errors import Unavailable
from clarion.kit.failures import system_words

_DEMOTED = "25006"  # read_only_sql_transaction: this server is no longer the primary
_TOO_SLOW = "57014"  # query_canceled: statement_timeout
_AWAY_CLASSES = ("08", "53", "57P", "58", "XX")  # connection, resources, shutdown, system, internal
_AWAY_STATES = frozenset({_DEMOTED, _TOO_SLOW, "25P03"})  # 25P03: idle in transaction too long
_LOST_STATES = frozenset({_DEMOTED, "25P03", "57P01", "57P02", "57P03"})
UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
CONFLICTS = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected


def is_trouble(error: BaseException, *, closed: bool) -> bool:
    """Whether `error` comes from the database being away. `closed`: the connection is gone.

    The driver raises InterfaceError for lost connections and for wrong use alike, and work done
    in a transaction may raise an OSError of its own: both count only once the connection is gone.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in _AWAY_STATES or state.startswith(_AWAY_CLASSES)
    return closed and isinstance(
        error, (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    )


def is_lost(error: BaseException) -> bool:
    """Whether the connection must not be used again, nor others made to the same server."""
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _LOST_STATES


def is_conflict(error: BaseException) -> bool:
    """Whether the same work would do if it were repeated."""
    return isinstance(error, asyncpg.InvalidCachedStatementError) or (
        isinstance(error, asyncpg.PostgresError) and error.sqlstate in CONFLICTS
    )


def cannot_connect(where: str, error: BaseException) -> Unavailable:
    """For a connection that could not be made."""
    return Unavailable(f"The database at {where} cannot be reached: {_words(error)}.")


def lost(error: BaseException) -> Unavailable:
    """For work that was cut short."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate == _TOO_SLOW:
        return Unavailable("The database took too long; the work was given up.")
    if isinstance(error, asyncpg.InterfaceError):  # the driver's words are about its own methods
        return Unavailable("The connection to the database was lost.")
    return Unavailable(f"The connection to the database was lost: {_words(error)}.")


def _words(error: BaseException) -> str:
    text = (system_words(error) if isinstance(error, OSError) else str(error)).strip().splitlines()
    return (text[0].rstrip(".") if text else "") or type(error).__name__
