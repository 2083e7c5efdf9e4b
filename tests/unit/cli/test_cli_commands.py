"""Every command explains itself; errors have exit codes and words; settings hide secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from clarion.cli import logs
from clarion.cli import settings as settings_command
from clarion.cli.main import app, main
from clarion.cli.output import print_facts, print_rows
from clarion.log import HIDDEN
from clarion.settings import (
    ENVIRONMENT_ONLY,
    Database,
    SandboxConnector,
    Settings,
    SmppConnector,
    load,
)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    yield path, command.help or ""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("path", "words"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_explains_itself(path: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert words


def _variables(command: Any) -> set[str]:
    own = {each.envvar for each in command.params if getattr(each, "envvar", None)}
    return own.union(*map(_variables, getattr(command, "commands", {}).values()))


def test_the_settings_leave_alone_what_commands_read_from_the_environment() -> None:
    assert _variables(typer.main.get_command(app)) == ENVIRONMENT_ONLY
    assert load(None, dict.fromkeys(ENVIRONMENT_ONLY, "x")) == Settings()


PROMISED = {
    *("run", "serve", "migrate", "doctor", "settings", "send", "messages"),
    *("company create", "company list"),
    *("application create", "application list", "application token"),
    *("sender create", "sender list", "sender provision"),
    *("connector list", "connector test", "sandbox watch"),
    *("consent load-blacklist", "consent blacklists"),
    *("rates load", "rates list", "rates price", "rates drop"),
    *("credit add", "credit remove", "credit show", "credit list", "credit check"),
    *("class list", "class set", "class when", "class usage"),
    *("type list", "type set"),
}


def test_all_promised_commands_are_there() -> None:
    assert {" ".join(path) for path, _ in ALL} >= PROMISED


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_DATA", str(tmp_path))
    for name in ("CLARION_URL", "CLARION_TOKEN", "CLARION_CONFIG", "CLARION_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nonsense"], 2, "No such command"),
        (["send", "+15557654321"], 2, "--text"),
        (["serve"], 2, "database.url"),
        (["serve", "--roles", "api,sing"], 2, "sing"),
        (["run", "--listen", "nowhere"], 2, "--listen: 'nowhere' is not HOST:PORT"),
        (["run", "--workers", "0"], 2, "--workers"),
        (["settings", "--config", "/nonexistent.toml"], 2, "/nonexistent.toml"),
        (["connector", "test", "north"], 2, "north"),
        (["connector", "test", "sandbox"], 1, "inside the gateway"),
        (["sender", "provision", "rubbish"], 1, "rubbish"),
        (["messages"], 3, "No gateway runs"),
        (
            ["messages", "--url", "http://127.0.0.1:1", "--token", "x"],
            3,
            "http://127.0.0.1:1 does not answer: Connection refused",
        ),
        (["messages", "--url", "http://127.0.0.1:1"], 1, "--token"),
        (["messages", "--url", "ftp://x", "--token", "x"], 1, "not an address"),
    ],
)
def test_what_goes_wrong_has_an_exit_code_and_words(
    arguments: list[str], code: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == code
    assert words in " ".join(capfd.readouterr().err.split())


def test_a_command_that_works_exits_with_0(capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capfd.readouterr().out.startswith("clarion ")


SECRETIVE = Settings(
    database=Database(url="postgresql://clarion:pa55word@db/clarion"),
    connectors={
        "north": SmppConnector(host="smsc.example", password="hunter2", addresses=("4915*",)),
        "play": SandboxConnector(default=True),
    },
)


def test_settings_are_shown_without_their_secrets() -> None:
    shown = settings_command.masked(SECRETIVE)
    assert shown["database"]["url"] == f"postgresql://clarion:{HIDDEN}@db/clarion"
    assert shown["connectors"]["north"]["password"] == HIDDEN
    assert shown["connectors"]["north"]["kind"] == "smpp"
    assert "hunter2" not in str(shown)
    assert "pa55word" not in str(shown)


def test_the_settings_secrets_are_hidden_in_logs() -> None:
    assert set(logs.secret_values(SECRETIVE)) - {""} == {"pa55word", "hunter2"}


def test_settings_are_shown_as_a_file_that_can_be_read_again() -> None:
    lines = settings_command.toml_lines(settings_command.masked(SECRETIVE))
    read = tomllib.loads("\n".join(lines))
    assert read["connectors"]["north"]["addresses"] == ["4915*"]
    assert read["connectors"]["play"]["default"] is True
    assert read["http"]["listen"] == "127.0.0.1:8080"


def test_lists_are_tables_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": 1, "name": "[bold]x", "more": None}]
    print_rows(rows, ("id", "name"), as_json=True)
    assert capsys.readouterr().out == '[\n  {\n    "id": 1,\n    "name": "[bold]x"\n  }\n]\n'
    print_rows(rows, ("id", "name", "more"), as_json=False)
    assert capsys.readouterr().out.split() == ["id", "name", "more", "1", "[bold]x", "-"]
    print_rows([], ("id",), as_json=False)
    assert "none" in capsys.readouterr().out
    print_facts({"ready": True, "names": ["a", "b"]}, as_json=False)
    assert capsys.readouterr().out == "ready  yes\nnames  a, b\n"
