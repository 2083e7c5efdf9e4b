"""What subscribers write: keywords are seen on their messages, change consent, and are answered."""

from __future__ import annotations

from uuid import UUID

import pytest
from pipeline import Place
from stage import Stage
from tests.waiting import eventually

from clarion import log
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.keywords.model import Action, NewKeyword
from clarion.engine.consent.keywords.service import create_keyword
from clarion.engine.messages.answers import ANSWER_WITHOUT_TEMPLATE
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.ports import Inbound
from clarion.engine.senders.templates.service import delete_template
from clarion.errors import Unavailable

ME, STRANGER = "+4915112345678", "+4915112345679"


class Phone:
    """A subscriber who writes to a company."""

    def __init__(self, stage: Stage, sender: UUID, address: str) -> None:
        self.stage = stage
        self.sender = sender
        self.address = address
        self._desk = InboundDesk(
            stage.db, stage.gateway.senders, KeywordDirectory(), part_patience=60
        )

    async def write(self, *texts: str, source: str = ME) -> None:
        batch = [Inbound(source, self.address, text, None, 1, 1) for text in texts]
        await self._desk.take([(self.stage.place.name, each) for each in batch])
        await self.stage.expand()

    async def heard(self) -> list[tuple[str, str | None]]:
        return [
            (r["body"], r["keyword"]) for r in await self.stage.place.received(self.stage.tenant)
        ]

    async def answers(self) -> list[tuple[str, str, str]]:
        """(address, text, state) of what was answered."""
        rows = await self.stage.db.fetch(
            "select m.peer_address, coalesce(m.body, r.body) as body, m.state from message m "
            "join message_request r on r.company_id = m.company_id and r.id = m.request_id "
            "where m.company_id = $1 order by m.id",
            self.stage.company_id,
        )
        return [(row["peer_address"], row["body"], row["state"]) for row in rows]

    async def status(self) -> str | None:
        found: str | None = await self.stage.db.fetchval(
            "select consent_status from contact_address_status where company_id = $1 "
            "and sender_id = $2 and address = $3",
            self.stage.company_id,
            self.sender,
            ME,
        )
        return found


async def _phone(stage: Stage, manager: str = "SCG", **more: object) -> Phone:
    sender = await stage.sender(consent_managed_by=manager, **more)
    return Phone(stage, sender, await stage.address_of(sender))


async def test_stop_is_confirmed_and_kept(stage: Stage) -> None:
    phone = await _phone(stage)
    await stage.status(ME, "OPTIN", sender=phone.sender)
    await phone.write("Stop")
    assert [keyword for _, keyword in await phone.heard()] != [None]
    assert await phone.status() == "OPTOUT"
    ((address, text, state),) = await phone.answers()
    assert (address, state) == (ME, "CREATED")
    assert text.startswith("Sie sind abgemeldet")
    request = await stage.send(ME, sender=phone.sender, consent_requirement="OPT_OUT")
    assert [row[1:] for row in await stage.fate(request)] == [("FAILED", "1005")]


async def test_an_answer_belongs_to_what_was_asked(stage: Stage) -> None:
    phone = await _phone(stage)
    first = await stage.send(ME, sender=phone.sender, conversation_id="talk")
    await phone.write("HELP")
    (message,) = await stage.place.received(stage.tenant)
    row = await stage.db.fetchrow(
        "select * from message where company_id = $1 and request_id <> $2",
        stage.company_id,
        first,
    )
    assert row is not None
    assert (row["reply_to"], row["conversation_id"]) == (message["id"], "talk")
    assert row["application_id"] == stage.caller.application_id


async def test_an_answer_comes_after_what_it_answers_in_every_list(stage: Stage) -> None:
    phone = await _phone(stage)
    for n in range(40):
        await phone.write("HELP", source=f"+4915112{n:06}")
    rows = await stage.db.fetch(
        "select id, reply_to from message where company_id = $1 and reply_to is not null",
        stage.company_id,
    )
    assert len(rows) == 40
    assert all(row["id"] > row["reply_to"] for row in rows)


async def test_ordinary_words_are_only_stored(stage: Stage) -> None:
    phone = await _phone(stage)
    await phone.write("hello there", "see you")
    assert await phone.heard() == [("hello there", None), ("see you", None)]
    assert await phone.answers() == []


