"""The courier against a real receiver over real sockets: answers of every kind, TLS, tokens."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from tests.peers.receiver import Receiver

from clarion.connectors.webhook.courier import WebhookCourier
from clarion.engine.events.delivering.ports import Answer
from clarion.engine.events.model import (
    AuthenticationType,
    DeliveryConfiguration,
    Destination,
    Event,
    Format,
    Protocol,
)
from clarion.kit import ids

LOOPBACK = ("127.0.0.0/8",)
PATIENCE = 20.0
OAUTH = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s:ö"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
async def courier() -> AsyncIterator[WebhookCourier]:
    made = a_courier()
    yield made
    await made.close()


def a_courier(**more: Any) -> WebhookCourier:
    return WebhookCourier(
        **{"timeout": 5.0, "max_links": 100, "allowed_networks": LOOPBACK, **more}
    )


def to(
    address: str,
    *,
    type: AuthenticationType = AuthenticationType.NONE,
    settings: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    form: Format = Format.JSON,
    id: int = 1,
    version: int = 1,
) -> Destination:
    configuration = DeliveryConfiguration(
        company_id=1, id=id, name="to", protocol=Protocol.REST, address=address, format=form,
        active=True, inactive_reason=None, throttling=None, ordered=False, cron_expression=None,
        latest_event_only=False, authentication_type=type, held_until=None,
        updated_at=datetime.now(UTC), version=version,
    )  # fmt: skip
    return Destination(configuration=configuration, settings=settings or {}, secrets=secrets)


def an_event(key: str = "+15550100", **fields: object) -> Event:
    return Event(
        company_id=1, id=ids.new_id(), external_id=None, topic="T", type="t", key=key,
        at=datetime.now(UTC), body=json.dumps(fields),
    )  # fmt: skip


async def posted(
    courier: WebhookCourier, destination: Destination, event: Event | None = None
) -> Answer:
    found: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    courier.post(destination, event or an_event(), attempt=1, answered=found.set_result)
    async with asyncio.timeout(PATIENCE):
        return await found


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/ok/a", 200, "Hello World"),
        ("/status/204", 204, ""),
        ("/fail/a", 500, "not now"),
        ("/status/410", 410, "status 410"),
        ("/chunked/a", 200, "in pieces"),  # and 100 Continue before it
        ("/until-close/a", 200, "until the end"),
        ("/cut-off/a", 200, "half"),
        ("/binary/a", 200, "?\ufffd\ufffd?ab"),
        ("/huge/a", 200, "h" * 4096),
    ],
)
async def test_an_answer_is_understood(
    courier: WebhookCourier, receiver: Receiver, path: str, status: int, text: str
) -> None:
    answer = await posted(courier, to(receiver.url(path)))
    assert (answer.status, answer.text) == (status, text)
    again = await posted(courier, to(receiver.url("/ok/after")))
    assert again.status == 200


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/close-early/a", "The receiver closed the connection."),
        ("/garbage/a", "The receiver's answer is not HTTP."),
        ("/half-http/a", "The receiver's answer is no valid HTTP: "),
        ("/huge-head/a", "The answer"),
    ],
)
async def test_what_is_no_answer_is_told(
    courier: WebhookCourier, receiver: Receiver, path: str, words: str
) -> None:
    answer = await posted(courier, to(receiver.url(path)))
    assert answer.status is None
    assert answer.text.startswith(words)
    assert not answer.hopeless


@pytest.mark.parametrize("path", ["/hang/t", "/drip-head/t", "/drip/t"])
async def test_time_is_for_the_whole_answer(receiver: Receiver, path: str) -> None:
    courier = a_courier(timeout=0.4)
    try:
        answer = await posted(courier, to(receiver.url(path)))
        assert (answer.status, answer.text) == (None, "No answer within 0.4 seconds.")
        assert answer.milliseconds >= 400
    finally:
        await courier.close()


async def test_redirects_are_not_followed(courier: WebhookCourier, receiver: Receiver) -> None:
    answer = await posted(courier, to(receiver.url("/redirect/ok/inside")))
    assert answer.status == 302
    assert receiver.requests("/ok/inside") == []


async def test_retry_after_is_handed_on(courier: WebhookCourier, receiver: Receiver) -> None:
    answer = await posted(courier, to(receiver.url("/retry-after/429/17")))
    assert (answer.status, answer.retry_after) == (429, 17)


async def test_a_receiver_that_is_not_there_is_told(courier: WebhookCourier) -> None:
    with Receiver() as gone:
        address = gone.url("/ok")
    answer = await posted(courier, to(address))
    assert (answer.status, answer.text) == (None, "The connection was refused.")


async def test_a_name_that_is_not_known_is_told() -> None:
    async def nobody(name: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for resolve, words in ((nobody, "is not known."), (to_nothing, "has no address.")):
        courier = a_courier(resolve=resolve)
        try:
            answer = await posted(courier, to("http://receiver.test/hook"))
            assert (answer.status, answer.text) == (None, f"The receiver's name {words}")
        finally:
            await courier.close()


async def to_nothing(_: str, __: int) -> Sequence[str]:
    return []


async def test_a_receiver_without_tls_is_told(courier: WebhookCourier) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await posted(courier, to(f"https://127.0.0.1:{port}/hook"))
    assert (answer.status, answer.text) == (None, "The receiver does not speak TLS at this port.")


async def test_a_hanging_handshake_ends_in_time(receiver: Receiver) -> None:
    courier = a_courier(timeout=0.4)
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # connections that nobody takes up
            port = silent.getsockname()[1]
            answer = await posted(courier, to(f"https://127.0.0.1:{port}/"))
        assert answer.status is None
        assert answer.milliseconds < 10_000
    finally:
        await courier.close()


# ---------------------------------------------------------------- connections


async def test_connections_are_used_again(courier: WebhookCourier, receiver: Receiver) -> None:
    destination = to(receiver.url("/ok/again"))
    for _ in range(5):
        assert (await posted(courier, destination)).status == 200
    assert len({r.link for r in receiver.requests("/ok/again")}) == 1


async def test_a_connection_that_the_receiver_has_closed_costs_no_try(
    courier: WebhookCourier, receiver: Receiver
) -> None:
    """It answers, says nothing of closing and closes: the next post may meet that on its way."""
    destination = to(receiver.url("/close-after/a"))
    for _ in range(20):
        assert (await posted(courier, destination)).status == 200


async def test_a_changed_configuration_has_connections_of_its_own(
    courier: WebhookCourier, receiver: Receiver
) -> None:
    assert (await posted(courier, to(receiver.url("/ok/old")))).status == 200
    assert (await posted(courier, to(receiver.url("/ok/new"), version=2))).status == 200
    (old,), (new,) = receiver.requests("/ok/old"), receiver.requests("/ok/new")
    assert old.link != new.link


async def test_no_more_connections_are_open_than_there_may_be(receiver: Receiver) -> None:
    courier = a_courier(max_links=3)
    try:
        for n in range(10):
            answer = await posted(courier, to(receiver.url(f"/ok/few-{n}"), id=n))
            assert answer.status == 200
        assert len(courier._links) <= 3
    finally:
        await courier.close()


async def test_many_posts_at_once_are_all_answered(
    courier: WebhookCourier, receiver: Receiver
) -> None:
    destination = to(receiver.url("/ok/crowd"))
    answers = await asyncio.gather(*(posted(courier, destination) for _ in range(80)))
    assert {answer.status for answer in answers} == {200}


async def test_what_is_under_way_at_the_end_is_not_answered(receiver: Receiver) -> None:
    courier = a_courier()
    answers: list[Answer] = []
    destination = to(receiver.url("/hang/end"))
    courier.post(destination, an_event(), attempt=1, answered=answers.append)
    await courier.close()
    assert answers == []


# ---------------------------------------------------------------- the guard


async def test_nothing_inside_is_connected_to(receiver: Receiver) -> None:
    """By name, by address, by every address of a name; and it is told that there is no point."""

    async def resolve(name: str, _: int) -> Sequence[str]:
        return {"inside.test": ["127.0.0.1"], "mixed.test": ["8.8.8.8", "127.0.0.1"]}[name]

    courier = a_courier(allowed_networks=(), resolve=resolve)
    try:
        for host in (
            "inside.test", "mixed.test", "127.0.0.1", "127.1", "2130706433", "0x7f000001",
            "[::ffff:127.0.0.1]", "[::1]",
        ):  # fmt: skip
            answer = await posted(courier, to(receiver.url("/ok/guarded", host), id=2))
            assert (answer.status, answer.hopeless) == (None, True), host
            assert "may not be posted to" in answer.text
        assert receiver.requests("/ok/guarded") == []
    finally:
        await courier.close()


async def test_a_token_url_inside_is_not_asked(receiver: Receiver) -> None:
    async def resolve(_: str, __: int) -> Sequence[str]:
        return ["127.0.0.1"]

    courier = a_courier(allowed_networks=(), resolve=resolve)
    settings = OAUTH | {"token_url": receiver.url("/token/inside", "inside.test")}
    try:
        destination = to("http://8.8.8.8/", type=AuthenticationType.OAUTH, settings=settings)
        answer = await posted(courier, destination)
        assert answer.text.startswith("No access token: token_url: Events may not be posted to")
        assert answer.hopeless  # no other try will make it another address
        assert receiver.requests("/token/inside") == []
    finally:
        await courier.close()


async def test_an_address_that_is_checked_is_the_one_that_is_connected_to(
    receiver: Receiver,
) -> None:
    """The name is resolved once for a connection, whatever it would answer the second time."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    asked: list[str] = []

    async def resolve(name: str, _: int) -> Sequence[str]:
        asked.append(name)
        return next(answers)

    courier = a_courier(allowed_networks=("127.0.0.1/32",), resolve=resolve)
    try:
        answer = await posted(courier, to(receiver.url("/ok/named", "receiver.test")))
        assert answer.status == 200
        assert asked == ["receiver.test"]
        (request,) = receiver.requests("/ok/named")
        assert request.headers["host"] == f"receiver.test:{receiver.port}"
    finally:
        await courier.close()


