"""Which installation a command works on: its data directory and its settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from clarion.errors import Unavailable
from clarion.settings import Settings, load

CONFIG_NAME = "clarion.toml"

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        envvar="CLARION_DATA",
        show_envvar=True,
        help="The data directory. Default: the platform's.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="CLARION_CONFIG",
        show_envvar=True,
        help=f"The settings (TOML). Default: {CONFIG_NAME} in the data directory, if it is there.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@dataclass(frozen=True)
class Place:
    """One installation on this machine."""

    data: Path
    settings: Settings
    config: Path | None

    @property
    def credentials(self) -> Path:
        """What the first client needs, kept so that every start prints the same."""
        return self.data / "credentials.json"

    @property
    def running(self) -> Path:
        """Where a running gateway says how to reach it."""
        return self.data / "running.json"

    @property
    def secret_key(self) -> Path:
        """The key of secrets at rest."""
        return self.data / "secret.key"

    def make(self) -> None:
        """The data directory, for its owner alone."""
        try:
            self.data.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            words = f"{self.data} cannot be made: {error.strerror}. Choose another with --data."
            raise Unavailable(words) from error


def find_place(data: Path | None, config: Path | None) -> Place:
    """The installation that these options mean. Raises SettingsError."""
    directory = (data or default_data_directory()).expanduser().absolute()
    chosen = config
    if chosen is None and (directory / CONFIG_NAME).is_file():
        chosen = directory / CONFIG_NAME
    return Place(directory, _with_files(load(chosen), directory), chosen)


def _with_files(settings: Settings, data: Path) -> Settings:
    """The settings with a file store in the data directory, unless they name one."""
    if settings.files.url:
        return settings
    url = (data / "files").as_uri()
    return structs.replace(settings, files=structs.replace(settings.files, url=url))


def default_data_directory() -> Path:
    """For root where the system keeps a service's state (FHS 3.0, 5.8), for others where the XDG
    Base Directory Specification puts data."""
    if os.geteuid() == 0:
        return Path("/var/lib/clarion")
    given = os.environ.get("XDG_DATA_HOME", "")
    home = Path(given) if Path(given).is_absolute() else Path("~/.local/share").expanduser()
    return home / "clarion"