async def test_a_companys_keyword_answers_with_its_template(stage: Stage) -> None:
    phone = await _phone(stage, "USER")
    await stage.template("menu", "Today: soup")
    await create_keyword(
        stage.db,
        stage.caller,
        NewKeyword(
            name="lunch", value="LUNCH", actions=(Action.STORE,), reply_template="menu",
            campaign_id="food",
        ),
    )  # fmt: skip
    contact = await stage.contact(ME)
    await phone.write("lunch please")
    assert await phone.heard() == [("lunch please", "lunch")]
    assert await phone.answers() == [(ME, "Today: soup", "CREATED")]
    (message,) = await stage.place.received(stage.tenant)
    assert message["campaign_id"] == "food"
    document = await stage.db.fetchval(
        "select document from contact where company_id = $1 and id = $2", stage.company_id, contact
    )
    assert "LUNCH" in str(document["interest_list"])


async def test_a_template_that_is_gone_answers_nothing_and_the_log_says_so(stage: Stage) -> None:
    phone = await _phone(stage)
    template = await stage.template("thanks", "Thank you.")
    new = NewKeyword(name="vote", value="VOTE", reply_template="thanks")
    keyword = await create_keyword(stage.db, stage.caller, new)
    await delete_template(stage.db, stage.caller, template)
    with log.capture("warning") as lines:
        await phone.write("vote")
    assert await phone.heard() == [("vote", "vote")]
    assert await phone.answers() == []
    (line,) = [line for line in lines if line["event"] == ANSWER_WITHOUT_TEMPLATE]
    assert line["keyword"] == str(keyword)


async def test_a_contact_is_known_by_the_number_that_wrote(stage: Stage) -> None:
    """On the message, in its answer, and only in its own company."""
    phone = await _phone(stage)
    other = Stage(stage.place, stage.gateway, await stage.place.tenant())
    await other.contact(ME, first_name="Bea")
    contact = await stage.contact(ME, first_name="Ann")
    await stage.template("thanks", "Thank you, ${contact.first_name}.")
    new = NewKeyword(name="vote", value="VOTE", reply_template="thanks")
    await create_keyword(stage.db, stage.caller, new)
    await phone.write("vote", "something else")
    await phone.write("vote", source=STRANGER)
    heard = await stage.place.received(stage.tenant)
    assert [row["contact_id"] for row in heard] == [contact, contact, None]
    answers = await stage.db.fetch(
        "select peer_address, contact_id, body, failure_code from message "
        "where company_id = $1 and direction = 'MT' order by id",
        stage.company_id,
    )
    assert [tuple(row) for row in answers] == [
        (ME, contact, "Thank you, Ann.", None),
        (STRANGER, None, None, "1006"),
    ]


async def test_two_machines_do_not_talk_for_ever(stage: Stage) -> None:
    phone = await _phone(stage)
    for _ in range(30):
        await phone.write("HELP")
    assert 0 < len(await phone.answers()) < 30


async def test_nobody_is_answered_who_has_no_address(stage: Stage) -> None:
    phone = await _phone(stage)
    await phone.write("HELP", source="ACME")
    assert await phone.answers() == []
    assert len(await phone.heard()) == 1


async def test_what_is_not_committed_is_neither_heard_nor_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await _phone(stage)
    run = stage.db.run

    async def fail(work: object) -> None:
        async def then_fail(tx: object) -> None:
            await work(tx)  # type: ignore[operator]
            raise Unavailable

        await run(then_fail)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.db, "run", fail)
    with pytest.raises(Unavailable):
        await phone.write("STOP")
    monkeypatch.setattr(stage.db, "run", run)
    assert (await phone.heard(), await phone.answers(), await phone.status()) == ([], [], None)


async def test_answers_leave_by_the_carrier(place: Place) -> None:
    stage = Stage(place, await place.started(), await place.tenant())
    phone = await _phone(stage)
    await phone.write("HELP")

    async def delivered() -> bool:
        return [state for _, _, state in await phone.answers()] == ["DELIVERED"]

    await eventually(delivered)
