"""`clarion rates`, `credit` and `class` on a real database, seen through their output."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from commands import Clarion, answer

from clarion.engine.accounts.service import create_company
from clarion.engine.senders.service import seed_catalogue
from clarion.storage.database import Database


@pytest.fixture(autouse=True)
def _in_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def company(db: Database) -> str:
    return str((await create_company(db, name="Acme")).id)


# ---------------------------------------------------------------- rates

RATES = """\
sender_type,medium,country,operator,price
*,SMS,*,,0.05
LONGCODE,SMS,US,,0.0075
LONGCODE,MMS,US,,0.02
"""


async def test_a_price_list_is_loaded_listed_asked_and_dropped(
    clarion: Clarion, tmp_path: Path
) -> None:
    (tmp_path / "rates.csv").write_text(RATES, "utf-8")
    loaded = await answer(clarion, "rates", "load", "rates.csv", "--starts", "2026-01-01")
    assert (loaded["rates"], loaded["source"], loaded["currency"]) == (3, "rates.csv", "USD")
    later = await answer(clarion, "rates", "load", "rates.csv", "--starts", "2199-01-01")
    tables = await answer(clarion, "rates", "list")
    assert [table["in_force"] for table in tables] == [False, True]
    assert await answer(clarion, "rates", "price", "US") == {"price": "0.0075", "currency": "USD"}
    assert (await answer(clarion, "rates", "price", "DEU"))["price"] == "0.05"
    mms = await answer(clarion, "rates", "price", "us", "--medium", "mms")
    assert mms["price"] == "0.02"
    assert (await clarion("rates", "price", "DE", "--medium", "MMS"))[0] == 1
    assert (await clarion("rates", "drop", later["starts_at"]))[0] == 0
    assert (await clarion("rates", "drop", "2199-01-01"))[0] == 1
    assert len(await answer(clarion, "rates", "list")) == 1


async def test_a_price_list_comes_through_a_pipe(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(RATES))
    loaded = await answer(clarion, "rates", "load", "-")
    assert (loaded["rates"], loaded["source"]) == (3, "standard input")
    (listed,) = await answer(clarion, "rates", "list")  # from now on, to the second
    assert (await clarion("rates", "drop", listed["starts_at"]))[0] == 0


async def test_a_price_list_with_a_wrong_line_is_not_loaded(
    clarion: Clarion, tmp_path: Path
) -> None:
    (tmp_path / "rates.csv").write_text(RATES + "LONGCODE,SMS,Atlantis,,1\n,,US,,free\n", "utf-8")
    code, printed = await clarion("rates", "load", "rates.csv")
    assert code == 1
    assert "line 5: country: 'Atlantis' is not an ISO 3166 code" in printed
    assert "line 6: price: 'free' is not an amount" in printed
    assert await answer(clarion, "rates", "list") == []


async def test_files_and_dates_that_cannot_be_read_are_named(
    clarion: Clarion, tmp_path: Path
) -> None:
    (tmp_path / "latin.csv").write_bytes(b"country,price\n\xff,1\n")
    (tmp_path / "rates.csv").write_text(RATES, "utf-8")
    code, printed = await clarion("rates", "load", "nothing.csv")
    assert (code, printed) == (1, "error: nothing.csv: No such file or directory\n")
    code, printed = await clarion("rates", "load", "latin.csv")
    assert (code, "latin.csv: it is not UTF-8 text" in printed) == (1, True)
    assert (await clarion("rates", "load", "rates.csv", "--starts", "soon"))[0] == 2


# ---------------------------------------------------------------- credit


async def test_credit_is_given_taken_shown_and_counted(clarion: Clarion, company: str) -> None:
    given = await answer(clarion, "credit", "add", company, "250", "--reference", "inv-1")
    again = await answer(clarion, "credit", "add", company, "250.00", "--reference", "inv-1")
    assert given == again
    assert (given["balance"], given["currency"], given["number"]) == ("250", "USD", 1)
    await answer(clarion, "credit", "remove", company, "0.5", "--note", "a mistake")
    shown = await answer(clarion, "credit", "show", company)
    assert (shown["balance"], shown["messages_are_charged"]) == ("249.5", False)
    assert [entry["amount"] for entry in shown["entries"]] == ["-0.5", "250"]
    (listed,) = await answer(clarion, "credit", "list")
    assert (listed["name"], listed["balance"], listed["entries"]) == ("Acme", "249.5", 2)
    (checked,) = await answer(clarion, "credit", "check")
    assert (checked["balance"], checked["ledger"], checked["right"]) == ("249.5", "249.5", True)
    assert "inv-1" in (await clarion("credit", "show", company))[1]


async def test_credit_that_cannot_be_is_refused(clarion: Clarion, company: str) -> None:
    assert (await clarion("credit", "remove", company, "1"))[0] == 1
    assert (await clarion("credit", "add", company, "much"))[0] == 1
    assert (await clarion("credit", "add", company, "0"))[0] == 1
    for command in (("add", "4711", "1"), ("show", "4711")):
        assert await clarion("credit", *command) == (1, "error: There is no company 4711.\n")


async def test_a_balance_that_is_not_its_ledger_is_found(
    clarion: Clarion, company: str, db: Database
) -> None:
    await answer(clarion, "credit", "add", company, "1")
    await db.execute("update credit set balance = 2 where company_id = $1", int(company))
    code, printed = await clarion("credit", "check", company, "--json")
    assert (code, json.loads(printed)[0]["right"]) == (1, False)


# ---------------------------------------------------------------- classes


@pytest.fixture
async def catalogue(db: Database) -> None:
    await seed_catalogue(db)


@pytest.mark.usefixtures("catalogue")
async def test_limits_and_windows_of_a_class_are_changed(clarion: Clarion, tmp_path: Path) -> None:
    (tmp_path / "window.json").write_text('{"DEFAULT": {"OTH": "09:00-17:00"}}', "utf-8")
    changed = await answer(
        clarion, "class", "set", "ALERTS", "--peak", "12.5", "--daily", "1000",
        "--window", "@window.json",
    )  # fmt: skip
    assert (changed["peak"], changed["daily"], changed["peak_total"]) == (12.5, 1000.0, 20000.0)
    assert "09:00-17:00" in changed["delivery_window"]
    changed = await answer(
        clarion, "class", "set", "ALERTS", "--peak-total", "none", "--window", "none"
    )
    assert (changed["peak_total"], changed["delivery_window"], changed["peak"]) == (
        None,
        None,
        12.5,
    )
    listed = await answer(clarion, "class", "list")
    assert [row["id"] for row in listed] == ["ALERTS", "COMMERCIAL", "NOTIFICATIONS"]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ALERTS", "--peak", "fast"), "--peak: 'fast' is not a number or none"),
        (("ALERTS", "--peak", "0"), "peak: it is over 0"),
        (("ALERTS", "--peak", "nan"), "peak: it is over 0"),
        (("ALERTS", "--daily", "1.5"), "1.5 is not a whole number"),
        (("ALERTS", "--window", '{"US": {}}'), "open on no day of the week"),
        (("ALERTS", "--window", "@nothing.json"), "No such file"),
        (("NOTHING", "--peak", "1"), "There is no sender id class NOTHING."),
    ],
)
async def test_changes_that_cannot_be_are_refused(
    clarion: Clarion, arguments: tuple[str, ...], words: str
) -> None:
    code, printed = await clarion("class", "set", *arguments)
    assert code == 1
    assert words in printed


@pytest.mark.usefixtures("catalogue")
async def test_what_messages_of_a_type_may_carry_is_changed(clarion: Clarion) -> None:
    changed = await answer(
        clarion, "type", "set", "LONGCODE", "--allow-mime", "Image/PNG, image/jpeg,image/png",
        "--allow-mime", "video/mp4",
    )  # fmt: skip
    assert changed == {
        "id": "LONGCODE", "capabilities": ["SMS", "MMS", "VOICE"],
        "allowed_mime_types": ["image/png", "image/jpeg", "video/mp4"], "blocked_mime_types": [],
    }  # fmt: skip
    blocked = await answer(clarion, "type", "set", "LONGCODE", "--block-mime", "image/gif")
    assert blocked == changed | {"blocked_mime_types": ["image/gif"]}
    listed = {row["id"]: row for row in await answer(clarion, "type", "list")}
    assert listed["LONGCODE"] == blocked
    assert "application/x-sh" in listed["EMAIL"]["blocked_mime_types"]
    both = ("--allow-mime", "none", "--block-mime", "none")
    emptied = await answer(clarion, "type", "set", "LONGCODE", *both)
    assert (emptied["allowed_mime_types"], emptied["blocked_mime_types"]) == ([], [])


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("EMAIL", "--allow-mime", "png"), 1, "'png' is not a MIME type"),
        (("EMAIL", "--allow-mime", "image/*"), 1, "'image/*' is not a MIME type"),
        (("EMAIL", "--block-mime", "text/plain; charset=utf-8"), 1, "is not a MIME type"),
        (("EMAIL", "--block-mime", "none,image/png"), 1, "'none' is not a MIME type"),
        (("EMAIL", "--block-mime", ",".join(f"a/{n}" for n in range(201))), 1, "at most 200"),
        (("NOTHING", "--block-mime", "none"), 1, "There is no sender id type NOTHING."),
        (("EMAIL",), 2, "--allow-mime, --block-mime or both"),
    ],
)
async def test_changes_of_a_type_that_cannot_be_are_refused(
    clarion: Clarion, arguments: tuple[str, ...], status: int, words: str
) -> None:
    before = await answer(clarion, "type", "list")
    code, printed = await clarion("type", "set", *arguments)
    assert code == status
    assert words in " ".join(printed.split())
    assert await answer(clarion, "type", "list") == before


@pytest.mark.usefixtures("catalogue")
async def test_when_a_message_may_leave_is_told(clarion: Clarion) -> None:
    told = await answer(
        clarion, "class", "when", "COMMERCIAL", "--to", "+14155550100", "--at",
        "2026-06-10T05:00:00Z",
    )  # fmt: skip
    assert told == {
        "leaves_at": "2026-06-10T15:00:00Z",
        "zone": "America/Los_Angeles",
        "there": "2026-06-10T08:00:00-07:00",
        "waits": True,
    }
    at = ("--at", "2026-06-10T12:30:00Z")
    east = await answer(
        clarion, "class", "when", "COMMERCIAL", "--zip", "10001", "--country", "USA", *at
    )
    assert (east["zone"], east["waits"]) == ("America/New_York", False)
    any_time = await answer(clarion, "class", "when", "ALERTS", *at)
    assert (any_time["zone"], any_time["waits"]) == (None, False)
    for wrong in (("--to", "x"), ("--country", "Atlantis"), ("--at", "soon")):
        assert (await clarion("class", "when", "ALERTS", *wrong))[0] == 1


@pytest.mark.usefixtures("catalogue")
async def test_what_is_leased_of_a_day_is_shown(clarion: Clarion, db: Database) -> None:
    await db.execute(
        "insert into daily_budget values (1000, 'ALERTS', 'US', '2025-11-22', 40, 100, 0, 40, 40)"
    )
    (row,) = await answer(clarion, "class", "usage", "--day", "2025-11-22")
    assert row == {
        "company_id": 1000, "class_id": "ALERTS", "country": "US", "leased": 40, "limit": 100,
    }  # fmt: skip
    assert await answer(clarion, "class", "usage") == []
    assert await answer(clarion, "class", "usage", "--day", "2025-11-22", "--company", "7") == []
