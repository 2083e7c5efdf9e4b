"""Settings come from a file and the environment; what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion.settings import SandboxConnector, Settings, SettingsError, SmppConnector, load


def from_toml(tmp_path: Path, text: str, **environment: str) -> Settings:
    path = tmp_path / "clarion.toml"
    path.write_text(text, "utf-8")
    return load(path, environment)


def test_without_a_file_everything_has_a_default() -> None:
    assert load(None, {}) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    found = from_toml(
        tmp_path,
        "[database]\nurl = 'postgresql://a/x'\npool_size = 3\n",
        CLARION_DATABASE_URL="postgresql://b/x",
        CLARION_HTTP_RATE_LIMIT="2.5",
        CLARION_HTTP_TRUSTED_NETWORKS="10.0.0.0/8,::1/128",
        CLARION_SENDERS_AUTO_PROVISION="true",
        UNRELATED="x",
    )
    assert (found.database.url, found.database.pool_size) == ("postgresql://b/x", 3)
    assert found.http.rate_limit == 2.5
    assert found.http.trusted_networks == ("10.0.0.0/8", "::1/128")
    assert found.senders.auto_provision is True


def test_connectors_are_told_apart_by_kind(tmp_path: Path) -> None:
    found = from_toml(
        tmp_path,
        "[connectors.north]\nkind = 'smpp'\nhost = 'smsc.example'\nbinds = 2\n"
        "[connectors.play]\nkind = 'sandbox'\n",
    )
    assert isinstance(found.connectors["north"], SmppConnector)
    assert isinstance(found.connectors["play"], SandboxConnector)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[databse]\n", "there is no setting `databse`"),
        ("[database]\nurll = 'x'\n", "database: there is no setting `urll`"),
        (
            "[database]\npool_size = 'many'\n",
            "database.pool_size: it must be a whole number, not a text",
        ),
        ("[database]\npool_size = 0\n", "database.pool_size"),
        ("[http]\nlisten = 'nowhere'\n", "http.listen"),
        ("[files]\nurl = '/srv/files'\n", "files.url"),
        ("[files]\nurl = 'ftp://host/files'\n", "files.url"),
        ("[http]\nlisten = '127.0.0.1:99999'\n", "http.listen"),
        ("[http]\ntrusted_networks = ['10.0.0.1/8']\n", "http.trusted_networks"),
        ("[log]\nlevel = 'loud'\n", "log.level"),
        ("[intake]\nmax_fragments = 99\n", "intake.max_fragments"),
        ("[intake]\nmax_schedule_days = 90\n", "intake.max_schedule_days"),
        ("[connectors.a]\nkind = 'pigeon'\n", "pigeon"),
        ("[connectors.a]\nkind = 'smpp'\n", "host"),
        ("[connectors.a]\nkind = 'smpp'\nhost = 'h'\nwindow = 0\n", "window"),
        (
            "[connectors.a]\nkind='sandbox'\ndefault=true\n"
            "[connectors.b]\nkind='sandbox'\ndefault=true\n",
            "a, b",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as raised:
        from_toml(tmp_path, text)
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CLARION_DATABASE_URLL", "x"),
        ("CLARION_NOTHING_HERE", "x"),
        ("CLARION_DATABASE_POOL_SIZE", "many"),
        ("CLARION_HTTP_RATE_LIMIT", "-1"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(None, {variable: value})
    assert variable in str(raised.value)


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml"):
        load(tmp_path / "missing.toml", {})
    with pytest.raises(SettingsError, match="not TOML"):
        from_toml(tmp_path, "[database\n")


ONE_CARRIER = """
[connectors."main-1"]
kind = "smpp"
host = "smsc.example"
"""


def test_the_environment_sets_a_connector_that_the_file_names(tmp_path: Path) -> None:
    path = tmp_path / "clarion.toml"
    path.write_text(ONE_CARRIER)
    loaded = load(path, {"CLARION_CONNECTORS_MAIN_1_PASSWORD": "s3cret"})
    connector = loaded.connectors["main-1"]
    assert isinstance(connector, SmppConnector)
    assert connector.password == "s3cret"


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("CLARION_CONNECTORS_MAIN_1_WINDOW", "connectors.main-1.window"),
        ("CLARION_CONNECTORS_MAIN_1_WINDO", "CLARION_CONNECTORS_MAIN_1_WINDO"),
        ("CLARION_CONNECTORS_OTHER_WINDOW", "CLARION_CONNECTORS_OTHER_WINDOW"),
    ],
)
def test_a_connector_s_wrong_variable_is_named(tmp_path: Path, variable: str, named: str) -> None:
    path = tmp_path / "clarion.toml"
    path.write_text(ONE_CARRIER)
    with pytest.raises(SettingsError) as raised:
        load(path, {variable: "many"})
    assert named in str(raised.value)


def test_a_connector_s_wrong_key_is_named_with_the_connector(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"connectors\.main-1: .*windo"):
        from_toml(tmp_path, ONE_CARRIER + "windo = 3\n")


def test_a_bind_that_only_receives_is_no_default(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"connectors\.main-1\.default"):
        from_toml(tmp_path, ONE_CARRIER + 'bind = "receiver"\ndefault = true\n')


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[events]\nallowed_networks = ["10.0.0.1/8"]', "events.allowed_networks"),
        ('[http]\ntrusted_networks = ["here"]', "http.trusted_networks"),
        (
            "[events]\nretry_seconds = [86400.0, 86400.0]\n[retention]\nevent_days = 2",
            "retry_seconds",
        ),
    ],
)
def test_networks_and_schedules_that_cannot_be_are_named(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        from_toml(tmp_path, text)
