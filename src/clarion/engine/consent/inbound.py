"""What a subscriber's message means for consent, and what is answered.

`consider` is called in the transaction that stores the messages: what it changes and what is
answered is committed with them or not at all. The caller sends the answers.

Who is heard depends on the sender id's `consent_managed_by`. With SCG, reserved words change
consent and are answered. With SCG_UNSOLICITED_OPT_OUT only those do that refuse. With USER they
are recorded and reported, and the company does the rest - unless it has asked for consent through
the gateway and waits for the answer. A company's own keywords act on every sender id: it said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from clarion.engine.consent import store as replies_store
from clarion.engine.consent.addresses import store
from clarion.engine.consent.addresses.announcing import ConsentChange, announce_consent
from clarion.engine.consent.addresses.model import (
    MDN,
    AddressStatus,
    ConsentStatus,
    Manager,
    Said,
    Source,
    after,
)
from clarion.engine.consent.addresses.store import Change, Entry, Pair, Runner
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.keywords.model import Action
from clarion.engine.consent.keywords.reserved import Meaning, reply_language
from clarion.engine.consent.keywords.rules import Keyword, Rules
from clarion.engine.consent.replies import Kind, templates_of, text_of
from clarion.engine.contacts.profile import opted_in, store_keywords
from clarion.engine.senders.model import Sender
from clarion.kit.ids import new_id

MAX_KEPT = 1600
"""Characters of a message that its history entry keeps."""


class Heard(Struct, frozen=True, kw_only=True):
    """A message from a subscriber."""

    company_id: int
    sender: Sender  # whom it was written to
    peer: str  # E.164 of the subscriber, or what the carrier calls them
    text: str
    at: datetime
    message_id: object = None
    address_type: str = MDN
    country: str | None = None  # of the subscriber's number

    @property
    def pair(self) -> Pair:
        return self.sender.id, self.address_type, self.peer


class Reply(Struct, frozen=True, kw_only=True):
    """What was found in a message, what it changed, and what to answer if anything.

    The answer is the first of `templates` that the company has, else `text`, else nothing.
    """

    keyword: Keyword
    consent: ConsentStatus | None = None  # the new status, if this message changed it
    templates: tuple[str, ...] = ()
    text: str | None = None

    @property
    def answers(self) -> bool:
        """Whether something is to be answered."""
        return bool(self.templates) or self.text is not None


class _Found(Struct, frozen=True):
    """A keyword in a message of the batch."""

    position: int
    heard: Heard
    keyword: Keyword


class _Verdict(Struct, frozen=True):
    """What it leads to."""

    found: _Found
    before: AddressStatus
    then: AddressStatus
    said: Said | None  # if it counts
    reply: Reply

    @property
    def changed(self) -> bool:
        return self.then.consent_status is not self.before.consent_status


async def consider(
    tx: Runner, batch: Sequence[Heard], *, keywords: KeywordDirectory
) -> list[Reply | None]:
    """For each message what its keyword leads to; None: there is none in it."""
    decisions: list[Reply | None] = [None] * len(batch)
    places: dict[int, list[int]] = {}
    for position, heard in enumerate(batch):
        places.setdefault(heard.company_id, []).append(position)
    rules = await keywords.rules_of(tx, places)
    now = datetime.now(UTC)
    for company_id in sorted(places):
        positions = places[company_id]
        pairs = sorted({batch[position].pair for position in positions})
        await store.make_pairs(tx, company_id, pairs, now)
        if found := _found(rules[company_id], batch, positions):
            for verdict in await _decide(tx, company_id, found, now):
                decisions[verdict.found.position] = verdict.reply
    return decisions


def _found(rules: Rules, batch: Sequence[Heard], positions: Sequence[int]) -> list[_Found]:
    found = []
    for position in positions:
        heard = batch[position]
        if keyword := rules.find(heard.text, heard.sender.id, heard.at):
            found.append(_Found(position, heard, keyword))
    return found


async def _decide(
    tx: Runner, company_id: int, found: Sequence[_Found], now: datetime
) -> list[_Verdict]:
    """Every message in its order, on statuses that nobody else changes meanwhile."""
    pairs = sorted({each.heard.pair for each in found})
    statuses = await store.lock_pairs(tx, company_id, pairs)
    first = dict(statuses)
    verdicts = []
    for each in found:
        verdict = judge(each, statuses[each.heard.pair])
        statuses[each.heard.pair] = verdict.then
        verdicts.append(verdict)
    await _store(tx, company_id, verdicts, first, now)
    await _tell_contacts(tx, company_id, verdicts)
    return await _guard(tx, company_id, verdicts, now)


def judge(found: _Found, status: AddressStatus) -> _Verdict:
    """What one keyword does to a status, and its answer before any limit."""
    manager = Manager(found.heard.sender.consent_managed_by)
    said = _said(found.keyword)
    asked = status.is_asked(found.heard.at)
    counts = _counts(found.keyword, said, manager, asked=asked)
    then = _after(status, said, manager) if counts and said else status
    changed = then.consent_status is not status.consent_status
    reply = Reply(keyword=found.keyword, consent=then.consent_status if changed else None)
    if counts and _is_answered(said, then.consent_status, changed=changed):
        reply = _with_answer(reply, found, then.consent_status)
    return _Verdict(found, status, then, said if counts else None, reply)


def _said(keyword: Keyword) -> Said | None:
    if Action.OPTOUT in keyword.actions:
        return Said.OPTOUT
    return Said.OPTIN if Action.OPTIN in keyword.actions else None


def _counts(keyword: Keyword, said: Said | None, manager: Manager, *, asked: bool) -> bool:
    """Whether the gateway acts on the keyword, or only tells of it."""
    if keyword.reserved is None or manager is Manager.SCG or asked:
        return True
    return manager is Manager.SCG_UNSOLICITED_OPT_OUT and said is Said.OPTOUT


def _after(status: AddressStatus, said: Said, manager: Manager) -> AddressStatus:
    """Under a carrier's black list the word changes what will be when the list is gone."""
    before = status.before_listing
    return replace(
        status,
        consent_status=after(status.consent_status, said, manager),
        before_listing=None if before is None else after(before, said, manager),
        asked_at=None,
    )


