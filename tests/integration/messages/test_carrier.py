"""Through SMPP to an SMSC that is not ours: failures, throttling, silence, parts, receipts."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.settings import SmppConnector

SYSTEM_ERROR, INVALID_DESTINATION, BIND_FAILED = 0x08, 0x0B, 0x0D
SHORT = (0.05, 0.05)
_numbers = count(491_710_000_000)


def _number() -> str:
    """One that no other test has rules for."""
    return str(next(_numbers))


async def _gateway(place: Place, smsc: Smsc, **more: Any) -> Gateway:
    dispatch = more.pop("dispatch", {})
    chosen: dict[str, Any] = {"retry": SHORT, "response_timeout": 10.0, "reconnect": (0.05,)}
    connector = SmppConnector(host="127.0.0.1", port=smsc.port, **{**chosen, **more})
    return await place.started(connector, dispatch=dispatch)


async def _submitted(smsc: Smsc, number: str) -> list[dict[str, Any]]:
    """The submit_sm for a number, refused ones too, in the order of arrival."""
    return [message for message in await smsc.messages() if message["destination"] == number]


# ---------------------------------------------------------------- one message


async def test_a_message_goes_out_as_it_was_written_and_its_receipt_comes_back(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    request = await gateway.send(tenant, number, body="Grüße an {alle} für 5 €")
    await place.until(tenant, request, "DELIVERED")
    (submitted,) = await _submitted(smsc, number)
    assert submitted["source"] == tenant.address
    assert bytes.fromhex(submitted["hex"])[:2] == b"Gr"
    (part,) = await place.parts(tenant)
    assert part["shown_id"] == submitted["id"]


@pytest.mark.parametrize(
    ("status", "code"), [(0x01, "1009"), (0x0A, "1009"), (INVALID_DESTINATION, "1002")]
)
async def test_a_permanent_refusal_fails_the_message_at_once(
    place: Place, smsc: Smsc, tenant: Tenant, status: int, code: str
) -> None:
    gateway = await _gateway(place, smsc)
    bad, good = _number(), _number()
    await smsc.numbers({bad: {"status": status}})
    request = await gateway.send(tenant, bad, good)
    await place.until(tenant, request, "FAILED", "DELIVERED")
    assert (await place.messages(tenant, request))[0]["failure_code"] == code
    assert len(await _submitted(smsc, bad)) == 1


async def test_a_temporary_failure_is_tried_again_until_it_is_taken(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    await smsc.numbers({number: {"status": SYSTEM_ERROR, "times": 2}})
    request = await gateway.send(tenant, number)
    await place.until(tenant, request, "DELIVERED")
    assert len(await _submitted(smsc, number)) == 3


async def test_tries_are_used_up(place: Place, smsc: Smsc, tenant: Tenant) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    await smsc.numbers({number: {"status": SYSTEM_ERROR}})
    request = await gateway.send(tenant, number)
    await place.until(tenant, request, "FAILED")
    assert "ESME_RSYSERR" in (await place.message(tenant, request))["failure_details"]
    assert len(await _submitted(smsc, number)) == 1 + len(SHORT)


async def test_throttled_it_slows_down_and_loses_nothing(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(throttle=40, receipts=False)
    gateway = await _gateway(place, smsc)
    to = [_number() for _ in range(45)]
    request = await gateway.send(tenant, *to)
    await place.until(tenant, request, "SENT")
    taken = Counter(m["destination"] for m in await smsc.messages() if "id" in m)
    assert taken == dict.fromkeys(to, 1)
    assert (await smsc.stats())["throttled"] < 45  # it did not hammer


# ---------------------------------------------------------------- silence


async def test_an_unanswered_message_is_sent_again_where_the_operator_wants_it_so(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc, response_timeout=0.5, retry=(0.05,) * 12)
    number = _number()
    await smsc.numbers({number: {"silent": True}})
    request = await gateway.send(tenant, number)
    await eventually(lambda: _at_least(smsc, number, 1))
    await smsc.numbers({number: {}})
    await place.until(tenant, request, "DELIVERED")
    assert len(await _submitted(smsc, number)) >= 2  # more if the number came back late


async def test_an_unanswered_message_fails_where_the_operator_wants_no_doubles(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc, response_timeout=1.0, on_uncertain="fail")
    number, good = _number(), _number()
    await smsc.numbers({number: {"silent": True}})
    request = await gateway.send(tenant, number)
    await place.until(tenant, request, "FAILED")
    later = await gateway.send(tenant, good)
    await place.until(tenant, later, "DELIVERED")
    assert len(await _submitted(smsc, number)) == 1


async def test_a_connection_that_is_cut_loses_nothing(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(answer_delay=20)
    gateway = await _gateway(place, smsc, window=10)
    to = [_number() for _ in range(50)]
    request = await gateway.send(tenant, *to)
    await eventually(lambda: _taken(smsc, 10))
    await smsc.kick()
    await place.until(tenant, request, "DELIVERED")
    counts = Counter(m["destination"] for m in await smsc.messages())
    assert set(counts) == set(to)
    assert sum(counts.values()) <= 50 + 20  # doubles are only those that were under way


async def test_without_a_connection_messages_wait_and_no_try_is_counted(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(refuse=BIND_FAILED)
    connector = SmppConnector(host="127.0.0.1", port=smsc.port, retry=SHORT, reconnect=(0.05,))
    gateway = await place.gateway(connector).start()
    request = await gateway.send(tenant, _number())
    await smsc.until(lambda stats: stats["refused_binds"] >= 3)
    assert [row["attempts"] for row in await place.waiting(tenant)] == [0]
    await smsc.configure(refuse=0)
    await place.until(tenant, request, "DELIVERED")


# ---------------------------------------------------------------- parts


async def test_only_the_part_that_was_refused_is_sent_again(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    await smsc.numbers({number: {"status": SYSTEM_ERROR, "times": 1}})
    request = await gateway.send(tenant, number, body="a" * 153 + "b" * 153 + "c" * 10)
    await place.until(tenant, request, "DELIVERED")
    submitted = await _submitted(smsc, number)
    assert [(m["text"][0], "id" in m) for m in submitted] == [
        ("a", False),
        ("b", True),
        ("c", True),
        ("a", True),
    ]
    assert len({m["udh"][0][:8] for m in submitted}) == 1  # one reference on every try
    assert len(await place.parts(tenant)) == 3


async def test_a_part_that_is_refused_for_good_fails_the_message(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc)
    number, good = _number(), _number()
    await smsc.numbers({number: {"status": INVALID_DESTINATION, "times": 1}})
    request = await gateway.send(tenant, number, body="x" * 400)
    await place.until(tenant, request, "FAILED")
    later = await gateway.send(tenant, good)
    await place.until(tenant, later, "DELIVERED")
    assert await place.states(tenant, request) == [
        "FAILED"
    ]  # receipts of the others change nothing
    assert len(await place.parts(tenant)) == 3


async def test_a_message_of_more_parts_than_the_window_leaves_all_the_same(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc, window=2)
    number = _number()
    long = await gateway.send(tenant, number, body="x" * 1000)
    others = await gateway.send(tenant, _number(), _number())
    await place.until(tenant, long, "DELIVERED")
    await place.until(tenant, others, "DELIVERED")
    assert len(await _submitted(smsc, number)) == 7
    assert (await smsc.stats())["peak_unanswered"] <= 2


async def test_a_payload_is_one_part_for_the_carrier(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc, concatenation="payload")
    number = _number()
    request = await gateway.send(tenant, number, body="x" * 400)
    await place.until(tenant, request, "DELIVERED")
    (submitted,) = await _submitted(smsc, number)
    assert submitted["payload"]


# ---------------------------------------------------------------- receipts


@pytest.mark.parametrize(
    "option", [{"receipt_early": 1}, {"receipt_twice": 1}, {"receipt_jitter": 60}]
)
async def test_receipts_may_come_before_twice_and_out_of_order(
    place: Place, smsc: Smsc, tenant: Tenant, option: dict[str, object]
) -> None:
    await smsc.configure(**option)
    gateway = await _gateway(place, smsc)
    requests = [await gateway.send(tenant, _number(), _number()) for _ in range(10)]
    for request in requests:
        await place.until(tenant, request, "DELIVERED")
    await smsc.until(lambda stats: stats["waiting"] == stats["open"] == 0)


@pytest.mark.parametrize("response", ["hex", "HEX", "decimal", "padded"])
@pytest.mark.parametrize("receipt", ["hex", "decimal", "padded"])
async def test_receipts_find_their_message_however_ids_are_spelled(
    place: Place, smsc: Smsc, tenant: Tenant, response: str, receipt: str
) -> None:
    await smsc.configure(response_id=response, receipt_id=receipt)
    gateway = await _gateway(place, smsc)
    requests = [await gateway.send(tenant, _number()) for _ in range(3)]
    for request in requests:
        await place.until(tenant, request, "DELIVERED")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("DELIVRD", "DELIVERED"),
        ("EXPIRED", "EXPIRED"),
        ("DELETED", "FAILED"),
        ("UNDELIV", "FAILED"),
        ("REJECTD", "FAILED"),
    ],
)
async def test_a_receipts_word_becomes_a_state(
    place: Place, smsc: Smsc, tenant: Tenant, said: str, state: str
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    await smsc.numbers({number: {"state": said}})
    short = await gateway.send(tenant, number)
    long = await gateway.send(tenant, number, body="x" * 400)
    for request in (short, long):
        await place.until(tenant, request, state)
        message = await place.message(tenant, request)
        assert (message["failure_code"] is None) == (state == "DELIVERED")
        assert (message["failure_details"] is None) == (state == "DELIVERED")


@pytest.mark.parametrize("said", ["ENROUTE", "ACCEPTD", "UNKNOWN"])
async def test_a_receipt_without_news_leaves_a_message_sent(
    place: Place, smsc: Smsc, tenant: Tenant, said: str
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    await smsc.numbers({number: {"state": said}})
    request = await gateway.send(tenant, number)
    await smsc.until(lambda stats: stats["receipts_acked"] == 1)
    assert await place.states(tenant, request) == ["SENT"]


# ---------------------------------------------------------------- timing and order


async def test_the_carrier_is_told_until_when_a_message_is_wanted(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    expires_at = datetime.now(UTC) + timedelta(hours=2)
    await gateway.send(tenant, number, expires_at=expires_at)
    await eventually(lambda: _at_least(smsc, number, 1))
    assert (await _submitted(smsc, number))[0]["validity"]


async def test_messages_of_a_sender_leave_in_the_order_in_which_they_came(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    gateway = await _gateway(place, smsc)
    number = _number()
    for n in range(30):
        await gateway.send(tenant, number, body=f"{n}")
    await eventually(lambda: _at_least(smsc, number, 30))
    assert [m["text"] for m in await _submitted(smsc, number)] == [f"{n}" for n in range(30)]


async def test_many_messages_with_trouble_all_end(place: Place, smsc: Smsc, tenant: Tenant) -> None:
    """Errors, silence, doubles and jitter at once: each number gets its message, and the books
    are right (the fixture looks)."""
    await smsc.configure(
        error=0.1, silent=0.02, receipt_twice=0.3, receipt_jitter=30, receipt_early=0.2,
        undelivered=0.1,
    )  # fmt: skip
    gateway = await _gateway(place, smsc, retry=(0.05,) * 12, response_timeout=1.0, window=20)
    others = await place.tenant()
    to = [_number() for _ in range(300)]
    await asyncio.gather(
        *(
            gateway.send(tenant if n % 2 else others, *to[n : n + 3], body="x" * (1 + n % 320))
            for n in range(0, 300, 3)
        )
    )

    async def ended() -> bool:
        pending = await place.db.fetchval(
            "select count(*) from message where company_id = any($1) "
            "and state not in ('DELIVERED', 'FAILED')",
            [tenant.company_id, others.company_id],
        )
        return bool(pending == 0)

    await eventually(ended)
    assert {m["destination"] for m in await smsc.messages() if "id" in m} == set(to)


async def _at_least(smsc: Smsc, number: str, count: int) -> bool:
    return len(await _submitted(smsc, number)) >= count


async def _taken(smsc: Smsc, count: int) -> bool:
    return bool((await smsc.stats())["taken"] >= count)
