"""Messages from subscribers: whole, in parts, to nobody; whose they are and what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from pipeline import Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.messages import service
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.ports import Inbound
from clarion.errors import InvalidInput, NotFound, Unavailable
from clarion.kit import ids
from clarion.settings import SmppConnector

SUBSCRIBER = "+4915112345678"


class Desk:
    """An InboundDesk that the test tells what a carrier brings."""

    def __init__(self, place: Place, *, patience: float = 600.0) -> None:
        self.place = place
        senders = place.gateway().senders
        self._desk = InboundDesk(place.db, senders, KeywordDirectory(), part_patience=patience)

    async def take(self, *messages: Inbound) -> None:
        await self._desk.take([(self.place.name, message) for message in messages])

    async def gather(self) -> int:
        return await self._desk.gather()

    async def strays(self) -> list[str]:
        rows = await self.place.db.fetch(
            "select text from stray_inbound where connector = $1 order by id", self.place.name
        )
        return [row["text"] for row in rows]

    async def parts(self) -> int:
        count: int = await self.place.db.fetchval(
            "select count(*) from inbound_part where connector = $1", self.place.name
        )
        return count


def _whole(to: str, text: str = "hello", *, source: str = SUBSCRIBER) -> Inbound:
    return Inbound(source=source, destination=to, text=text, reference=None, total=1, number=1)


def _part(to: str, text: str, number: int, total: int, *, reference: int = 7) -> Inbound:
    return Inbound(SUBSCRIBER, to, text, reference, total, number)


async def _texts(place: Place, tenant: Tenant) -> list[str]:
    return [row["body"] for row in await place.received(tenant)]


@pytest.fixture
def desk(place: Place) -> Desk:
    return Desk(place)


# ---------------------------------------------------------------- whole messages


async def test_a_subscribers_message_is_stored_for_the_owner_of_the_number(
    place: Place, desk: Desk, tenant: Tenant
) -> None:
    other = await place.tenant()
    await desk.take(_whole(tenant.address, "hello"))
    (message,) = await place.received(tenant)
    assert (message["state"], message["body"]) == ("RECEIVED", "hello")
    assert (message["sender_id"], message["sender_address"]) == (tenant.sender_id, tenant.address)
    assert (message["peer_address"], message["country"]) == (SUBSCRIBER, "DE")
    assert (message["request_id"], message["conversation_id"]) == (None, None)
    assert await _texts(place, other) == []


@pytest.mark.parametrize(
    ("source", "peer", "country"),
    [
        ("4915112345678", SUBSCRIBER, "DE"),
        (" +4915112345678 ", SUBSCRIBER, "DE"),
        ("ACME", "ACME", None),
        ("", "", None),
        ("x" * 200, "x" * 64, None),
        ("12\00034", "1234", None),
    ],
)
async def test_whatever_a_carrier_calls_the_subscriber_is_stored(
    place: Place, desk: Desk, source: str, peer: str, country: str | None
) -> None:
    tenant = await place.tenant()
    await desk.take(_whole(tenant.address, source=source))
    (message,) = await place.received(tenant)
    assert (message["peer_address"], message["country"]) == (peer, country)


async def test_the_number_is_found_with_and_without_its_plus_sign(
    place: Place, desk: Desk, tenant: Tenant
) -> None:
    await desk.take(_whole(f"+{tenant.address}", "a"), _whole(tenant.address, "b"))
    assert sorted(await _texts(place, tenant)) == ["a", "b"]


async def test_a_text_that_cannot_be_stored_whole_is_stored_without_its_nul(
    place: Place, desk: Desk, tenant: Tenant
) -> None:
    await desk.take(_whole(tenant.address, "a\0b"))
    assert await _texts(place, tenant) == ["ab"]


async def test_a_message_to_nobody_is_kept_for_the_operator(
    place: Place, desk: Desk, tenant: Tenant
) -> None:
    await desk.take(_whole("999999", "where am I"), _whole(tenant.address, "here"))
    assert await desk.strays() == ["where am I"]
    assert await _texts(place, tenant) == ["here"]


# ---------------------------------------------------------------- conversations


async def test_an_answer_joins_the_conversation_that_was_last(
    place: Place, desk: Desk, tenant: Tenant
) -> None:
    gateway = await place.started()
    for name in ("old", "new"):
        request = await gateway.send(tenant, SUBSCRIBER, conversation_id=name)
        await place.until(tenant, request, "DELIVERED")
    elsewhere = await gateway.send(tenant, "+4915112345679", conversation_id="another's")
    await place.until(tenant, elsewhere, "DELIVERED")
    await desk.take(_whole(tenant.address))
    (message,) = await place.received(tenant)
    sent = await place.message(tenant, request)
    assert (message["conversation_id"], message["reply_to"]) == ("new", sent["id"])
    assert message["application_id"] == tenant.caller.application_id


@pytest.mark.parametrize("wishes", [{"test": True}, {"pause_before_transmit": True}])
async def test_what_never_left_is_nothing_to_answer(
    place: Place, desk: Desk, tenant: Tenant, wishes: dict[str, bool]
) -> None:
    gateway = await place.started()
    request = await gateway.send(tenant, SUBSCRIBER, conversation_id="sent")
    await place.until(tenant, request, "DELIVERED")
    await gateway.send(tenant, SUBSCRIBER, conversation_id="not sent", **wishes)
    await desk.take(_whole(tenant.address))
    assert (await place.received(tenant))[0]["conversation_id"] == "sent"


async def test_two_companies_share_a_number_and_the_last_to_write_is_answered(
    place: Place, desk: Desk
) -> None:
    first = await place.tenant()
    second = await place.tenant(address=first.address)
    await place.db.execute(  # both took it from one that the operator shares
        "update sender_id set parent_id = $1 where address = $2", ids.new_id(), first.address
    )
    gateway = await place.started()
    await desk.take(_whole(first.address, "nobody wrote yet"))
    for tenant, text in ((second, "to the second"), (first, "to the first")):
        request = await gateway.send(tenant, SUBSCRIBER)
        await place.until(tenant, request, "DELIVERED")
        await desk.take(_whole(first.address, text))
    assert await _texts(place, first) == ["nobody wrote yet", "to the first"]
    assert await _texts(place, second) == ["to the second"]


async def test_a_number_of_one_s_own_is_answered_to_its_first_company_only(
    place: Place, desk: Desk
) -> None:
    first = await place.tenant()
    second = await place.tenant(address=first.address)
    gateway = await place.started()
    for tenant in (first, second):
        request = await gateway.send(tenant, SUBSCRIBER)
        await place.until(tenant, request, "DELIVERED")
    await desk.take(_whole(first.address, "secret reply"))
    assert await _texts(place, first) == ["secret reply"]
    assert await _texts(place, second) == []


# ---------------------------------------------------------------- long messages


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 2, 1, 3, 3)])
@pytest.mark.parametrize("how", ["one by one", "together"])
async def test_parts_become_one_message_in_whatever_order_they_come(
    place: Place, desk: Desk, tenant: Tenant, order: Sequence[int], how: str
) -> None:
    parts = [_part(tenant.address, f"<{n}>", n, 3) for n in order]
    if how == "together":
        await desk.take(*parts)
    else:
        for part in parts[: parts.index(parts[-1]) + 1]:
            await desk.take(part)
    (message,) = await place.received(tenant)
    assert (message["body"], message["fragments"]) == ("<1><2><3>", 3)


async def test_long_messages_of_different_people_do_not_mix(
    place: Place, desk: Desk, tenant: Tenant
) -> None:
    other = await place.tenant()
    await desk.take(
        _part(tenant.address, "a1", 1, 2, reference=1),
        _part(tenant.address, "b1", 1, 2, reference=2),
        _part(other.address, "c1", 1, 2, reference=1),
        _part(tenant.address, "d1", 1, 3, reference=1),
    )
    await desk.take(
        _part(other.address, "c2", 2, 2, reference=1),
        _part(tenant.address, "b2", 2, 2, reference=2),
        _part(tenant.address, "a2", 2, 2, reference=1),
    )
    assert sorted(await _texts(place, tenant)) == ["a1a2", "b1b2"]
    assert await _texts(place, other) == ["c1c2"]
    assert await desk.parts() == 1


async def test_a_missing_part_is_not_waited_for_for_ever(place: Place, tenant: Tenant) -> None:
    patient, hasty = Desk(place), Desk(place, patience=0.0)
    await patient.take(_part(tenant.address, "<1>", 1, 3), _part(tenant.address, "<3>", 3, 3))
    await patient.gather()
    assert await _texts(place, tenant) == []
    await hasty.gather()
    assert await _texts(place, tenant) == ["<1><3>"]
    assert await patient.parts() == 0


async def test_parts_to_nobody_are_kept_for_the_operator(desk: Desk) -> None:
    await desk.take(_part("999999", "<1>", 1, 2), _part("999999", "<2>", 2, 2))
    assert await desk.strays() == ["<1><2>"]


async def test_parts_that_come_through_several_nodes_make_one_message(
    place: Place, tenant: Tenant
) -> None:
    desks = [Desk(place) for _ in range(4)]
    for reference in range(10):
        await asyncio.gather(
            *(
                desk.take(_part(tenant.address, f"<{n}>", n, 4, reference=reference))
                for n, desk in enumerate(desks, 1)
            )
        )
    assert await _texts(place, tenant) == ["<1><2><3><4>"] * 10


async def test_parts_that_make_no_sense_are_stored_all_the_same(
    place: Place, tenant: Tenant
) -> None:
    desk = Desk(place, patience=0.0)
    await desk.take(
        _part(tenant.address, "zero", 0, 0, reference=1),
        _part(tenant.address, "beyond", 9, 2, reference=2),
        _part(tenant.address, "alone", 1, 1, reference=3),
    )
    await desk.gather()
    assert sorted(await _texts(place, tenant)) == ["alone", "beyond", "zero"]


async def test_parts_are_acknowledged_although_they_cannot_be_gathered_yet(
    place: Place, desk: Desk, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the carrier would bring them again, and a second message would begin."""

    async def away() -> int:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(desk._desk, "gather", away)
        await desk.take(_part(tenant.address, "<1>", 1, 2), _part(tenant.address, "<2>", 2, 2))
    await desk.gather()
    assert await _texts(place, tenant) == ["<1><2>"]