async def test_a_name_that_nobody_knows_may_come_to_be_known(courier: WebhookCourier) -> None:
    async def resolve(_: str, __: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    unknowing = a_courier(resolve=resolve)
    try:
        answer = await posted(unknowing, to("http://nobody.test/"))
        assert (answer.status, answer.hopeless) == (None, False)
        assert "Name or service not known" in answer.text
    finally:
        await unknowing.close()


# ---------------------------------------------------------------- who posts


async def test_basic(courier: WebhookCourier, receiver: Receiver) -> None:
    settings = {"username": "Admin", "password": "pässword"}
    destination = to(receiver.url("/ok/basic"), type=AuthenticationType.BASIC, settings=settings)
    await posted(courier, destination)
    (request,) = receiver.requests("/ok/basic")
    scheme, _, given = request.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(given).decode()) == ("Basic", "Admin:pässword")


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"scope": "a b"}, {"grant_type": "client_credentials", "scope": "a b"}),
        (
            {"grant_type": "password", "username": "u", "password": "p&q"},
            {"grant_type": "password", "username": "u", "password": "p&q"},
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "r"},
            {"grant_type": "refresh_token", "refresh_token": "r"},
        ),
        (
            {"client_authentication": "body"},
            {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s:ö"},
        ),
    ],
)
async def test_a_token_is_asked_for_once_by_every_grant(
    courier: WebhookCourier, receiver: Receiver, more: dict[str, str], fields: dict[str, str]
) -> None:
    name = "-".join(sorted(more)) + fields["grant_type"]
    settings = OAUTH | {"token_url": receiver.url(f"/token/3600/{name}")} | more
    settings["token_url"] = receiver.url(f"/token/?{name}")
    receiver.become(f"/token/?{name}", "token/3600")
    destination = to(
        receiver.url(f"/oauth/{name}"), type=AuthenticationType.OAUTH, settings=settings
    )
    answers = await asyncio.gather(*(posted(courier, destination) for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    (asked,) = receiver.requests(f"/token/?{name}")
    assert {k: v[0] for k, v in parse_qs(asked.body).items()} == fields
    if "client_id" not in fields:
        given = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        assert given == "me:s%3A%C3%B6"


async def test_a_token_that_is_refused_is_renewed_once(
    courier: WebhookCourier, receiver: Receiver
) -> None:
    settings = OAUTH | {"token_url": receiver.url("/token/3600")}
    destination = to(
        receiver.url("/oauth/renewed"), type=AuthenticationType.OAUTH, settings=settings
    )
    assert (await posted(courier, destination)).status == 200
    receiver.revoke()
    assert (await posted(courier, destination)).status == 200
    statuses = [r.status for r in receiver.requests("/oauth/renewed")]
    assert statuses == [200, 401, 200]
    receiver.become("/oauth/renewed", "status/401")
    assert (await posted(courier, destination)).status == 401
    assert len(receiver.requests("/oauth/renewed")) == 5  # with the old token and with a new one


async def test_a_token_is_renewed_before_it_ends(
    courier: WebhookCourier, receiver: Receiver
) -> None:
    receiver.become("/token/short", "token/1")
    settings = OAUTH | {"token_url": receiver.url("/token/short")}
    destination = to(receiver.url("/oauth/short"), type=AuthenticationType.OAUTH, settings=settings)
    async with asyncio.timeout(PATIENCE):
        while len(receiver.requests("/token/short")) < 2:
            assert (await posted(courier, destination)).status == 200
            await asyncio.sleep(0.05)


async def test_a_new_refresh_token_is_used_and_kept(receiver: Receiver) -> None:
    kept: list[tuple[str, str]] = []

    async def refreshed(_: Destination, used: str, token: str) -> None:
        kept.append((used, token))

    courier = a_courier(refreshed=refreshed)
    receiver.become("/token/rotating", "token/3600")
    settings = OAUTH | {
        "token_url": receiver.url("/token/rotating"),
        "grant_type": "refresh_token",
        "refresh_token": "first",
    }
    destination = to(receiver.url("/oauth/kept"), type=AuthenticationType.OAUTH, settings=settings)
    try:
        assert (await posted(courier, destination)).status == 200
        receiver.revoke()
        assert (await posted(courier, destination)).status == 200
    finally:
        await courier.close()
    first, second = receiver.requests("/token/rotating")
    assert parse_qs(first.body)["refresh_token"] == ["first"]
    (used, new), (used_again, _) = kept
    assert (used, used_again) == ("first", new)
    assert parse_qs(second.body)["refresh_token"] == [new]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("no-token/invalid_client", "its issuer answered 401, invalid_client: Who are you?"),
        ("status/400", "its issuer answered 400."),
        ("status/204", "its issuer answered 204."),
    ],
)
async def test_an_issuers_refusal_is_told_in_its_words(
    courier: WebhookCourier, receiver: Receiver, mode: str, words: str
) -> None:
    path = f"/refusing/{mode}"
    receiver.become(path, mode)
    settings = OAUTH | {"token_url": receiver.url(path)}
    destination = to(receiver.url("/oauth/x"), type=AuthenticationType.OAUTH, settings=settings)
    answer = await posted(courier, destination)
    assert (answer.status, answer.text) == (None, f"No access token: {words}")
    assert not answer.hopeless


