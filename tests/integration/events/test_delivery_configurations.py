"""Delivery configurations, and what of them is sealed."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import trustme
from tests.factories import VAULT

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_company
from clarion.engine.events.configurations import authentication, sealed, service, signing
from clarion.engine.events.configurations.model import ConfigurationChange, NewConfiguration
from clarion.engine.events.configurations.signing import Secret
from clarion.engine.events.model import AuthenticationType, Destination, Format, Protocol
from clarion.errors import AlreadyExists, Conflict, InvalidInput, NotFound, StaleVersion
from clarion.kit.vault import SealedForAnother, Vault
from clarion.storage.database import Database

BASIC, OAUTH, NONE = AuthenticationType.BASIC, AuthenticationType.OAUTH, AuthenticationType.NONE
HOOK = NewConfiguration(name="hook", address="https://example.com/hook")
CLIENT = {
    "grant_type": "client_credentials",
    "token_url": "https://example.com/token",
    "client_id": "me",
    "client_secret": "s3cret",
}
_numbers = count(1)


async def a_caller(db: Database) -> Caller:
    company = await create_company(db, name=f"company {next(_numbers)}")
    return Caller(company_id=company.id, application_id=1)


@pytest.fixture
async def caller(shared_db: Database) -> Caller:
    return await a_caller(shared_db)


@pytest.fixture
async def hook(shared_db: Database, caller: Caller) -> int:
    return await service.create(shared_db, caller, HOOK)


async def opened(db: Database, caller: Caller, id: int) -> Destination:
    (found,) = await service.destinations(db, VAULT, caller.company_id, [id])
    return found


# ---------------------------------------------------------------- made and changed


async def test_a_configuration_is_as_it_was_given(shared_db: Database, caller: Caller) -> None:
    new = NewConfiguration(
        name=" hook ",
        address="HTTP://Example.com/ünlaut",
        format=Format.XML,
        throttling=20,
        ordered=True,
        active=False,
    )
    id = await service.create(shared_db, caller, new)
    found = await service.get(shared_db, caller.company_id, id)
    assert (found.name, found.address) == ("hook", "http://example.com/%C3%BCnlaut")
    assert (found.protocol, found.format, found.active) == (Protocol.REST, Format.XML, False)
    assert (found.throttling, found.ordered, found.version) == (20, True, 1)
    assert found.authentication_type is NONE
    with pytest.raises(NotFound):
        await service.get(shared_db, (await a_caller(shared_db)).company_id, id)


async def test_one_that_collects_into_files_has_no_address(
    shared_db: Database, caller: Caller
) -> None:
    new = NewConfiguration(
        name="files",
        address="https://gateway.example/ess-event-buffer/v1/aggregate/7",  # as it is shown
        cron_expression=" 0  15 * * * * ",
        latest_event_only=True,
    )
    before = datetime.now(UTC)
    id = await service.create(shared_db, caller, new)
    found = await service.get(shared_db, caller.company_id, id)
    assert (found.address, found.cron_expression) == (None, "0 15 * * * *")
    row = await _row(shared_db, caller, id)
    assert before <= row["file_opened_at"] <= datetime.now(UTC)
    assert row["file_due_at"].minute == 15
    assert timedelta() < row["file_due_at"] - before <= timedelta(hours=1)


async def test_a_stream_needs_no_address(shared_db: Database, caller: Caller) -> None:
    new = NewConfiguration(name="stream", protocol=Protocol.STREAM)
    id = await service.create(shared_db, caller, new)
    found = await service.get(shared_db, caller.company_id, id)
    assert (found.protocol, found.address) == (Protocol.STREAM, None)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": " "}, "del-cfg-nm: 1 to 200"),
        ({"name": "x" * 201}, "del-cfg-nm: 1 to 200"),
        ({"name": "a\nb"}, "del-cfg-nm: 1 to 200"),
        ({"address": None}, "addr: it is required"),
        ({"address": "example.com"}, "addr: it must begin with http"),
        ({"address": "ftp://example.com"}, "addr: it must begin with http"),
        ({"address": "https://me:secret@example.com"}, "addr: .*password"),
        ({"throttling": 0}, "throttling: 1 to"),
        ({"throttling": 1_000_001}, "throttling: 1 to"),
        ({"cron_expression": "* * * * *"}, "cron-expression: .*six fields"),
        ({"cron_expression": "0 0 0 31 2 *"}, "cron-expression: .*"),
        ({"cron_expression": "0 * * * * *", "protocol": Protocol.STREAM}, "cron-expression: a STR"),
        ({"latest_event_only": True}, "latest-event-only: .*cron-expression"),
    ],
)
async def test_what_cannot_be_is_refused(
    shared_db: Database, caller: Caller, more: dict[str, Any], words: str
) -> None:
    new = NewConfiguration(**({"name": "hook", "address": "https://example.com/"} | more))
    with pytest.raises(InvalidInput, match=words):
        await service.create(shared_db, caller, new)


async def test_names_are_unique_in_a_company(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    with pytest.raises(AlreadyExists, match="del-cfg-nm"):
        await service.create(shared_db, caller, HOOK)
    other = NewConfiguration(name="other", address="https://example.com/")
    id = await service.create(shared_db, caller, other)
    with pytest.raises(AlreadyExists, match="del-cfg-nm"):
        await service.change(shared_db, caller, id, ConfigurationChange(name="hook"))
    await service.create(shared_db, await a_caller(shared_db), HOOK)
    await service.delete(shared_db, caller, hook)
    await service.change(shared_db, caller, id, ConfigurationChange(name="hook"))


async def test_there_are_so_many_at_most(
    shared_db: Database, caller: Caller, hook: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_CONFIGURATIONS", 1)
    new = NewConfiguration(name="one more", address="https://example.com/")
    with pytest.raises(Conflict, match="1 delivery configurations"):
        await service.create(shared_db, caller, new)


async def test_a_change_sets_what_it_names(shared_db: Database, caller: Caller, hook: int) -> None:
    change = ConfigurationChange(version=1, throttling=5, format=Format.XML)
    await service.change(shared_db, caller, hook, change)
    found = await service.get(shared_db, caller.company_id, hook)
    assert (found.name, found.throttling, found.format, found.version) == (
        "hook",
        5,
        Format.XML,
        2,
    )
    with pytest.raises(StaleVersion):
        await service.change(shared_db, caller, hook, change)
    with pytest.raises(InvalidInput):
        await service.change(shared_db, caller, hook, ConfigurationChange(address=None))
    with pytest.raises(NotFound):
        await service.change(shared_db, await a_caller(shared_db), hook, ConfigurationChange())


async def test_a_file_goes_on_until_its_times_change(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    cron = ConfigurationChange(cron_expression="0 0 3 * * *")
    await service.change(shared_db, caller, hook, cron)
    first = await _row(shared_db, caller, hook)
    assert (first["address"], first["file_due_at"].hour) == (None, 3)
    await service.change(shared_db, caller, hook, ConfigurationChange(name="files"))
    same = await _row(shared_db, caller, hook)
    files = ("file_opened_at", "file_due_at")
    assert [same[name] for name in files] == [first[name] for name in files]
    later = ConfigurationChange(cron_expression="0 30 4 * * *")
    await service.change(shared_db, caller, hook, later)
    changed = await _row(shared_db, caller, hook)
    assert changed["file_opened_at"] == first["file_opened_at"]
    assert (changed["file_due_at"].hour, changed["file_due_at"].minute) == (4, 30)
    posts = ConfigurationChange(cron_expression=None, address="https://example.com/")
    await service.change(shared_db, caller, hook, posts)
    assert [(await _row(shared_db, caller, hook))[name] for name in files] == [None, None]


async def test_what_is_switched_on_again_is_not_held_back(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    now = datetime.now(UTC)
    async with shared_db.transaction() as tx:
        assert await service.disable(tx, caller.company_id, hook, "It is gone.", now=now)
        assert not await service.disable(tx, caller.company_id, hook, "It is gone.", now=now)
    found = await service.get(shared_db, caller.company_id, hook)
    assert (found.active, found.inactive_reason) == (False, "It is gone.")
    await shared_db.execute(
        "update delivery_configuration set held_until = $2, failures = 7 where id = $1", hook, now
    )
    await service.change(shared_db, caller, hook, ConfigurationChange(name="still off"))
    row = await _row(shared_db, caller, hook)
    assert (row["held_until"], row["failures"], row["inactive_reason"]) == (now, 7, "It is gone.")
    await service.change(shared_db, caller, hook, ConfigurationChange(active=True))
    row = await _row(shared_db, caller, hook)
    assert (row["held_until"], row["failures"], row["inactive_reason"]) == (None, 0, None)


async def test_a_deleted_one_is_gone_with_its_secrets(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    await service.rotate_secret(shared_db, VAULT, caller, hook)
    with pytest.raises(NotFound):
        await service.delete(shared_db, await a_caller(shared_db), hook)
    await service.delete(shared_db, caller, hook)
    row = await _row(shared_db, caller, hook)
    assert (row["secrets"], row["authentication"], row["active"]) == (None, None, False)
    with pytest.raises(NotFound):
        await service.get(shared_db, caller.company_id, hook)
    with pytest.raises(NotFound):
        await service.delete(shared_db, caller, hook)
    assert await service.destinations(shared_db, VAULT, caller.company_id, [hook]) == []
    async with shared_db.transaction() as tx:
        assert not await service.disable(tx, caller.company_id, hook, "", now=datetime.now(UTC))


# ---------------------------------------------------------------- authentication


async def set_to(
    db: Database, caller: Caller, id: int, type: AuthenticationType, **settings: str
) -> None:
    await service.set_authentication(db, VAULT, caller, id, type=type, settings=settings)


async def test_secrets_are_sealed_and_shown_masked(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    await set_to(shared_db, caller, hook, BASIC, username="Admin", password="hunter2")
    shown = await service.authentication_of(shared_db, VAULT, caller.company_id, hook)
    assert (shown.type, shown.settings) == (BASIC, {"username": "Admin", "password": "***"})
    assert (await opened(shared_db, caller, hook)).settings["password"] == "hunter2"
    row = await _row(shared_db, caller, hook)
    assert b"hunter2" not in row["authentication"]
    with pytest.raises(SealedForAnother):
        VAULT.open(row["authentication"], owner=f"delivery_configuration/0/{hook}")
    with pytest.raises(SealedForAnother):
        await service.destinations(
            shared_db, Vault("another secret of some length"), caller.company_id, [hook]
        )
    other = (await a_caller(shared_db)).company_id
    with pytest.raises(NotFound):
        await service.authentication_of(shared_db, VAULT, other, hook)


async def test_what_comes_back_masked_stays(shared_db: Database, caller: Caller, hook: int) -> None:
    await set_to(shared_db, caller, hook, BASIC, username="Admin", password="hunter2")
    await set_to(shared_db, caller, hook, BASIC, username="Root", password="***")
    found = await opened(shared_db, caller, hook)
    assert found.settings == {"username": "Root", "password": "hunter2"}
    await set_to(shared_db, caller, hook, NONE)
    found = await opened(shared_db, caller, hook)
    assert (found.settings, found.configuration.authentication_type) == ({}, NONE)


@pytest.mark.parametrize(
    "settings",
    [
        CLIENT,
        CLIENT | {"scope": "a b", "audience": "https://x", "client_authentication": "body"},
        CLIENT | {"grant_type": "password", "username": "u", "password": "p"},
        CLIENT | {"grant_type": "refresh_token", "refresh_token": "r"},
    ],
)
async def test_each_grant_of_oauth_has_its_settings(
    shared_db: Database, caller: Caller, hook: int, settings: dict[str, str]
) -> None:
    await set_to(shared_db, caller, hook, OAUTH, **settings)
    assert (await opened(shared_db, caller, hook)).settings == settings
    shown = await service.authentication_of(shared_db, VAULT, caller.company_id, hook)
    hidden = {name for name, value in shown.settings.items() if value == "***"}
    assert hidden == settings.keys() & {"client_secret", "password", "refresh_token"}


@pytest.mark.parametrize(
    ("type", "settings", "words"),
    [
        (BASIC, {"username": "u"}, "settings.password: BASIC needs it"),
        (BASIC, {"username": "u", "password": ""}, "settings.password: BASIC needs it"),
        (BASIC, {"username": "a:b", "password": "p"}, "settings.username: a colon"),
        (BASIC, {"username": "a\r\nb", "password": "p"}, "settings.username: a control"),
        (BASIC, {"username": "u", "password": "p", "x": "y"}, "settings.x: there is no such"),
        (BASIC, {"username": "u", "password": "p" * 4097}, "settings.password: it is too long"),
        (NONE, {"username": "u"}, "settings.username: there is no such"),
        (OAUTH, {}, "settings.grant_type: one of client_credentials, password, refresh_token"),
        (OAUTH, CLIENT | {"grant_type": "implicit"}, "settings.grant_type: one of"),
        (OAUTH, CLIENT | {"grant_type": "refresh_token"}, "settings.refresh_token: OAUTH needs"),
        (OAUTH, CLIENT | {"username": "u"}, "settings.username: there is no such"),
        (OAUTH, CLIENT | {"token_url": "example.com"}, "settings.token_url: it must begin"),
        (OAUTH, CLIENT | {"client_authentication": "jwt"}, "settings.client_authentication: one"),
        (NONE, {"client_key": "x"}, "settings.client_certificate: both or none"),
        (NONE, {"client_key": "x", "client_certificate": "y"}, "settings.client_certificate: a ce"),
        (NONE, {"ca_certificate": "y"}, "settings.ca_certificate: a certificate in PEM"),
    ],
)
def test_settings_that_cannot_be(
    type: AuthenticationType, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        authentication.check_settings(type, settings)


def test_a_client_certificate_goes_with_its_key() -> None:
    authority = trustme.CA()
    one, other = authority.issue_cert("one.example"), authority.issue_cert("other.example")
    certificate = b"".join(blob.bytes() for blob in one.cert_chain_pems).decode()
    mine = {
        "client_certificate": certificate,
        "client_key": one.private_key_pem.bytes().decode(),
        "ca_certificate": authority.cert_pem.bytes().decode(),
    }
    for type, more in ((NONE, {}), (BASIC, {"username": "u", "password": "p"}), (OAUTH, CLIENT)):
        assert authentication.check_settings(type, mine | more) == mine | more
    shown = authentication.masked(mine)
    assert (shown["client_key"], shown["client_certificate"]) == ("***", certificate)
    foreign = other.private_key_pem.bytes().decode()
    with pytest.raises(InvalidInput, match="not the key of"):
        authentication.check_settings(NONE, mine | {"client_key": foreign})
    with pytest.raises(InvalidInput, match="private key in PEM"):
        authentication.check_settings(NONE, mine | {"client_key": certificate})


async def test_a_new_refresh_token_takes_the_place_of_the_one_that_was_used(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    settings = CLIENT | {"grant_type": "refresh_token", "refresh_token": "first"}
    await set_to(shared_db, caller, hook, OAUTH, **settings)
    keep = sealed.keep_refresh_token
    await keep(shared_db, VAULT, caller.company_id, hook, used="first", token="second")
    assert (await opened(shared_db, caller, hook)).settings == settings | {
        "refresh_token": "second"
    }
    await keep(shared_db, VAULT, caller.company_id, hook, used="first", token="third")
    assert (await opened(shared_db, caller, hook)).settings["refresh_token"] == "second"


# ---------------------------------------------------------------- signing


async def test_a_new_secret_signs_beside_the_old_one_for_a_while(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    first = await service.rotate_secret(shared_db, VAULT, caller, hook)
    own = "whsec_" + b64encode(b"k" * 24).decode()
    assert await service.rotate_secret(shared_db, VAULT, caller, hook, own) == own
    assert (await opened(shared_db, caller, hook)).secrets == (own, first)
    shown = await service.secrets_of(shared_db, VAULT, caller.company_id, hook)
    assert [each.value for each in shown] == [own[:10] + "***", first[:10] + "***"]
    assert shown[0].until is None
    assert shown[1].until is not None
    ends_in = shown[1].until - datetime.now(UTC)
    assert timedelta(hours=23) < ends_in <= signing.OVERLAP
    row = await _row(shared_db, caller, hook)
    assert own.encode() not in row["secrets"]


async def test_secrets_are_set_and_taken_away(
    shared_db: Database, caller: Caller, hook: int
) -> None:
    two = [signing.new_secret(), signing.new_secret()]
    await service.set_secrets(shared_db, VAULT, caller, hook, [*two, two[0]])
    assert (await opened(shared_db, caller, hook)).secrets == tuple(two)
    await service.set_secrets(shared_db, VAULT, caller, hook, [])
    assert (await opened(shared_db, caller, hook)).secrets == ()
    with pytest.raises(InvalidInput, match="5 at most"):
        await service.set_secrets(shared_db, VAULT, caller, hook, two * 3)
    other = await a_caller(shared_db)
    with pytest.raises(NotFound):
        await service.set_secrets(shared_db, VAULT, other, hook, two)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "secret",
        b64encode(b"k" * 32).decode(),
        "whsec_***",
        "whsec_" + b64encode(b"k" * 23).decode(),
        "whsec_" + b64encode(b"k" * 65).decode(),
        "whsec_é",
    ],
)
def test_a_secret_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidInput, match="secrets: "):
        signing.check_secret(text)


def test_old_secrets_end_and_there_are_few() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    secrets: list[Secret] = []
    for hour in range(8):
        secrets = signing.with_newer(secrets, f"whsec_{hour}", at=at + timedelta(hours=hour))
    assert [each.value[-1] for each in secrets] == ["7", "6", "5", "4", "3"]
    assert secrets[-1].until == at + timedelta(hours=4) + signing.OVERLAP
    later = at + timedelta(hours=6) + signing.OVERLAP
    assert [each.value[-1] for each in signing.current(secrets, at=later)] == ["7", "6"]
    again = signing.with_newer(secrets, "whsec_6", at=at + timedelta(hours=8))
    assert [each.value[-1] for each in again] == ["6", "7", "5", "4", "3"]
    assert "whsec_long secret" not in repr(Secret("whsec_long secret"))


async def _row(db: Database, caller: Caller, id: int) -> Any:
    return await db.fetchrow(
        "select * from delivery_configuration where company_id = $1 and id = $2",
        caller.company_id,
        id,
    )
