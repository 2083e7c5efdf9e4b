"""What `clarion run` sets up by itself, so that a newcomer's first message needs nothing else."""

from __future__ import annotations

from msgspec import Struct, structs

from clarion.cli import files
from clarion.cli.place import Place
from clarion.engine.accounts.model import Caller, Credentials
from clarion.engine.accounts.service import bootstrap
from clarion.engine.messages.routing import connector_for
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender, provision
from clarion.errors import AlreadyExists
from clarion.kit import ids
from clarion.kit.vault import Vault, secret_from_file
from clarion.settings import SandboxConnector, Senders, Settings
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
SANDBOX = "sandbox"
SENDER = NewSender(
    name="Sandbox",
    type_id="LONGCODE",
    class_id="NOTIFICATIONS",
    address="15550001000",  # area code 555 is not assigned
    state=SenderState.ACTIVE,
    two_way_required=True,
)
LOOPBACK = ("127.0.0.0/8", "::1/128")


class FirstSender(Struct, frozen=True):
    """A sender id that messages can leave from at once."""

    sender_id: str
    sender_address: str


def effective(settings: Settings, *, database_url: str) -> Settings:
    """What `clarion run` adds to the settings: its database, a carrier where there is none, with
    no carrier but the sandbox sender ids that need nobody to set them up, and that events may be
    posted to programs on this machine."""
    database = structs.replace(settings.database, url=database_url)
    connectors = settings.connectors or {SANDBOX: SandboxConnector(default=True)}
    only_sandbox = all(isinstance(each, SandboxConnector) for each in connectors.values())
    senders = Senders(auto_provision=settings.senders.auto_provision or only_sandbox)
    networks = (*settings.events.allowed_networks, *LOOPBACK)
    events = structs.replace(settings.events, allowed_networks=networks)
    return structs.replace(
        settings, database=database, connectors=connectors, senders=senders, events=events
    )


def has_sandbox(settings: Settings) -> bool:
    return any(isinstance(each, SandboxConnector) for each in settings.connectors.values())


def open_vault(place: Place) -> Vault:
    """Under the key of the settings, or the one in the data directory, made when needed."""
    if place.settings.security.secret_key:
        return Vault(place.settings.security.secret_key)
    place.make()
    return Vault(secret_from_file(place.secret_key))


async def first_credentials(place: Place, db: Database) -> Credentials:
    """The same at every start as long as they work; kept in the data directory."""
    known = files.read(place.credentials, Credentials)
    found = await bootstrap(db, known)
    if found != known:
        files.write_private(place.credentials, found)
    return found


async def first_sender(
    db: Database, vault: Vault, settings: Settings, owner: Credentials
) -> FirstSender | None:
    """A sender id of the first company that is ACTIVE and that a connector carries. With a sandbox
    one is made for it if there is none; of a real carrier's addresses we know nothing."""
    connectors = settings.connectors
    for row in await db.fetch(SQL["active_senders"], owner.company_id):
        if connector_for(row["address"], row["connector"], connectors):
            return FirstSender(ids.show(row["id"]), row["address"])
    sandboxes = [n for n, each in connectors.items() if isinstance(each, SandboxConnector)]
    if not sandboxes:
        return None
    routed = connector_for(str(SENDER.address), None, connectors)
    wanted = None if routed in sandboxes else sandboxes[0]
    return await _make_sender(db, vault, owner, wanted)


async def _make_sender(
    db: Database, vault: Vault, owner: Credentials, connector: str | None
) -> FirstSender | None:
    """For the sandbox, named where it is not the default. None: its address is taken by a sender
    id that cannot send, which is its owner's wish."""
    caller = Caller(owner.company_id, owner.application_id)
    try:
        made = await create_sender(db, vault, caller, SENDER, auto_provision=True)
    except AlreadyExists:
        return None
    if connector is not None:
        state = SenderState.ACTIVE
        await provision(db, owner.company_id, made, state=state, connector=connector)
    return FirstSender(ids.show(made), str(SENDER.address))
