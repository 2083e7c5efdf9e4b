"""Connection URLs, and what is said about them."""

from __future__ import annotations

import asyncpg
import pytest

from clarion.settings import SettingsError
from clarion.storage import trouble
from clarion.storage.connecting import Target, parse_target


def parse(url: str) -> Target:
    return parse_target(url, 5.0)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://db/x", [("db", None)]),
        ("postgres://u:p@db:5433/x", [("db", 5433)]),
        ("postgresql://u@a,b:5433/x", [("a", None), ("b", 5433)]),
        ("postgresql://u@a,b/x?port=1,2", [("a", 1), ("b", 2)]),
        ("postgresql://u@a,b/x?port=7", [("a", 7), ("b", 7)]),
        ("postgresql://u@[::1]:5433,[::2]/x", [("::1", 5433), ("::2", None)]),
        ("postgresql://u@/x?host=/run/postgresql", [("/run/postgresql", None)]),
        ("postgresql:///x?host=/run/a%20b&port=6000", [("/run/a b", 6000)]),
        ("postgresql://u@%2Frun%2Fpg/x", [("/run/pg", None)]),
        ("postgresql://u@/x", []),
    ],
)
def test_hosts_are_read_as_libpq_reads_them(url: str, hosts: list[tuple[str, int | None]]) -> None:
    assert list(parse(url).hosts) == hosts


def test_the_rest_is_left_to_the_driver() -> None:
    target = parse("postgresql://u:p%40@a,b/x?sslmode=require&host=ignored&connect_timeout=2.5")
    assert target.url == "postgresql://u:p%40@/x?sslmode=require"
    assert target.timeout == 2.5
    assert parse("postgresql:///x").url == "postgresql:///x"


def test_a_target_is_described_without_its_user() -> None:
    assert parse("postgresql://me:hush@a:1,b/orders").words == "a:1,b/orders"
    assert parse("postgresql://me@/x?host=/run/pg").words == "/run/pg/x"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost/x",
        "mysql://a/x",
        "postgresql://a:b:c/x",
        "postgresql://a:0/x",
        "postgresql://a,,b/x",
        "postgresql://a/x?port=1,2",
        "postgresql://a/x?connect_timeout=soon",
        "postgresql://a/x?connect_timeout=0",
        "postgresql://a/x?sslmode",
        "postgresql://[::1/x",
    ],
)
def test_a_url_that_cannot_be_used_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^database\.url"):
        parse(url)


def test_an_error_does_not_repeat_the_password() -> None:
    with pytest.raises(SettingsError) as caught:
        parse("postgresql://me:hush@[::1/x")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "closed", "trouble_is"),
    [
        (asyncpg.AdminShutdownError("x"), False, True),
        (asyncpg.CannotConnectNowError("x"), False, True),
        (asyncpg.TooManyConnectionsError("x"), False, True),
        (asyncpg.DiskFullError("x"), False, True),
        (asyncpg.ReadOnlySQLTransactionError("x"), False, True),
        (asyncpg.QueryCanceledError("x"), False, True),
        (asyncpg.UniqueViolationError("x"), True, False),
        (asyncpg.SerializationError("x"), False, False),
        (asyncpg.InterfaceError("x"), False, False),
        (asyncpg.InterfaceError("x"), True, True),
        (asyncpg.InternalClientError("x"), True, True),
        (ConnectionResetError(), True, True),
        (OSError("a file"), False, False),
        (ValueError(), True, False),
    ],
)
def test_only_a_database_that_is_away_is_trouble(
    error: Exception, *, closed: bool, trouble_is: bool
) -> None:
    assert trouble.is_trouble(error, closed=closed) is trouble_is
