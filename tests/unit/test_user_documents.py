"""The pages for users: links lead somewhere, and commands, settings and attributes exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import typer

from clarion.api.call import Door
from clarion.api.ess.attempts import DeliveryAttempt
from clarion.api.ess.configurations import CONFIGURATIONS
from clarion.api.ess.deliveries import EventDelivery, Tracking
from clarion.api.ess.files import FILES
from clarion.api.ess.subscriptions import SUBSCRIPTIONS
from clarion.api.resource import Resource
from clarion.api.scg import doors
from clarion.api.scg.access_tokens import TOKENS
from clarion.api.scg.address_history import HISTORY
from clarion.api.scg.address_statuses import STATUSES
from clarion.api.scg.attachments import ATTACHMENTS
from clarion.api.scg.catalogue import CLASSES, TYPES
from clarion.api.scg.channels import CHANNELS
from clarion.api.scg.contact_groups import GROUPS
from clarion.api.scg.contact_jobs import EXPORTS, IMPORTS
from clarion.api.scg.contact_tokens import ACCESS_TOKENS, APPLICATION_TOKENS
from clarion.api.scg.contacts import CONTACTS
from clarion.api.scg.fast_access import FAST_ACCESS_JOBS, FAST_ACCESS_RULES
from clarion.api.scg.keywords import KEYWORDS
from clarion.api.scg.message_requests import REQUESTS
from clarion.api.scg.message_templates import TEMPLATES
from clarion.api.scg.messages import MESSAGES
from clarion.api.scg.sender_ids import SENDER_IDS
from clarion.cli.main import app
from clarion.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
_COMMAND = re.compile(r"\bclarion ((?:[a-z]+)(?: [a-z]+(?:-[a-z]+)*)?)")
_SETTING = re.compile(r"`([a-z]+)\.([a-z_]+)(?: = [^`]*)?`")


def _anchors(page: Path) -> set[str]:
    """Of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text("utf-8")):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in _anchors(there), f"{target}#{anchor}"


def _commands() -> dict[str, set[str]]:
    """Every command, with the names of those below it."""
    root = typer.main.get_command(app)
    below = getattr(root, "commands", {})
    return {name: set(getattr(each, "commands", {})) for name, each in below.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    known = _commands()
    text = page.read_text("utf-8")
    code = "\n".join(
        re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall("`([^`\n]+)`", text)
    )
    for words in _COMMAND.findall(code):
        name, _, below = words.partition(" ")
        assert name in known, words
        assert not known[name] or below in known[name] or not below, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    sections = {f.name: f.type for f in msgspec.structs.fields(Settings) if f.name != "connectors"}
    for section, key in _SETTING.findall(page.read_text("utf-8")):
        if section in sections and key != "toml":
            names = {f.name for f in msgspec.structs.fields(sections[section])}
            assert key in names, f"{section}.{key}"


RESOURCES = (
    *(CLASSES, TYPES, SENDER_IDS, CHANNELS, TEMPLATES, REQUESTS, MESSAGES, KEYWORDS),
    *(ATTACHMENTS, TOKENS, CONTACTS, GROUPS, IMPORTS, EXPORTS, APPLICATION_TOKENS, ACCESS_TOKENS),
    *(FAST_ACCESS_RULES, FAST_ACCESS_JOBS, STATUSES, HISTORY),
)
_IN_BETWEEN = re.compile(r"fast_access_(?!1$|20$)[0-9]+")  # the page names the ends


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_every_attribute_is_described(resource: Resource) -> None:
    page = (ROOT / "docs/scg.md").read_text("utf-8")
    for field in msgspec.structs.fields(resource.shape.struct):
        name = field.encode_name
        assert _IN_BETWEEN.fullmatch(name) or f"`{name}`" in page, name


EVENTS = (
    *(CONFIGURATIONS.shape.struct, SUBSCRIPTIONS.shape.struct, FILES.shape.struct),
    *(EventDelivery, Tracking, DeliveryAttempt),
)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_attribute_of_events_is_described(kind: type[msgspec.Struct]) -> None:
    page = (ROOT / "docs/ess.md").read_text("utf-8")
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        assert f"`{name}`" in page or f'"{name}"' in page, name


@pytest.mark.parametrize("door", doors(), ids=lambda door: door.name)
def test_every_path_is_on_the_page(door: Door) -> None:
    page = _without_ids((ROOT / "docs/scg.md").read_text("utf-8"))
    for route in door.routes:
        assert _without_ids(route.path).removesuffix("/_") in page, route.path


def _without_ids(text: str) -> str:
    return re.sub(r"\{[a-z_]+\}|\$[a-z]+\b", "_", text)
