"""sender_id_recipient_consent_change: from every way in which consent changes to the event."""

from __future__ import annotations

import pytest
from scene import MINE, Scene, a_scene
from tests.subscribers import Subscriber, a_subscriber, announced, without_owner

from clarion.engine.consent.addresses.carriers import Mode, load
from clarion.engine.consent.addresses.model import ConsentStatus, Way, Wish
from clarion.engine.consent.addresses.service import (
    Question,
    StatusChange,
    begin,
    change,
    forget,
    refuse_many,
)
from clarion.kit import ids
from clarion.storage.database import Database

TOPIC, CHANGED = "SCG-Sender-ID", "sender_id_recipient_consent_change"
OTHER, THIRD = "+4915112345679", "+4915112345680"


@pytest.fixture
async def scene(db: Database) -> Scene:
    """On a database of its own: carriers' lists are everybody's."""
    return await a_scene(db)


async def by_of(scene: Scene) -> Subscriber:
    return await a_subscriber(scene.db, scene.caller, TOPIC, CHANGED)


async def heard(by: Subscriber) -> list[tuple[str, str]]:
    found = await by.told()
    assert all(event.key == event.fields["recipient_address"] for event in found)
    return [(e.fields["recipient_address"], e.fields["consent_status"]) for e in found]


async def _never(_: Question) -> None:
    raise AssertionError


async def test_a_subscribers_word_is_told_once(scene: Scene) -> None:
    by = await by_of(scene)
    for text in ("START", "START", "STOP", "HELP"):
        await scene.hear(text)
    events = await by.told()
    assert await heard(by) == [(MINE, "OPTIN"), (MINE, "OPTOUT")]
    assert without_owner(events[0].fields) == {
        "sender_id_id": ids.show(scene.sender.id),
        "recipient_address": MINE,
        "consent_status": "OPTIN",
    }


async def test_what_a_company_says_is_told(scene: Scene) -> None:
    by = await by_of(scene)
    wish = Wish(
        address_type="MDN",
        address=MINE,
        consent_status=ConsentStatus.OPTIN,
        opt_in_type=Way.MIGRATION,
    )
    id = await begin(scene.db, scene.caller, scene.sender, wish, _never)
    for status in (ConsentStatus.OPTOUT, ConsentStatus.OPTOUT, ConsentStatus.BLACKLIST):
        await change(scene.db, scene.caller, id, StatusChange(consent_status=status))
    await refuse_many(scene.db, scene.caller, scene.sender, [("MDN", MINE), ("MDN", OTHER)])
    assert await heard(by) == [
        (MINE, "OPTIN"), (MINE, "OPTOUT"), (MINE, "BLACKLIST"), (OTHER, "OPTOUT"),
    ]  # fmt: skip
    application = scene.caller.application_id
    assert {e.fields["application_id"] for e in await by.told()} == {application}


async def test_what_is_forgotten_is_none_again(db: Database) -> None:
    scene = await a_scene(db, "USER")
    by = await by_of(scene)
    wish = Wish(address_type="MDN", address=MINE, consent_status=ConsentStatus.OPTOUT)
    id = await begin(scene.db, scene.caller, scene.sender, wish, _never)
    await forget(scene.db, scene.caller, id)
    assert await heard(by) == [(MINE, "OPTOUT"), (MINE, "NONE")]


async def test_carriers_lists_are_told_as_statuses_follow_them(scene: Scene) -> None:
    by = await by_of(scene)
    await scene.hear("START")
    await load(scene.db, "Acme", [MINE, OTHER], mode=Mode.ADD)
    assert await scene.refused(OTHER, OTHER, THIRD) == {0, 1}
    assert await scene.refused(OTHER) == {0}
    await load(scene.db, "Acme", [MINE], mode=Mode.REMOVE)
    assert await heard(by) == [
        (MINE, "OPTIN"), (MINE, "BLACKLIST"), (OTHER, "BLACKLIST"), (MINE, "OPTIN"),
    ]  # fmt: skip


async def test_where_nobody_has_subscribed_nothing_is_written(scene: Scene) -> None:
    await a_subscriber(scene.db, scene.caller, TOPIC, "sender_id_state_change")
    await scene.hear("START")
    await refuse_many(scene.db, scene.caller, scene.sender, [("MDN", OTHER)])
    assert await announced(scene.db, scene.company) == 0
