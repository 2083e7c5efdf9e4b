"""Black lists of carriers: read as a stream, and what becomes of statuses with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scene import Scene, a_scene

from clarion.engine.consent.addresses import carriers
from clarion.engine.consent.addresses.carriers import Load, Mode, listed, load
from clarion.engine.consent.addresses.model import Asked, ConsentStatus, Refusal, Wish
from clarion.engine.consent.addresses.service import Question, begin, refused
from clarion.errors import InvalidInput
from clarion.storage.database import Database

ONE, TWO, THREE = "+4915100000001", "+4915100000002", "+4915100000003"


@pytest.fixture
async def scene(db: Database) -> Scene:
    """On a database of its own: carriers' lists are everybody's."""
    return await a_scene(db)


async def say(scene: Scene, status: str, peer: str) -> None:
    async def never(_: Question) -> None:
        raise AssertionError

    wish = Wish(
        address_type="MDN",
        address=peer,
        consent_status=ConsentStatus(status),
        opt_in_type="MIGRATION",  # type: ignore[arg-type]
    )
    await begin(scene.db, scene.caller, scene.sender, wish, never)


async def on_list(scene: Scene, operator: str = "Acme") -> list[str]:
    rows = await scene.db.fetch(
        "select address from carrier_blacklist where operator = $1 order by address", operator
    )
    return [row["address"] for row in rows]


async def test_a_list_is_added_to(scene: Scene) -> None:
    done = await load(scene.db, "Acme", [ONE, ""], mode=Mode.ADD)
    assert (done.lines, done.numbers, done.wrong) == (2, 1, 0)
    await load(scene.db, " Acme ", [TWO, ONE], mode=Mode.ADD)
    assert await on_list(scene) == [ONE, TWO]


async def test_numbers_are_read_however_they_are_written(scene: Scene) -> None:
    lines = [
        "msisdn,reason\n",
        "# of November\n",
        "\n",
        "4915100000001\r\n",
        '"+49 151 00000002", fraud\n',
        "004915100000003;x\n",
        "4915100000004\tlast week\n",
    ]
    done = await load(scene.db, "Acme", lines, mode=Mode.ADD)
    assert (done.numbers, done.wrong, done.faults) == (4, 0, [])
    assert await on_list(scene) == [ONE, TWO, THREE, "+4915100000004"]


async def test_a_byte_order_mark_is_no_digit(scene: Scene) -> None:
    await load(scene.db, "Acme", ["\ufeff4915100000001"], mode=Mode.ADD)
    assert await on_list(scene) == [ONE]


async def test_lines_that_are_no_numbers_are_counted_and_named(scene: Scene) -> None:
    lines = [ONE, "nobody", *["12"] * 20, "x" * 100_000, TWO]
    done = await load(scene.db, "Acme", lines, mode=Mode.ADD)
    assert (done.numbers, done.wrong) == (2, 22)
    assert len(done.faults) == 10
    assert done.faults[0].startswith("line 2: 'nobody' is not a telephone number")
    assert all(len(fault) < 200 for fault in done.faults)


async def test_a_new_list_replaces_the_old_one_of_its_carrier_only(scene: Scene) -> None:
    await load(scene.db, "Acme", [ONE, TWO], mode=Mode.ADD)
    await load(scene.db, "Other", [ONE], mode=Mode.ADD)
    done = await load(scene.db, "Acme", [TWO, THREE], mode=Mode.REPLACE)
    assert (done.numbers, done.taken_off) == (2, 1)
    assert await on_list(scene) == [TWO, THREE]
    assert await on_list(scene, "Other") == [ONE]
    found = await listed(scene.db)
    assert [(each["operator"], each["numbers"]) for each in found] == [("Acme", 2), ("Other", 1)]


async def test_a_file_without_numbers_replaces_nothing(scene: Scene) -> None:
    await load(scene.db, "Acme", [ONE], mode=Mode.ADD)
    with pytest.raises(InvalidInput, match="has no number"):
        await load(scene.db, "Acme", ["number", ""], mode=Mode.REPLACE)
    assert await on_list(scene) == [ONE]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
async def test_a_carrier_has_a_name(scene: Scene, name: str) -> None:
    with pytest.raises(InvalidInput, match="operator"):
        await load(scene.db, name, [ONE], mode=Mode.ADD)


async def test_numbers_can_be_taken_off(scene: Scene) -> None:
    await load(scene.db, "Acme", [ONE, TWO], mode=Mode.ADD)
    done = await load(scene.db, "Acme", [TWO, THREE], mode=Mode.REMOVE)
    assert done.taken_off == 1
    assert await on_list(scene) == [ONE]


async def test_statuses_of_all_companies_follow_and_come_back(scene: Scene) -> None:
    other = await a_scene(scene.db)
    await say(scene, "OPTIN", ONE)
    await say(other, "OPTOUT", ONE)
    await say(scene, "WHITELIST", TWO)
    await say(scene, "OPTIN", THREE)
    done = await load(scene.db, "Acme", [ONE, TWO], mode=Mode.ADD)
    assert done.statuses == 3
    assert [await each.status(ONE) for each in (scene, other)] == ["BLACKLIST", "BLACKLIST"]
    assert [await scene.status(peer) for peer in (TWO, THREE)] == ["BLACKLIST", "OPTIN"]
    again = await load(scene.db, "Acme", [ONE, TWO], mode=Mode.REPLACE)
    assert again.statuses == 0
    done = await load(scene.db, "Acme", [ONE, TWO], mode=Mode.REMOVE)
    assert done.statuses == 3
    assert [await each.status(ONE) for each in (scene, other)] == ["OPTIN", "OPTOUT"]
    assert await scene.status(TWO) == "WHITELIST"
    assert await scene.told(ONE) == [
        ("COMPANY", "OPTIN", None),
        ("CARRIER", "BLACKLIST", None),
        ("CARRIER", "OPTIN", None),
    ]
    assert (await scene.row(ONE))["source"] == "COMPANY"


async def test_a_number_on_two_lists_is_free_when_it_is_on_none(scene: Scene) -> None:
    await say(scene, "OPTIN", ONE)
    await load(scene.db, "Acme", [ONE], mode=Mode.ADD)
    await load(scene.db, "Other", [ONE], mode=Mode.ADD)
    await load(scene.db, "Acme", [ONE], mode=Mode.REMOVE)
    assert await scene.status(ONE) == "BLACKLIST"
    asked = [Asked(0, scene.sender.id, "MDN", ONE)]
    assert await refused(scene.db, scene.company, asked, "NONE") == {0: Refusal.LISTED}
    await load(scene.db, "Other", [ONE], mode=Mode.REMOVE)
    assert await scene.status(ONE) == "OPTIN"
    assert await scene.refused(ONE) == set()


async def test_what_a_subscriber_says_meanwhile_counts_afterwards(scene: Scene) -> None:
    await say(scene, "OPTIN", ONE)
    await load(scene.db, "Acme", [ONE], mode=Mode.ADD)
    reply = await scene.hear("STOP", peer=ONE)
    assert reply is not None
    assert (reply.consent, reply.answers) == (None, False)
    assert await scene.status(ONE) == "BLACKLIST"
    await load(scene.db, "Acme", [ONE], mode=Mode.REMOVE)
    assert await scene.status(ONE) == "OPTOUT"


async def test_a_load_is_streamed_by_the_chunk(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "CHUNK", 10)
    monkeypatch.setattr(carriers, "SLICE", 10)
    numbers = [f"+49152{n:08}" for n in range(35)]
    await scene.refused(*numbers)
    taken: list[int] = []
    seen: list[tuple[int, int]] = []

    def lines() -> Iterator[str]:
        for place, number in enumerate(numbers):
            taken.append(place)
            yield number

    def watch(done: Load) -> None:
        seen.append((done.numbers, len(taken)))

    done = await load(scene.db, "Acme", lines(), mode=Mode.REPLACE, watch=watch)
    assert seen[:4] == [(10, 10), (20, 20), (30, 30), (35, 35)]
    assert (done.numbers, done.statuses) == (35, 35)
    assert len(await on_list(scene)) == 35
    statuses = await scene.db.fetch(
        "select distinct consent_status::text from contact_address_status where company_id = $1",
        scene.company,
    )
    assert [row[0] for row in statuses] == ["BLACKLIST"]


async def test_a_load_that_was_cut_short_is_run_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "CHUNK", 1)
    await load(scene.db, "Acme", [THREE], mode=Mode.ADD)

    def broken() -> Iterator[str]:
        yield ONE
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        await load(scene.db, "Acme", broken(), mode=Mode.REPLACE)
    assert await on_list(scene) == [ONE, THREE]
    await load(scene.db, "Acme", [ONE, TWO], mode=Mode.REPLACE)
    assert await on_list(scene) == [ONE, TWO]
