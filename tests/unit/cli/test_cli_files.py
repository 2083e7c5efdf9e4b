"""Small files, the data directory, and the note of the running gateway."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from clarion import log
from clarion.cli import files, running
from clarion.cli.place import CONFIG_NAME, Place, default_data_directory, find_place
from clarion.engine.accounts.model import Credentials
from clarion.settings import Settings, SettingsError

KNOWN = Credentials(
    company_id=1, application_id=2, consumer_key="k", consumer_secret="s", token="t"
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, Settings(), None)


def test_what_is_written_is_read_again_and_only_its_owner_sees_it(place: Place) -> None:
    files.write_private(place.credentials, KNOWN)
    assert files.read(place.credentials, Credentials) == KNOWN
    assert place.credentials.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in place.data.iterdir()] == ["credentials.json"]


def test_a_failed_write_leaves_the_old_file_and_no_other(place: Place) -> None:
    files.write_private(place.credentials, KNOWN)
    with pytest.raises(TypeError):
        files.write_private(place.credentials, object())
    assert files.read(place.credentials, Credentials) == KNOWN
    assert len(list(place.data.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"token": 1}', b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_as_good_as_none(place: Place, content: bytes) -> None:
    assert files.read(place.credentials, Credentials) is None
    place.credentials.write_bytes(content)
    with log.capture() as lines:
        assert files.read(place.credentials, Credentials) is None
    assert lines[0]["event"] == files.UNREADABLE


def test_a_running_gateway_is_found_and_a_dead_one_is_not(place: Place) -> None:
    assert running.find(place) is None
    running.announce(place, base_url="http://x", database_url="postgresql://y")
    found = running.find(place)
    assert found is not None
    assert (found.pid, found.base_url) == (os.getpid(), "http://x")
    files.write_private(place.running, msgspec.structs.replace(found, started="1"))
    assert running.find(place) is None
    files.write_private(place.running, msgspec.structs.replace(found, pid=2**22 + 1))
    assert running.find(place) is None
    running.withdraw(place)
    assert not place.running.exists()


def test_the_settings_file_of_the_data_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("CLARION_")]:
        monkeypatch.delenv(name)
    assert find_place(tmp_path, None).config is None
    (tmp_path / CONFIG_NAME).write_text("[log]\nlevel = 'debug'\n", "utf-8")
    assert find_place(tmp_path, None).settings.log.level == "debug"
    other = tmp_path / "other.toml"
    other.write_text("[log]\nlevel = 'error'\n", "utf-8")
    assert find_place(tmp_path, other).settings.log.level == "error"
    with pytest.raises(SettingsError):
        find_place(tmp_path, tmp_path / "missing.toml")


def test_the_platform_has_a_place_for_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_directory() == Path("/var/lib/clarion")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/ada")
    assert default_data_directory() == Path("/srv/ada/clarion")
    monkeypatch.setenv("XDG_DATA_HOME", "relative is ignored")
    assert default_data_directory() == Path("/home/ada/.local/share/clarion")
