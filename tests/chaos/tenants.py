"""The companies of a run, made before anything breaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clarion import settings
from clarion.cli.reach import bring_up_to_date
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.accounts.tokens import issue_token
from clarion.storage.database import Database

from ..factories import a_sender
from .plan import COMPANIES, address

CONFIG = """
[database]
url = "{url}"
statement_timeout = 5.0

[security]
secret_key = "a secret of the chaos suite, of no use elsewhere"

[log]
format = "json"

[dispatch]
node_lease = {lease}
reassembly_timeout = 3.0

[connectors.carrier]
kind = "smpp"
host = "127.0.0.1"
port = {port}
system_id = "clarion"
binds = {binds}
window = {window}
default = true
response_timeout = 2.0
enquire_link = 2.0
connect_timeout = 3.0
reconnect = [0.1, 0.2, 0.5, 1.0]
retry = [0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
"""


@dataclass(frozen=True)
class Tenant:
    """A company with its one client."""

    company_id: int
    application_id: int
    token: str
    address: str


def write_config(
    path: Path, *, url: str, port: int, lease: float, binds: int = 2, window: int = 50
) -> Path:
    path.write_text(CONFIG.format(url=url, port=port, lease=lease, binds=binds, window=window))
    return path


async def make_tenants(url: str) -> list[Tenant]:
    """A migrated database with companies, each with an application, a token and a sender id."""
    db = await Database.connect(settings.Database(), url=url)
    try:
        await bring_up_to_date(db, settings.Settings())
        return [await _make_tenant(db, number) for number in range(COMPANIES)]
    finally:
        await db.close()


async def _make_tenant(db: Database, number: int) -> Tenant:
    company = await create_company(db, name=f"company {number}", weight=number + 1)
    made = await create_application(db, company.id, name="client")
    token = await issue_token(db, company.id, made.application.id)
    caller = Caller(company_id=company.id, application_id=made.application.id)
    await a_sender(db, caller, address=address(number))
    return Tenant(company.id, made.application.id, token.token, address(number))