def _is_answered(said: Said | None, then: ConsentStatus, *, changed: bool) -> bool:
    """A refusal is confirmed once; whoever is on a black list is written to no more."""
    if said is Said.OPTOUT:
        return changed
    return then is not ConsentStatus.BLACKLIST


def _with_answer(reply: Reply, found: _Found, then: ConsentStatus) -> Reply:
    keyword = found.keyword
    if keyword.reserved is None:
        named = (keyword.reply_template,) if keyword.reply_template else ()
        return replace(reply, templates=named)
    if keyword.reserved.meaning is Meaning.OPTIN:
        if then is not ConsentStatus.OPTIN:
            return reply  # on a white list, which a word does not touch
        kind = Kind.WELCOME
    elif keyword.reserved.meaning is Meaning.HELP:
        kind = Kind.HELP
    else:
        kind = Kind.BLOCKED if then is ConsentStatus.BLACKLIST else Kind.STOPPED
    language = reply_language(keyword.reserved, found.heard.country)
    return replace(reply, templates=templates_of(kind, language), text=text_of(kind, language))


# ---------------------------------------------------------------- what is stored


async def _store(
    tx: Runner,
    company_id: int,
    verdicts: Sequence[_Verdict],
    first: dict[Pair, AddressStatus],
    now: datetime,
) -> None:
    last = {each.found.heard.pair: each for each in verdicts if each.said}
    changes = [_change(each) for pair, each in last.items() if each.then != first[pair]]
    await store.change_statuses(tx, company_id, changes, now)
    await store.add_history(tx, company_id, [_entry(each) for each in verdicts])
    news = [_news(each) for each in verdicts if each.changed]
    await announce_consent(tx, company_id, news, at=now)


def _change(verdict: _Verdict) -> Change:
    then, listing = verdict.then, verdict.then.before_listing
    spoken = listing or then.consent_status
    asked = verdict.before.is_asked(verdict.found.heard.at)
    return Change(
        id=then.id,
        status=then.consent_status,
        before_listing=listing,
        source=None if listing else Source.MESSAGE,
        opt_in_type=("SMS" if asked else "SINGLE") if spoken is ConsentStatus.OPTIN else None,
        opt_out_type="SMS" if verdict.said is Said.OPTOUT else None,
    )


def _entry(verdict: _Verdict) -> Entry:
    heard = verdict.found.heard
    return Entry(
        id=new_id(),
        application_id=heard.sender.application_id,
        sender_id=heard.sender.id,
        address_type=heard.address_type,
        address=heard.peer,
        source=Source.MESSAGE,
        status=verdict.then.consent_status,
        at=heard.at,
        message=heard.text[:MAX_KEPT],
        keyword=verdict.found.keyword.value,
    )


def _news(verdict: _Verdict) -> ConsentChange:
    heard = verdict.found.heard
    return ConsentChange(
        heard.sender.id, heard.peer, verdict.then.consent_status, heard.sender.application_id
    )


async def _tell_contacts(tx: Runner, company_id: int, verdicts: Sequence[_Verdict]) -> None:
    """When they agreed, and the keywords that are to be remembered."""
    acquired: dict[str, datetime] = {}
    learnt: dict[str, list[tuple[str, str]]] = {}
    for each in verdicts:
        heard, keyword = each.found.heard, each.found.keyword
        if heard.address_type != MDN:
            continue
        if each.said is Said.OPTIN and each.then.consent_status is ConsentStatus.OPTIN:
            acquired[heard.peer] = heard.at
        if Action.STORE in keyword.actions:
            learnt.setdefault(heard.peer, []).append((keyword.value, keyword.name))
    await opted_in(tx, company_id, acquired)
    await store_keywords(tx, company_id, learnt)


async def _guard(
    tx: Runner, company_id: int, verdicts: Sequence[_Verdict], now: datetime
) -> list[_Verdict]:
    """Without the answers that would be too many: two machines must not talk for ever."""
    asked = [
        (place, each.found.heard.sender.id, each.found.heard.peer, each.found.keyword.value)
        for place, each in enumerate(verdicts)
        if each.reply.answers
    ]
    granted = await replies_store.grant_replies(tx, company_id, asked, now)
    return [
        each
        if place in granted or not each.reply.answers
        else replace(each, reply=replace(each.reply, templates=(), text=None))
        for place, each in enumerate(verdicts)
    ]
