"""Companies whose subscribers speak: a test says what is heard and sees what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.consent.addresses.model import Asked
from clarion.engine.consent.addresses.service import refused
from clarion.engine.consent.inbound import Heard, Reply, consider
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.keywords.model import Action, NewKeyword
from clarion.engine.consent.keywords.service import create_keyword
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import NewSender, Sender, SenderState
from clarion.engine.senders.service import create_sender, seed_catalogue
from clarion.engine.senders.templates.model import NewTemplate
from clarion.engine.senders.templates.service import create_template
from clarion.kit.ids import new_id
from clarion.kit.vault import Vault
from clarion.storage.database import Database

VAULT = Vault("a secret of the tests, 32 bytes..")
_numbers = count(1)

MINE = "+4915112345678"


class Scene:
    """One company with one sender id; its keywords are read anew each time."""

    def __init__(self, db: Database, caller: Caller, sender: Sender) -> None:
        self.db = db
        self.caller = caller
        self.sender = sender
        self.keywords = KeywordDirectory()
        self._templates: set[str] = set()

    @property
    def company(self) -> int:
        return self.caller.company_id

    async def another_sender(self, **more: Any) -> Sender:
        return await a_sender(self.db, self.caller, **more)

    async def keyword(self, value: str, *actions: str, **more: Any) -> UUID:
        new = NewKeyword(value=value, actions=[Action(each) for each in actions], **more)
        if new.reply_template and new.reply_template not in self._templates:
            template = NewTemplate(name=new.reply_template, pattern="Hello")
            await create_template(self.db, self.caller, template)
            self._templates.add(new.reply_template)
        id = await create_keyword(self.db, self.caller, new)
        self.keywords.forget(str(self.company))
        return id

    def heard(self, text: str, *, peer: str = MINE, **more: Any) -> Heard:
        return Heard(
            **{
                "company_id": self.company,
                "sender": self.sender,
                "peer": peer,
                "text": text,
                "at": datetime.now(UTC),
                "message_id": new_id(),
            }
            | more
        )

    async def hear(self, text: str, **more: Any) -> Reply | None:
        (reply,) = await self.hear_all(self.heard(text, **more))
        return reply

    async def hear_all(self, *batch: Heard) -> list[Reply | None]:
        async def work(tx: Any) -> list[Reply | None]:
            return await consider(tx, batch, keywords=self.keywords)

        return await self.db.run(work)

    async def status(self, peer: str = MINE, sender: Sender | None = None) -> str:
        found = await self.row(peer, sender)
        return str(found["consent_status"])

    async def row(self, peer: str = MINE, sender: Sender | None = None) -> Any:
        return await self.db.fetchrow(
            "select * from contact_address_status where company_id = $1 and sender_id = $2 "
            "and address = $3",
            self.company,
            (sender or self.sender).id,
            peer,
        )

    async def history(self, peer: str = MINE) -> list[Any]:
        """The oldest first."""
        return await self.db.fetch(
            "select source::text, status::text, message, keyword, at from contact_address_history "
            "where company_id = $1 and address = $2 order by id",
            self.company,
            peer,
        )

    async def told(self, peer: str = MINE) -> list[tuple[str, str, str | None]]:
        return [(e["source"], e["status"], e["keyword"]) for e in await self.history(peer)]

    async def refused(
        self,
        *peers: str,
        requirement: str = "NONE",
        kind: str = "MDN",
        sender: Sender | None = None,
    ) -> set[int]:
        id = (sender or self.sender).id
        asked = [Asked(place, id, kind, peer) for place, peer in enumerate(peers or (MINE,))]
        return set(await refused(self.db, self.company, asked, requirement))

    async def minutes_pass(self, minutes: int = 2) -> None:
        """For whoever counts automatic answers."""
        await self.db.execute(
            "update auto_reply set minute = minute - $2::interval where company_id = $1",
            self.company,
            timedelta(minutes=minutes),
        )


async def a_sender(db: Database, caller: Caller, **more: Any) -> Sender:
    new = NewSender(
        **{
            "class_id": "NOTIFICATIONS",
            "type_id": "LONGCODE",
            "address": f"1555{next(_numbers):07}",
            "state": SenderState.ACTIVE,
        }
        | more
    )
    id = await create_sender(db, VAULT, caller, new, auto_provision=True)
    found = await SenderDirectory(db).get(caller.company_id, id)
    assert found is not None
    return found


async def a_scene(db: Database, manager: str = "SCG", **more: Any) -> Scene:
    """`manager`: who looks after consent to the company's sender id."""
    await seed_catalogue(db)
    company = await create_company(db, name=f"Company {next(_numbers)}")
    made = await create_application(db, company.id, name="app")
    caller = Caller(company_id=company.id, application_id=made.application.id)
    sender = await a_sender(db, caller, consent_managed_by=manager, **more)
    return Scene(db, caller, sender)


def in_state(sender: Sender, state: SenderState) -> Sender:
    return replace(sender, state=state)