# ---------------------------------------------------------------- from a real peer


@pytest.mark.parametrize(
    "wanted",
    [
        {"text": "short"},
        {"parts": ["a" * 153, "b" * 20], "concat": "udh"},
        {"parts": ["a" * 152, "b" * 20], "concat": "udh16"},
        {"parts": ["a" * 150, "b" * 20], "concat": "sar"},
        {"text": "x" * 400, "payload": True},
        {"text": "by data_sm", "data_sm": True},
    ],
)
async def test_what_an_smsc_brings_is_stored_and_then_acknowledged(
    place: Place, smsc: Smsc, tenant: Tenant, wanted: dict[str, object]
) -> None:
    await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    await smsc.mo(to=tenant.address, from_="4915112345678", **wanted)
    parts = wanted.get("parts")
    await smsc.until(lambda stats: stats["inbounds_acked"] == (len(parts) if parts else 1))  # type: ignore[arg-type]
    (text,) = await eventually(lambda: _texts(place, tenant))
    assert text == ("".join(parts) if parts else wanted["text"])  # type: ignore[arg-type]


async def test_what_cannot_be_stored_now_comes_again(
    place: Place, smsc: Smsc, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))

    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(gateway.inbound, "_senders_of", away)
        await smsc.mo(to=tenant.address, text="hello")
        await smsc.until(lambda stats: bool(stats["refusals"]))
        assert await _texts(place, tenant) == []
    await smsc.until(lambda stats: stats["inbounds_acked"] == 1)
    assert await _texts(place, tenant) == ["hello"]


