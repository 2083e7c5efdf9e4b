"""Which messages may not be sent, in one statement; and statuses for everybody who was sent one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scene import MINE, Scene

from clarion.engine.consent.addresses import ConsentGate
from clarion.engine.consent.addresses.carriers import Mode, load
from clarion.engine.consent.addresses.model import ConsentStatus, Wish
from clarion.engine.consent.addresses.service import Question, begin, refuse_many
from clarion.engine.consent.addresses.tasks import BATCH, track
from clarion.kit.ids import floor_id, message_id, new_id, new_request_id
from clarion.storage.database import Database

Make = Callable[..., Awaitable[Scene]]
NUMBERS = {
    "NONE": "+4915100000001",
    "OPTIN": "+4915100000002",
    "OPTOUT": "+4915100000003",
    "BLACKLIST": "+4915100000004",
    "WHITELIST": "+4915100000005",
    "unknown": "+4915100000006",
}


async def say(scene: Scene, status: str, peer: str = MINE, **more: Any) -> None:
    wish = Wish(
        **{
            "address_type": "MDN",
            "address": peer,
            "consent_status": ConsentStatus(status),
            "opt_in_type": "MIGRATION",
        }
        | more
    )

    async def never(_: Question) -> None:
        raise AssertionError

    await begin(scene.db, scene.caller, scene.sender, wish, never)


async def everybody(scene: Scene) -> list[str]:
    """One number in each status, and one that nobody knows."""
    for status, number in NUMBERS.items():
        if status == "NONE":
            await scene.hear("hello", peer=number)
        elif status != "unknown":
            await say(scene, status, number)
    return list(NUMBERS.values())


def named(positions: set[int]) -> set[str]:
    names = list(NUMBERS)
    return {names[position] for position in positions}


@pytest.mark.parametrize(
    ("requirement", "refused"),
    [
        ("NONE", set()),
        ("", set()),
        ("OPT_IN", {"NONE", "OPTOUT", "BLACKLIST", "unknown"}),
        ("OPT_OUT", {"OPTOUT", "BLACKLIST"}),
    ],
)
@pytest.mark.parametrize("manager", ["USER", "SCG"])
async def test_each_requirement_refuses_its_own(
    make: Make, manager: str, requirement: str, refused: set[str]
) -> None:
    scene = await make(manager)
    numbers = await everybody(scene)
    assert named(await scene.refused(*numbers, requirement=requirement)) == refused


@pytest.mark.parametrize("requirement", ["NONE", "OPT_OUT"])
async def test_opt_outs_that_the_gateway_looks_after_always_hold(
    make: Make, requirement: str
) -> None:
    scene = await make("SCG_UNSOLICITED_OPT_OUT")
    numbers = await everybody(scene)
    found = named(await scene.refused(*numbers, requirement=requirement))
    assert found == {"OPTOUT", "BLACKLIST"}


@pytest.mark.parametrize("requirement", ["NONE", "OPT_OUT", "OPT_IN"])
async def test_a_sender_id_can_be_for_its_white_list_only(make: Make, requirement: str) -> None:
    scene = await make("USER", check_white_list=True)
    numbers = await everybody(scene)
    found = named(await scene.refused(*numbers, requirement=requirement))
    assert found == set(NUMBERS) - {"WHITELIST"}


@pytest.mark.parametrize("requirement", ["NONE", "OPT_OUT", "OPT_IN"])
async def test_a_carriers_list_holds_whatever_is_required(scene: Scene, requirement: str) -> None:
    opted_in, new, free = "+4915120000001", "+4915120000002", "+4915120000003"
    await say(scene, "OPTIN", opted_in)
    await say(scene, "WHITELIST", free)
    await load(scene.db, "Holds", [opted_in, new], mode=Mode.REPLACE)
    found = await scene.refused(opted_in, new, free, requirement=requirement)
    assert found == {0, 1}
    row = await scene.row(new)
    assert (row["consent_status"], row["source"]) == ("BLACKLIST", "CARRIER")
    assert await scene.told(new) == [("CARRIER", "BLACKLIST", None)]
    await load(scene.db, "Holds", [opted_in, new], mode=Mode.REMOVE)


async def test_nothing_asked_is_nothing_refused(scene: Scene) -> None:
    from clarion.engine.consent.addresses.service import refused

    assert await refused(scene.db, scene.company, [], "OPT_IN") == {}


async def test_an_address_that_comes_twice_is_refused_twice(scene: Scene) -> None:
    assert await scene.refused(MINE, MINE, requirement="OPT_IN") == {0, 1}
    assert (await scene.row())["consent_status"] == "NONE"


async def test_consent_to_one_sender_id_is_none_to_another(scene: Scene) -> None:
    other = await scene.another_sender()
    await say(scene, "OPTIN")
    assert await scene.refused(requirement="OPT_IN") == set()
    assert await scene.refused(requirement="OPT_IN", sender=other) == {0}


async def test_addresses_of_other_kinds_are_apart(scene: Scene) -> None:
    await say(scene, "OPTIN", "ann@example.com", address_type="EMAIL")
    await say(scene, "OPTIN", "apn:abc", address_type="PUSH")
    assert await scene.refused("ann@example.com", requirement="OPT_IN", kind="EMAIL") == set()
    assert await scene.refused("apn:abc", requirement="OPT_IN", kind="PUSH") == set()
    assert await scene.refused("ann@example.com", requirement="OPT_IN", kind="PUSH") == {0}


async def test_companies_do_not_share_consent(make: Make) -> None:
    one, two = await make(), await make()
    await say(one, "OPTIN")
    assert await one.refused(requirement="OPT_IN") == set()
    assert await two.refused(requirement="OPT_IN") == {0}
    await two.hear("STOP")
    assert await one.status() == "OPTIN"
    # even of a sender id that is not its own, a company learns nothing
    assert await two.refused(requirement="OPT_IN", sender=one.sender) == {0}


async def test_looking_makes_a_status_once(scene: Scene) -> None:
    numbers = [f"+49151{n:08}" for n in range(300)]
    await asyncio.gather(
        *(scene.refused(*order, requirement="NONE") for order in (numbers, numbers[::-1], numbers))
    )
    count = await scene.db.fetchval(
        "select count(*) from contact_address_status where company_id = $1", scene.company
    )
    assert count == len(numbers)
    assert await scene.history(numbers[0]) == []


async def test_a_stop_is_felt_by_the_next_message(scene: Scene) -> None:
    await scene.hear("START")
    assert await scene.refused(requirement="OPT_IN") == set()
    await scene.hear("STOP")
    assert await scene.refused(requirement="OPT_IN") == {0}
    assert await scene.refused(requirement="OPT_OUT") == {0}


async def test_two_thousand_are_judged_in_a_moment(scene: Scene) -> None:
    numbers = [f"+49152{n:08}" for n in range(2000)]
    await refuse_many(
        scene.db, scene.caller, scene.sender, [("MDN", number) for number in numbers[:1000]]
    )
    begun = datetime.now(UTC)
    found = await scene.refused(*numbers, requirement="OPT_OUT")
    assert found == set(range(1000))
    assert datetime.now(UTC) - begun < timedelta(seconds=2)  # some 20 ms on an idle machine


# ---------------------------------------------------------------- the gate


async def test_most_messages_need_no_look_at_consent(make: Make, db: Database) -> None:
    scene = await make("USER")
    clock = [0.0]
    gate = ConsentGate(db, clock=lambda: clock[0])
    assert not await gate.needed(scene.sender, "NONE")
    assert not await gate.needed((await make("SCG")).sender, "")
    assert await gate.needed(scene.sender, "OPT_IN")
    assert await gate.needed(scene.sender, "OPT_OUT")
    assert await gate.needed((await make("USER", check_white_list=True)).sender, "NONE")
    assert await gate.needed((await make("SCG_UNSOLICITED_OPT_OUT")).sender, "NONE")
    await load(db, "Gate", ["+4915100000001"], mode=Mode.ADD)
    assert not await gate.needed(scene.sender, "NONE")
    clock[0] = 6.0
    assert await gate.needed(scene.sender, "NONE")


# ---------------------------------------------------------------- statuses of recipients


async def a_message(scene: Scene, peer: str, id: Any, **more: Any) -> None:
    values = {
        "company_id": scene.company,
        "id": id,
        "direction": "MT",
        "state": "SENT",
        "sender_id": scene.sender.id,
        "sender_address": scene.sender.address,
        "peer_address": peer,
        "updated_at": datetime.now(UTC),
    } | more
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await scene.db.execute(
        f"insert into message ({', '.join(values)}) values ({places})", *values.values()
    )


def ago(**span: float) -> Any:
    return new_id(at_ms=int((datetime.now(UTC) - timedelta(**span)).timestamp() * 1000))


async def test_everybody_who_was_sent_something_gets_a_status(make: Make) -> None:
    scene = await make("USER")
    await a_message(scene, "+4915100000001", ago(minutes=5))
    await a_message(scene, "+4915100000001", ago(minutes=4))
    await a_message(scene, "ann@example.com", ago(minutes=3))
    await a_message(scene, "apn:token", ago(minutes=2))
    await a_message(scene, "abc", ago(minutes=2), state="FAILED", failure_code="1002")
    await a_message(scene, "+4915100000002", ago(seconds=1))
    assert await track(scene.db) >= 5
    rows = await scene.db.fetch(
        "select address_type, address, consent_status::text as status, source, application_id "
        "from contact_address_status where company_id = $1 order by id",
        scene.company,
    )
    assert [tuple(row)[:3] for row in rows] == [
        ("MDN", "+4915100000001", "NONE"),
        ("EMAIL", "ann@example.com", "NONE"),
        ("PUSH", "apn:token", "NONE"),
    ]
    assert await track(scene.db) == 0
    assert await track(scene.db, settled=timedelta(0)) == 1
    assert (await scene.row("+4915100000002"))["consent_status"] == "NONE"


async def test_what_is_known_stays_as_it_is(scene: Scene) -> None:
    await say(scene, "OPTOUT")
    before = await scene.row()
    await a_message(scene, MINE, ago(minutes=1))
    await track(scene.db)
    assert dict(await scene.row()) == dict(before)


async def test_a_request_that_still_grows_is_waited_for(scene: Scene) -> None:
    request = new_request_id(at_ms=int((datetime.now(UTC).timestamp() - 60) * 1000))
    await scene.db.execute(
        "insert into expansion (company_id, request_id) values ($1, $2)", scene.company, request
    )
    await a_message(scene, "+4915100000001", ago(minutes=2))
    await a_message(scene, "+4915100000009", message_id(request, 9))
    await track(scene.db)
    assert await scene.row("+4915100000009") is None
    assert await scene.row("+4915100000001") is not None
    await a_message(scene, "+4915100000002", message_id(request, 2))
    await scene.db.execute("delete from expansion where company_id = $1", scene.company)
    await track(scene.db)
    for peer in ("+4915100000002", "+4915100000009"):
        assert (await scene.row(peer))["consent_status"] == "NONE"


async def test_many_messages_take_several_turns(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clarion.engine.consent.addresses import tasks

    assert BATCH > 1000
    monkeypatch.setattr(tasks, "BATCH", 3)
    for n in range(8):
        await a_message(scene, f"+491510000100{n}", ago(minutes=3))
    assert await track(scene.db) >= 8
    count = await scene.db.fetchval(
        "select count(*) from contact_address_status where company_id = $1", scene.company
    )
    assert count == 8
    after = await scene.db.fetchval(
        "select after from consent_tracking where company_id = $1", scene.company
    )
    assert after > floor_id(datetime.now(UTC) - timedelta(minutes=4))
