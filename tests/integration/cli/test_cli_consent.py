"""`clarion consent`: a carrier's black list goes in, as a stream, and can be seen."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import pytest
from commands import Clarion, answer

from clarion.storage.database import Database


@pytest.fixture
def clarion(clarion: Clarion) -> Clarion:
    return partial(clarion, "consent")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("msisdn,reason\n4915100000001,fraud\nnobody,x\n+4915100000002\n")
    return path


async def test_a_list_is_loaded_and_shown(clarion: Clarion, file: Path, db: Database) -> None:
    done = await answer(clarion, "load-blacklist", str(file), "--operator", "Acme")
    assert done == {
        "lines": 4,
        "numbers": 2,
        "wrong": 1,
        "taken_off": 0,
        "statuses": 0,
        "faults": ["line 3: 'nobody' is not a telephone number"],
    }
    (shown,) = await answer(clarion, "blacklists")
    assert (shown["operator"], shown["numbers"]) == ("Acme", 2)
    rows = await db.fetch("select address from carrier_blacklist order by address")
    assert [row["address"] for row in rows] == ["+4915100000001", "+4915100000002"]


async def test_people_see_what_was_wrong(clarion: Clarion, file: Path) -> None:
    code, printed = await clarion("load-blacklist", str(file), "--operator", "Acme")
    assert code == 0
    assert "warning: 1 line is no number:" in printed
    assert "line 3: 'nobody' is not a telephone number" in printed
    assert "numbers" in printed
    assert "faults" not in printed


async def test_a_file_without_any_number_is_a_failure(clarion: Clarion, file: Path) -> None:
    file.write_text("msisdn\nnobody\nno one\n")
    code, printed = await clarion("load-blacklist", str(file), "--operator", "Acme")
    assert code == 1
    assert "error: 2 lines are no numbers:" in printed
    assert "line 3: 'no one' is not a telephone number" in printed
    code, printed = await clarion("load-blacklist", str(file), "--operator", "Acme", "--json")
    assert (code, json.loads(printed)["numbers"]) == (1, 0)
    file.write_text("msisdn\n")  # nobody is on it, and that is no fault
    assert (await clarion("load-blacklist", str(file), "--operator", "Acme"))[0] == 0


async def test_a_list_is_replaced_and_numbers_are_taken_off(clarion: Clarion, file: Path) -> None:
    await answer(clarion, "load-blacklist", str(file), "--operator", "Acme")
    file.write_text("4915100000002\n4915100000003\n")
    done = await answer(clarion, "load-blacklist", str(file), "--operator", "Acme", "--replace")
    assert (done["numbers"], done["taken_off"]) == (2, 1)
    done = await answer(clarion, "load-blacklist", str(file), "--operator", "Acme", "--remove")
    assert done["taken_off"] == 2
    assert await answer(clarion, "blacklists") == []


async def test_standard_input_is_a_file_too(
    clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("4915100000001\n"))
    done = await answer(clarion, "load-blacklist", "-", "--operator", "Acme")
    assert done["numbers"] == 1


async def test_bytes_that_are_no_text_are_a_wrong_line(clarion: Clarion, tmp_path: Path) -> None:
    path = tmp_path / "list.bin"
    path.write_bytes(b"4915100000001\n\xff\xfe\x00\n4915100000002\n")
    done = await answer(clarion, "load-blacklist", str(path), "--operator", "Acme")
    assert (done["numbers"], done["wrong"]) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("load-blacklist", "no-such-file", "--operator", "Acme"), 2, "No such file"),
        (("load-blacklist", "/", "--operator", "Acme"), 2, "Is a directory"),
        (("load-blacklist", "-"), 2, "--operator"),
        (("load-blacklist", "-", "--operator", "A", "--replace", "--remove"), 2, "one of"),
        (("load-blacklist", "/dev/null", "--operator", "A", "--replace"), 1, "has no number"),
        (("load-blacklist", "/dev/null", "--operator", " "), 1, "operator"),
    ],
)
async def test_what_is_wrong_is_said(
    clarion: Clarion, arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, printed = await clarion(*arguments)
    assert found == code, printed
    assert words in printed