async def test_an_echo_answers_the_message_that_it_echoes(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.numbers({SUBSCRIBER[1:]: {"echo": True}})
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    request = await gateway.send(tenant, SUBSCRIBER, body="marco", conversation_id="game")
    (message,) = await eventually(lambda: place.received(tenant))
    assert (message["body"], message["conversation_id"]) == ("marco", "game")
    assert message["reply_to"] == (await place.message(tenant, request))["id"]


# ---------------------------------------------------------------- what the client does with it


async def test_a_client_deals_with_a_message_once(place: Place, desk: Desk, tenant: Tenant) -> None:
    await desk.take(_whole(tenant.address))
    (message,) = await place.received(tenant)
    for _ in range(2):
        await service.change_message(place.db, tenant.caller, message["id"], state="PROCESSED")
    (message,) = await place.received(tenant)
    assert (message["state"], message["version"]) == ("PROCESSED", 2)
    await service.change_message(place.db, tenant.caller, message["id"], state="DELETED")
    (message,) = await place.received(tenant)
    assert (message["state"], message["deleted_at"] is not None) == ("PROCESSED", True)
    with pytest.raises(NotFound):
        await service.change_message(place.db, tenant.caller, message["id"], state="PROCESSED")


@pytest.mark.parametrize("state", ["CONVERTED", "RECEIVED", "SENT"])
async def test_a_received_message_cannot_become_something_else(
    place: Place, desk: Desk, tenant: Tenant, state: str
) -> None:
    await desk.take(_whole(tenant.address))
    (message,) = await place.received(tenant)
    with pytest.raises(InvalidInput) as caught:
        await service.change_message(place.db, tenant.caller, message["id"], state=state)
    assert caught.value.field == "state"


async def test_nobody_else_can_deal_with_it(place: Place, desk: Desk, tenant: Tenant) -> None:
    stranger = await place.tenant()
    await desk.take(_whole(tenant.address))
    (message,) = await place.received(tenant)
    for state in ("PROCESSED", "DELETED"):
        with pytest.raises(NotFound):
            await service.change_message(place.db, stranger.caller, message["id"], state=state)
    assert message["updated_at"] <= datetime.now(UTC)
    assert (await place.received(tenant))[0]["version"] == 1
