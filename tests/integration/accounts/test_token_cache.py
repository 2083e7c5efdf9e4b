"""The token cache answers from memory, and notices within a second what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import pytest
from tests.waiting import cpu_seconds, eventually

from clarion.engine.accounts import secrets, service, tokens
from clarion.engine.accounts.cache import BELIEVED, GAP, POLL, TokenCache
from clarion.engine.accounts.model import Caller, NewApplication
from clarion.errors import Unavailable
from clarion.storage.database import Database

REVOKED_BEHIND_OUR_BACK = "update access_token set revoked_at = $1"


async def token_of(db: Database, made: NewApplication, validity_s: float = 0) -> str:
    app = made.application
    issued = await tokens.issue_token(db, app.company_id, app.id, validity_s=validity_s)
    return issued.token


async def ask(cache: TokenCache, token: str) -> Caller | None:
    return cache.cached(token) or await cache.find(token)


async def test_a_token_is_found_once_and_then_known(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    token = await token_of(db, made)
    assert cache.cached(token) is None
    found = await cache.find(token)
    assert found == Caller(made.application.company_id, made.application.id, None)
    assert cache.cached(token) is found


async def test_unknown_tokens_have_no_caller(cache: TokenCache) -> None:
    for token in (secrets.new_token(), "", "rubbish", "x" * 10_000, "\ud800"):
        assert await ask(cache, token) is None


async def test_a_token_made_before_its_first_use_works_at_once(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    assert await ask(cache, await token_of(db, made)) is not None


@pytest.mark.parametrize("busy", [True, False])
async def test_a_revoked_token_is_refused_soon_without_any_hint(
    db: Database, made: NewApplication, cache: TokenCache, *, busy: bool
) -> None:
    token = await token_of(db, made)
    await ask(cache, token)

    async def refused() -> bool:
        return await ask(cache, token) is None

    if busy:
        for _ in range(100):
            assert not await refused()
            await asyncio.sleep(0.005)
    await db.execute(REVOKED_BEHIND_OUR_BACK, datetime.now(UTC))
    await eventually(refused)


def test_what_was_read_is_believed_for_less_than_a_second() -> None:
    assert POLL < BELIEVED / 2
    assert BELIEVED < 1


async def test_every_cache_hears_of_a_revocation(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    app, token = made.application, await token_of(db, made)
    other = TokenCache(db)
    await other.start()
    try:
        assert await ask(cache, token)
        assert await ask(other, token)
        await tokens.revoke_token(db, app.company_id, app.id, token=token)

        async def refused() -> bool:
            return await ask(cache, token) is None and await ask(other, token) is None

        await eventually(refused)
    finally:
        await other.stop()


async def test_a_busy_token_never_waits_for_the_database(
    db: Database, made: NewApplication, cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.engine.accounts.cache.POLL", 0.1)
    monkeypatch.setattr("clarion.engine.accounts.cache.BELIEVED", 3.0)
    token = await token_of(db, made)
    await cache.find(token)
    ends = monotonic() + 3.5  # past what was believed at first
    while monotonic() < ends:
        assert cache.cached(token) is not None
        await asyncio.sleep(0.01)


async def test_a_token_expires_on_time(
    db: Database, made: NewApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is believed for however long."""
    monkeypatch.setattr("clarion.engine.accounts.cache.BELIEVED", 3600.0)
    cache = TokenCache(db)  # not started: nothing reads it again
    token = await token_of(db, made, validity_s=2.0)
    assert await ask(cache, token) is not None
    await eventually(lambda: cache.cached(token) is None)
    assert await cache.find(token) is None


async def test_a_changed_rate_limit_arrives(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    token = await token_of(db, made)
    await ask(cache, token)
    await db.execute("update application set rate_limit = 5")

    async def limited() -> bool:
        caller = await ask(cache, token)
        return caller is not None and caller.rate_limit == 5

    await eventually(limited)


async def test_many_requests_with_one_new_token_ask_the_database_once(
    db: Database, made: NewApplication, cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, asked = await token_of(db, made), []
    fetch = db.fetch

    async def counted(sql: str, *args: object) -> list[object]:
        asked.append(sql)
        return await fetch(sql, *args)

    monkeypatch.setattr(db, "fetch", counted)
    found = await asyncio.gather(*(cache.find(token) for _ in range(50)))
    assert len(asked) == 1
    assert len(set(map(id, found))) == 1


async def test_a_request_that_gives_up_does_not_take_the_others_with_it(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    token = await token_of(db, made)
    first, second = (asyncio.create_task(cache.find(token)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None


@pytest.mark.parametrize("steps", range(8))
async def test_it_stops_whenever_a_hint_comes(
    db: Database, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    hints: list[Callable[[str], None]] = []

    async def listen(_: str, heard: Callable[[str], None]) -> None:
        hints.append(heard)

    monkeypatch.setattr(db, "listen", listen)
    cache = TokenCache(db)
    await cache.start()
    await asyncio.sleep(2 * GAP)
    hints[0]("")
    for _ in range(steps):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(cache.stop())
    done, _ = await asyncio.wait([stopping], timeout=5)
    assert done


async def test_while_the_database_is_away_nobody_is_known_for_long(
    db: Database, made: NewApplication, cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await token_of(db, made)
    await ask(cache, token)

    async def away(*_: object) -> list[object]:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(db, "fetch", away)

        await eventually(lambda: cache.cached(token) is None)
        with pytest.raises(Unavailable):
            await cache.find(token)
    assert await ask(cache, token) is not None


async def test_memory_is_bounded(db: Database, made: NewApplication) -> None:
    cache = TokenCache(db, size=3)
    issued = [await token_of(db, made) for _ in range(5)]
    for token in issued:
        assert await cache.find(token) is not None
    assert [cache.cached(token) is not None for token in issued] == [False, False, True, True, True]


async def test_internal_headers_name_an_application_of_its_own_company(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    app = made.application
    other = await service.create_company(db, name="Bolt")
    assert await cache.application(app.company_id, app.id) == Caller(app.company_id, app.id)
    assert await cache.application(other.id, app.id) is None


async def test_a_hit_costs_less_than_ten_microseconds(
    db: Database, made: NewApplication, cache: TokenCache
) -> None:
    """Half of one; a slow machine may need twenty times as long."""
    token = await token_of(db, made)
    await cache.find(token)
    rounds = range(1000)
    cost = cpu_seconds(lambda: [cache.cached(token) for _ in rounds], rounds=5) / len(rounds)
    assert cost < 10e-6
