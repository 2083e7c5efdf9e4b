"""Access tokens: issue, refresh, revoke."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from clarion.engine.accounts import secrets, service, store, tokens
from clarion.engine.accounts.model import NewApplication, NewToken
from clarion.errors import InvalidInput, NotAuthenticated, NotFound
from clarion.storage.database import Database


async def lives(db: Database, token: str) -> bool:
    hash = secrets.digest(token)
    return hash in await store.callers_by_tokens(db, [hash], datetime.now(UTC))


async def issue(db: Database, made: NewApplication, validity_s: float = 0) -> NewToken:
    app = made.application
    return await tokens.issue_token(db, app.company_id, app.id, validity_s=validity_s)


async def refresh(
    db: Database, made: NewApplication, old_token: str, validity_s: float = 0
) -> NewToken:
    return await tokens.refresh_token(
        db,
        key=made.application.consumer_key,
        secret=made.consumer_secret,
        old_token=old_token,
        validity_s=validity_s,
    )


async def expire(db: Database, token: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await db.execute(
        "update access_token set expires_at = $2 where token_hash = $1",
        secrets.digest(token),
        past,
    )


async def test_an_application_has_several_tokens_and_only_their_hashes_are_stored(
    db: Database, made: NewApplication
) -> None:
    issued = [await issue(db, made), await issue(db, made, 900)]
    stored = {row["token_hash"] for row in await db.fetch("select token_hash from access_token")}
    assert stored == {secrets.digest(t.token) for t in issued}
    assert [await lives(db, t.token) for t in issued] == [True, True]
    assert issued[0].token not in repr(issued[0])


async def test_an_expired_token_is_dead(db: Database, made: NewApplication) -> None:
    token = (await issue(db, made, 900)).token
    await expire(db, token)
    assert not await lives(db, token)


async def test_a_revoked_token_is_dead_and_the_others_live(
    db: Database, made: NewApplication
) -> None:
    app, token, other = made.application, await issue(db, made), await issue(db, made)
    await tokens.revoke_token(db, app.company_id, app.id, token=token.token)
    assert [await lives(db, t.token) for t in (token, other)] == [False, True]
    with pytest.raises(NotFound):
        await tokens.revoke_token(db, app.company_id, app.id, token=token.token)


async def test_another_companys_token_cannot_be_revoked(db: Database, made: NewApplication) -> None:
    token = (await issue(db, made)).token
    other = await service.create_company(db, name="Bolt")
    with pytest.raises(NotFound):
        await tokens.revoke_token(db, other.id, made.application.id, token=token)


async def test_refreshing_kills_the_old_token_at_once(db: Database, made: NewApplication) -> None:
    old = (await issue(db, made)).token
    fresh = await refresh(db, made, old)
    assert [await lives(db, t) for t in (old, fresh.token)] == [False, True]
    assert fresh.validity_s(datetime.now(UTC)) == 0


async def test_refreshing_again_returns_the_token_that_still_lives(
    db: Database, made: NewApplication
) -> None:
    old = (await issue(db, made)).token
    first = await refresh(db, made, old, 3600)
    assert await refresh(db, made, old, 900) == first


async def test_clients_that_refresh_together_end_up_with_one_token(
    db: Database, made: NewApplication
) -> None:
    old = (await issue(db, made)).token
    all_of_them = await asyncio.gather(*(refresh(db, made, old) for _ in range(8)))
    assert len({t.token for t in all_of_them}) == 1


async def test_a_successor_that_died_is_not_returned_again(
    db: Database, made: NewApplication
) -> None:
    old = (await issue(db, made)).token
    app, seen = made.application, set()
    for _ in range(3):
        fresh = await refresh(db, made, old)
        seen.add(fresh.token)
        await tokens.revoke_token(db, app.company_id, app.id, token=fresh.token)
    expiring = await refresh(db, made, old, 900)
    await expire(db, expiring.token)
    assert (await refresh(db, made, old)).token not in seen | {expiring.token}
    assert len(seen) == 3


async def test_an_expired_token_can_be_refreshed(db: Database, made: NewApplication) -> None:
    old = (await issue(db, made, 900)).token
    await expire(db, old)
    assert await lives(db, (await refresh(db, made, old)).token)


async def test_an_unknown_old_token_gets_a_token_that_nobody_can_foresee(
    db: Database, made: NewApplication
) -> None:
    first, second = await refresh(db, made, "gone"), await refresh(db, made, "gone")
    assert first.token != second.token


async def test_another_applications_token_survives_a_refresh_that_names_it(
    db: Database, made: NewApplication
) -> None:
    company_id = made.application.company_id
    other = await service.create_application(db, company_id, name="other")
    theirs = (await tokens.issue_token(db, company_id, other.application.id)).token
    await refresh(db, made, theirs)
    assert await lives(db, theirs)


async def test_a_wrong_key_or_secret_is_refused_and_kills_nothing(
    db: Database, made: NewApplication
) -> None:
    old = (await issue(db, made)).token
    key = made.application.consumer_key
    for wrong_key, secret in [(key, "wrong"), ("wrong", made.consumer_secret)]:
        with pytest.raises(NotAuthenticated):
            await tokens.refresh_token(db, key=wrong_key, secret=secret, old_token=old)
    assert await lives(db, old)


async def test_validity_is_seconds_and_bounded(db: Database, made: NewApplication) -> None:
    fresh = await refresh(db, made, "gone", 900)
    assert 870 <= fresh.validity_s(datetime.now(UTC)) <= 900
    for wrong in (-1, 1e12, float("nan")):
        with pytest.raises(InvalidInput):
            await refresh(db, made, "gone", wrong)


async def test_dead_tokens_are_forgotten_after_a_while_and_never_come_back(
    db: Database, made: NewApplication
) -> None:
    old = (await issue(db, made)).token
    fresh = (await refresh(db, made, old)).token
    app = made.application
    await tokens.revoke_token(db, app.company_id, app.id, token=fresh)
    assert await tokens.delete_dead_tokens(db) == 0
    long_ago = datetime.now(UTC) - tokens.KEPT_DEAD - timedelta(days=1)
    await db.execute("update access_token set revoked_at = $1", long_ago)
    assert await tokens.delete_dead_tokens(db) == 2
    assert (await refresh(db, made, old)).token != fresh
