"""What subscribers say: consent, its history, answers, and no more answers than are good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from scene import MINE, Scene
from tests.waiting import PATIENCE

from clarion.engine.consent.addresses.model import ConsentStatus, Wish
from clarion.engine.consent.addresses.service import (
    Question,
    StatusChange,
    begin,
    change,
)
from clarion.engine.consent.keywords.model import KeywordChange
from clarion.engine.consent.keywords.service import change_keyword, delete_keyword
from clarion.engine.consent.store import MOST_A_DAY, MOST_A_MINUTE
from clarion.engine.consent.tasks import forget_replies
from clarion.errors import Unavailable
from clarion.kit.ids import new_id

Make = Callable[..., Awaitable[Scene]]


async def set_status(scene: Scene, status: str, peer: str = MINE) -> None:
    """By the company, whoever looks after consent."""
    wish = Wish(
        address_type="MDN",
        address=peer,
        consent_status=ConsentStatus(status),
        opt_in_type="MIGRATION",  # type: ignore[arg-type]
    )
    await begin(scene.db, scene.caller, scene.sender, wish, _nothing)


async def _nothing(_: Question) -> None: ...


# ---------------------------------------------------------------- opting in and out


@pytest.mark.parametrize("word", ["START", "YES", "UNSTOP", "start!", " Yes. ", "Sí", "OUI", "ja"])
async def test_an_affirmative_word_opts_in_and_is_welcomed(scene: Scene, word: str) -> None:
    reply = await scene.hear(word)
    assert reply is not None
    assert reply.consent is ConsentStatus.OPTIN
    assert reply.templates[1] == "consent-welcome"
    assert await scene.status() == "OPTIN"
    row = await scene.row()
    assert (row["source"], row["opt_in_type"]) == ("MESSAGE", "SINGLE")
    (entry,) = await scene.history()
    assert (entry["source"], entry["status"], entry["message"]) == ("MESSAGE", "OPTIN", word)


@pytest.mark.parametrize(
    "word",
    ["STOP", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "STOPALL", "stop all", "Arrêt", "Stop."],
)
async def test_a_word_of_refusal_opts_out_and_is_confirmed(scene: Scene, word: str) -> None:
    await set_status(scene, "OPTIN")
    reply = await scene.hear(word)
    assert reply is not None
    assert reply.consent is ConsentStatus.OPTOUT
    assert reply.templates[1] == "consent-stopped"
    row = await scene.row()
    assert (row["consent_status"], row["source"], row["opt_out_type"]) == (
        "OPTOUT",
        "MESSAGE",
        "SMS",
    )


@pytest.mark.parametrize("word", ["HELP", "info", "HILFE?", "aide"])
async def test_help_is_given_and_changes_nothing(scene: Scene, word: str) -> None:
    reply = await scene.hear(word)
    assert reply is not None
    assert (reply.consent, reply.templates[1]) == (None, "consent-help")
    assert await scene.status() == "NONE"
    assert [each[:2] for each in await scene.told()] == [("MESSAGE", "NONE")]


async def test_other_words_change_nothing_and_are_not_answered(scene: Scene) -> None:
    for text in ("hello", "stop by tomorrow", "please cancel my order", "", "end of season?"):
        assert await scene.hear(text) is None
    assert await scene.status() == "NONE"
    assert await scene.history() == []


async def test_whoever_writes_gets_a_status(scene: Scene) -> None:
    await scene.hear("hello")
    row = await scene.row()
    assert (row["consent_status"], row["source"], row["version"]) == ("NONE", None, 1)
    await scene.hear("hello again")
    assert (await scene.row())["id"] == row["id"]


async def test_they_can_come_and_go(scene: Scene) -> None:
    for word, status in (("START", "OPTIN"), ("STOP", "OPTOUT"), ("UNSTOP", "OPTIN")):
        reply = await scene.hear(word)
        assert reply is not None
        assert reply.answers
        assert await scene.status() == status
    assert await scene.told() == [
        ("MESSAGE", "OPTIN", "START"),
        ("MESSAGE", "OPTOUT", "STOP"),
        ("MESSAGE", "OPTIN", "UNSTOP"),
    ]


@pytest.mark.parametrize(
    ("word", "country", "begins"),
    [
        ("STOP", "DE", "Sie sind abgemeldet"),
        ("STOP", "US", "You are unsubscribed"),
        ("STOP", None, "You are unsubscribed"),
        ("ARRET", "US", "Vous voici"),
        ("BAJA", "MX", "Ha cancelado"),
        ("SAIR", "BR", "Cancelado"),
        ("PARAR", "BR", "Cancelado"),
        ("PARAR", "ES", "Ha cancelado"),
        ("BASTA", "IT", "Non riceverai"),
        ("AFMELDEN", "NL", "U bent afgemeld"),
        ("SI", "IT", "Riceverai"),
        ("SI", "AR", "Recibira"),
        ("JA", "NL", "U krijgt"),
    ],
)
async def test_answers_are_in_the_language_of_the_word(
    scene: Scene, word: str, country: str | None, begins: str
) -> None:
    reply = await scene.hear(word, country=country)
    assert reply is not None
    assert reply.text is not None
    assert reply.text.startswith(begins)
    assert reply.templates[0] == f"{reply.templates[1]}-{_language(reply.templates[0])}"


def _language(name: str) -> str:
    return name.rsplit("-", 1)[1]


async def test_a_refusal_is_confirmed_once(scene: Scene) -> None:
    first, second = await scene.hear("STOP"), await scene.hear("QUIT")
    assert first is not None
    assert second is not None
    assert (first.answers, second.answers) == (True, False)
    assert second.consent is None
    assert len(await scene.history()) == 2


@pytest.mark.parametrize("status", ["BLACKLIST", "WHITELIST"])
@pytest.mark.parametrize("word", ["START", "STOP"])
async def test_no_word_touches_a_black_or_a_white_list(
    scene: Scene, status: str, word: str
) -> None:
    await set_status(scene, status)
    version = (await scene.row())["version"]
    reply = await scene.hear(word)
    assert reply is not None
    assert (reply.consent, reply.answers) == (None, False)
    assert await scene.status() == status
    assert (await scene.row())["version"] == version
    assert (await scene.told())[-1] == ("MESSAGE", status, word)


async def test_help_goes_to_a_white_list_and_not_to_a_black_one(scene: Scene) -> None:
    await set_status(scene, "WHITELIST", "+4915100000001")
    await set_status(scene, "BLACKLIST", "+4915100000002")
    white = await scene.hear("HELP", peer="+4915100000001")
    black = await scene.hear("HELP", peer="+4915100000002")
    assert white is not None
    assert black is not None
    assert (white.answers, black.answers) == (True, False)


async def test_whom_the_company_takes_off_a_list_can_speak_again(scene: Scene) -> None:
    await set_status(scene, "BLACKLIST")
    row = await scene.row()
    none = StatusChange(consent_status=ConsentStatus.NONE)
    await change(scene.db, scene.caller, row["id"], none)
    await scene.hear("START")
    assert await scene.status() == "OPTIN"


# ---------------------------------------------------------------- who looks after consent


@pytest.mark.parametrize("word", ["START", "STOP", "HELP"])
async def test_a_company_that_looks_after_consent_is_told_and_no_more(
    make: Make, word: str
) -> None:
    scene = await make("USER")
    reply = await scene.hear(word)
    assert reply is not None
    assert reply.keyword.value == word
    assert (reply.consent, reply.answers) == (None, False)
    assert await scene.status() == "NONE"
    assert await scene.told() == [("MESSAGE", "NONE", word)]


async def test_an_unsolicited_refusal_blacklists_where_that_is_set(make: Make) -> None:
    scene = await make("SCG_UNSOLICITED_OPT_OUT")
    reply = await scene.hear("STOP")
    assert reply is not None
    assert reply.consent is ConsentStatus.BLACKLIST
    assert reply.templates[1] == "consent-blocked"
    again = await scene.hear("START")
    assert again is not None
    assert not again.answers
    assert await scene.status() == "BLACKLIST"


async def test_a_refusal_after_consent_only_opts_out_there(make: Make) -> None:
    scene = await make("SCG_UNSOLICITED_OPT_OUT")
    await set_status(scene, "OPTIN")
    reply = await scene.hear("STOP")
    assert reply is not None
    assert reply.consent is ConsentStatus.OPTOUT
    assert reply.templates[1] == "consent-stopped"


@pytest.mark.parametrize("word", ["START", "HELP"])
async def test_the_gateway_looks_after_refusals_alone_there(make: Make, word: str) -> None:
    scene = await make("SCG_UNSOLICITED_OPT_OUT")
    reply = await scene.hear(word)
    assert reply is not None
    assert (reply.consent, reply.answers) == (None, False)


# ---------------------------------------------------------------- double opt-in


async def ask(scene: Scene, peer: str = MINE) -> list[Question]:
    questions: list[Question] = []

    async def send(question: Question) -> None:
        questions.append(question)

    wish = Wish(address_type="MDN", address=peer)
    await begin(scene.db, scene.caller, scene.sender, wish, send)
    return questions


@pytest.mark.parametrize("manager", ["SCG", "USER", "SCG_UNSOLICITED_OPT_OUT"])
async def test_the_answer_completes_a_double_opt_in(make: Make, manager: str) -> None:
    scene = await make(manager)
    (question,) = await ask(scene)
    assert (question.sender_id, question.to) == (scene.sender.id, MINE)
    assert await scene.status() == "NONE"
    reply = await scene.hear("YES")
    assert reply is not None
    assert reply.consent is ConsentStatus.OPTIN
    assert reply.templates[1] == "consent-welcome"
    row = await scene.row()
    assert (row["consent_status"], row["opt_in_type"], row["asked_at"]) == ("OPTIN", "SMS", None)


async def test_a_question_can_be_answered_with_no(make: Make) -> None:
    scene = await make("USER")
    await ask(scene)
    reply = await scene.hear("STOP")
    assert reply is not None
    assert reply.answers
    assert await scene.status() == "OPTOUT"


async def test_an_answer_that_comes_too_late_is_none(make: Make) -> None:
    scene = await make("USER")
    await ask(scene)
    reply = await scene.hear("YES", at=datetime.now(UTC) + timedelta(days=31))
    assert reply is not None
    assert reply.consent is None
    assert await scene.status() == "NONE"


async def test_a_question_is_the_same_for_a_day(scene: Scene) -> None:
    first, second = await ask(scene), await ask(scene)
    assert first == second
    await scene.db.execute(
        "update contact_address_status set asked_at = asked_at - '1 day'::interval "
        "where company_id = $1",
        scene.company,
    )
    third = await ask(scene)
    assert third[0].key != first[0].key


async def test_a_question_that_could_not_be_sent_can_be_asked_again(scene: Scene) -> None:
    async def broken(_: Question) -> None:
        raise Unavailable

    wish = Wish(address_type="MDN", address=MINE)
    with pytest.raises(Unavailable):
        await begin(scene.db, scene.caller, scene.sender, wish, broken)
    assert len(await ask(scene)) == 1


# ---------------------------------------------------------------- keywords of the company


async def test_a_companys_keyword_opts_in_and_answers_with_its_template(make: Make) -> None:
    for manager in ("SCG", "USER", "SCG_UNSOLICITED_OPT_OUT"):
        scene = await make(manager)
        id = await scene.keyword(
            "SPORTS", "OPTIN", reply_template="sports", associated_info="7", campaign_id="c"
        )
        reply = await scene.hear("sports")
        assert reply is not None
        assert reply.consent is ConsentStatus.OPTIN
        assert (reply.templates, reply.text) == (("sports",), None)
        found = reply.keyword
        assert (found.id, found.associated_info, found.campaign_id) == (id, "7", "c")
        assert await scene.told() == [("MESSAGE", "OPTIN", "SPORTS")]


async def test_a_companys_keyword_opts_out(scene: Scene) -> None:
    await scene.keyword("enough", "OPTOUT", reply_template="bye")
    await set_status(scene, "OPTIN")
    reply = await scene.hear("Enough!")
    assert reply is not None
    assert (reply.consent, reply.templates) == (ConsentStatus.OPTOUT, ("bye",))
    again = await scene.hear("enough")
    assert again is not None
    assert not again.answers


async def test_a_keyword_without_a_template_is_not_answered(scene: Scene) -> None:
    await scene.keyword("SPORTS", "OPTIN")
    reply = await scene.hear("SPORTS")
    assert reply is not None
    assert not reply.answers


async def test_a_keyword_of_one_sender_id_is_heard_on_no_other(scene: Scene) -> None:
    other = await scene.another_sender()
    mine = await scene.keyword("NEWS", sender_id=scene.sender.id)
    reply = await scene.hear("NEWS")
    assert reply is not None
    assert reply.keyword.id == mine
    assert await scene.hear("NEWS", sender=other) is None
    anywhere = await scene.keyword("NEWS")
    for sender, expected in ((scene.sender, mine), (other, anywhere)):
        reply = await scene.hear("NEWS", sender=sender)
        assert reply is not None
        assert reply.keyword.id == expected


async def test_a_keyword_is_heard_while_it_is_valid(scene: Scene) -> None:
    now = datetime.now(UTC)
    day = timedelta(days=1)
    await scene.keyword("past", valid_to=now - day)
    await scene.keyword("future", valid_from=now + day)
    now_valid = await scene.keyword("now", valid_from=now - day, valid_to=now + day)
    assert await scene.hear("past") is None
    assert await scene.hear("future") is None
    reply = await scene.hear("now")
    assert reply is not None
    assert reply.keyword.id == now_valid
    assert await scene.hear("now", at=now + 2 * day) is None


async def test_a_change_is_heard_soon_and_by_a_hint_at_once(scene: Scene) -> None:
    await scene.keywords.listen(scene.db)
    id = await scene.keyword("alpha")
    assert await scene.hear("alpha") is not None
    await change_keyword(scene.db, scene.caller, id, KeywordChange(value="beta"))
    async with asyncio.timeout(PATIENCE):
        while await scene.hear("beta") is None:
            await asyncio.sleep(0.02)
    assert await scene.hear("alpha") is None
    await delete_keyword(scene.db, scene.caller, id)
    async with asyncio.timeout(PATIENCE):
        while await scene.hear("beta") is not None:
            await asyncio.sleep(0.02)


async def test_companies_hear_their_own_keywords_only(make: Make) -> None:
    one, two = await make(), await make()
    id = await one.keyword("NEWS", "OPTIN")
    found = await one.hear_all(one.heard("NEWS"), two.heard("NEWS"))
    assert found[0] is not None
    assert (found[0].keyword.id, found[1]) == (id, None)
    assert await one.status() == "OPTIN"
    assert await two.status() == "NONE"


# ---------------------------------------------------------------- profiles


async def a_contact(scene: Scene, mdn: str = MINE, document: object = None) -> None:
    await scene.db.execute(
        "insert into contact (company_id, id, primary_mdn, document, updated_at) "
        "values ($1, $2, $3, $4, now())",
        scene.company,
        new_id(),
        mdn,
        document or {},
    )


async def the_contact(scene: Scene, mdn: str = MINE) -> dict[str, object]:
    row = await scene.db.fetchrow(
        "select * from contact where company_id = $1 and primary_mdn = $2", scene.company, mdn
    )
    assert row is not None
    return dict(row)


async def test_a_contact_knows_when_it_was_won(scene: Scene) -> None:
    await a_contact(scene)
    first, second = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    await scene.hear("START", at=first)
    await scene.hear("STOP", at=first)
    await scene.hear("START", at=second)
    contact = await the_contact(scene)
    assert contact["first_acquisition_date"] == first
    assert contact["last_acquisition_date"] == second


async def test_a_contact_remembers_keywords_that_are_to_be_stored(scene: Scene) -> None:
    known = {"code": "x", "name": "X", "source": "form"}
    await a_contact(scene, document={"interest_list": [known], "first_name": "Ann"})
    await scene.keyword("GOLF", "STORE", name="Golf news")
    await scene.keyword("CHESS")
    for text in ("golf", "GOLF", "chess"):
        await scene.hear(text)
    contact = await the_contact(scene)
    assert contact["document"] == {
        "first_name": "Ann",
        "interest_list": [known, {"code": "GOLF", "name": "Golf news", "source": "KEYWORD"}],
    }
    assert contact["version"] == 2


async def test_two_nodes_store_two_keywords_of_one_contact(scene: Scene) -> None:
    await a_contact(scene)
    words = [f"word{n}" for n in range(6)]
    for word in words:
        await scene.keyword(word, "STORE")
    await asyncio.gather(*(scene.hear(word) for word in words))
    interests = (await the_contact(scene))["document"]["interest_list"]  # type: ignore[index]
    assert {each["code"] for each in interests} == set(words)


# ---------------------------------------------------------------- batches and nodes


async def test_a_batch_is_heard_in_its_order(scene: Scene) -> None:
    other = "+4915187654321"
    found = await scene.hear_all(
        scene.heard("START"),
        scene.heard("hello"),
        scene.heard("STOP"),
        scene.heard("START", peer=other),
        scene.heard("STOP"),
    )
    assert [each and each.consent for each in found] == ["OPTIN", None, "OPTOUT", "OPTIN", None]
    assert (await scene.status(), await scene.status(other)) == ("OPTOUT", "OPTIN")
    assert await scene.told() == [
        ("MESSAGE", "OPTIN", "START"),
        ("MESSAGE", "OPTOUT", "STOP"),
        ("MESSAGE", "OPTOUT", "STOP"),
    ]


async def test_an_empty_batch_is_heard(scene: Scene) -> None:
    assert await scene.hear_all() == []


async def test_two_stops_at_once_are_one_change_and_one_answer(scene: Scene) -> None:
    await set_status(scene, "OPTIN")
    found = await asyncio.gather(*(scene.hear(word) for word in ("STOP", "STOP", "QUIT", "END")))
    assert sorted(bool(each and each.answers) for each in found) == [False, False, False, True]
    assert sum(bool(each and each.consent) for each in found) == 1
    assert await scene.status() == "OPTOUT"
    assert (await scene.row())["version"] == 2
    assert len(await scene.history()) == 5


async def test_many_pairs_from_many_nodes_meet_without_harm(scene: Scene) -> None:
    peers = [f"+49151{n:08}" for n in range(20)]
    batches = [
        [scene.heard(word, peer=peer) for peer in order]
        for word in ("START", "STOP", "HELP")
        for order in (peers, peers[::-1])
    ]
    await asyncio.gather(*(scene.hear_all(*batch) for batch in batches))
    for peer in peers:
        assert await scene.status(peer) in ("OPTIN", "OPTOUT")
        assert len(await scene.history(peer)) == 6


# ---------------------------------------------------------------- no endless talk


async def test_the_same_word_is_answered_once_a_minute(scene: Scene) -> None:
    answers = [await scene.hear("HELP") for _ in range(3)]
    assert [bool(each and each.answers) for each in answers] == [True, False, False]
    other = await scene.hear("HELP", peer="+4915187654321")
    assert other is not None
    assert other.answers
    await scene.minutes_pass()
    later = await scene.hear("HELP")
    assert later is not None
    assert later.answers
    assert len(await scene.history()) == 4


async def test_a_number_gets_few_answers_a_minute(scene: Scene) -> None:
    words = [f"word{n}" for n in range(MOST_A_MINUTE + 3)]
    for word in words:
        await scene.keyword(word, reply_template="t")
    one_by_one = [await scene.hear(word) for word in words]
    assert sum(bool(each and each.answers) for each in one_by_one) == MOST_A_MINUTE
    together = await scene.hear_all(*(scene.heard(w, peer="+4915187654321") for w in words))
    assert sum(bool(each and each.answers) for each in together) == MOST_A_MINUTE


async def test_a_number_gets_few_answers_a_day(scene: Scene) -> None:
    answers = 0
    for _ in range(MOST_A_DAY + 4):
        reply = await scene.hear("HELP")
        answers += bool(reply and reply.answers)
        await scene.minutes_pass()
    assert answers == MOST_A_DAY
    await scene.minutes_pass(24 * 60)
    reply = await scene.hear("HELP")
    assert reply is not None
    assert reply.answers


async def test_nodes_count_answers_together(scene: Scene) -> None:
    words = [f"word{n}" for n in range(MOST_A_MINUTE + 3)]
    for word in words:
        await scene.keyword(word, reply_template="t")
    found = await asyncio.gather(*(scene.hear(word) for word in words))
    assert sum(bool(each and each.answers) for each in found) == MOST_A_MINUTE


async def test_old_counts_are_forgotten(scene: Scene) -> None:
    await scene.hear("HELP")
    await scene.minutes_pass(25 * 60)
    await scene.hear("HELP")
    assert await forget_replies(scene.db) >= 1
    left = await scene.db.fetchval(
        "select count(*) from auto_reply where company_id = $1", scene.company
    )
    assert left == 1