@pytest.mark.parametrize("mode", ["status/400", "ok", "close-early", "status/204"])
async def test_without_a_token_nothing_is_posted(
    courier: WebhookCourier, receiver: Receiver, mode: str
) -> None:
    path = f"/no-token/{mode}"
    receiver.become(path, mode)
    settings = OAUTH | {"token_url": receiver.url(path)}
    name = f"/oauth/none-{mode.replace('/', '-')}"
    destination = to(receiver.url(name), type=AuthenticationType.OAUTH, settings=settings)
    answer = await posted(courier, destination)
    assert answer.status is None
    assert answer.text.startswith("No access token")
    assert receiver.requests(name) == []


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    place = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(place / "ca.pem")
    ca.issue_cert("receiver.test", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        place / "receiver.pem"
    )
    return ca, place


async def to_loopback(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_tls_checks_the_receivers_certificate(
    authority: tuple[trustme.CA, Path],
) -> None:
    _, place = authority
    with Receiver(certificate=place / "receiver.pem") as secure:
        trusting = a_courier(resolve=to_loopback, trusted=place / "ca.pem")
        doubting = a_courier(resolve=to_loopback)
        try:
            url = secure.url("/ok/tls", "receiver.test")
            assert (await posted(trusting, to(url))).status == 200
            assert (await posted(trusting, to(secure.url("/ok/ip"), id=3))).status == 200
            wrong = await posted(trusting, to(secure.url("/ok/x", "other.test"), id=4))
            assert "certificate is not valid" in wrong.text
            unknown = await posted(doubting, to(url))
            assert "certificate is not valid" in unknown.text
            own = {"ca_certificate": (place / "ca.pem").read_text()}
            assert (await posted(doubting, to(url, settings=own, id=5))).status == 200
        finally:
            await trusting.close()
            await doubting.close()


async def test_mutual_tls_shows_the_configurations_own_certificate(
    authority: tuple[trustme.CA, Path],
) -> None:
    ca, place = authority
    ours = ca.issue_cert("clarion@example.com")
    with Receiver(certificate=place / "receiver.pem", client_authority=place / "ca.pem") as secure:
        courier = a_courier(resolve=to_loopback, trusted=place / "ca.pem")
        try:
            url = secure.url("/ok/mtls", "receiver.test")
            settings = {
                "client_certificate": b"".join(
                    blob.bytes() for blob in ours.cert_chain_pems
                ).decode(),
                "client_key": ours.private_key_pem.bytes().decode(),
            }
            assert (await posted(courier, to(url, settings=settings))).status == 200
            without = await posted(courier, to(url, id=6))
            assert without.status is None
            assert without.text.startswith("The receiver ")  # wants one, or just hangs up
            broken = await posted(courier, to(url, id=7, settings=settings | {"client_key": "x"}))
            assert broken.hopeless
            assert "certificate or key" in broken.text
        finally:
            await courier.close()


def test_old_versions_of_tls_are_not_spoken() -> None:
    from clarion.connectors.webhook.tls import Tls

    assert Tls().context({}).minimum_version >= ssl.TLSVersion.TLSv1_2
