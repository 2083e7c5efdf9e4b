"""Every setting: its type, its default and one line of help.

One TOML file, then the environment over it: `CLARION_DATABASE_URL` sets `url` in `[database]`,
and `CLARION_CONNECTORS_MAIN_PASSWORD` the password of a connector `main` that the file names.
"""

from clarion.settings.connectors import (
    ConnectorSettings,
    SandboxConnector,
    SmppConnector,
    Tls,
)
from clarion.settings.loading import ENVIRONMENT_ONLY, check_address, load
from clarion.settings.model import (
    Billing,
    Database,
    Dispatch,
    Events,
    Files,
    Http,
    Intake,
    Links,
    Log,
    Retention,
    Security,
    Senders,
    Settings,
    Translation,
)
from clarion.settings.section import SettingsError

__all__ = [
    "ENVIRONMENT_ONLY",
    "Billing",
    "ConnectorSettings",
    "Database",
    "Dispatch",
    "Events",
    "Files",
    "Http",
    "Intake",
    "Links",
    "Log",
    "Retention",
    "SandboxConnector",
    "Security",
    "Senders",
    "Settings",
    "SettingsError",
    "SmppConnector",
    "Tls",
    "Translation",
    "check_address",
    "load",
]
