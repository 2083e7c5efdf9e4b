"""Consent, as messages need it and as companies say it.

refused(...)   which messages may not be sent; set-based, in one statement
begin(...)     an address is made known; where subscribers speak for themselves, they are asked
change(...)    the company says what it knows
forget(...)    the company wants to know nothing of an address any more
refuse_many(...)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from clarion.engine.accounts.model import Caller
from clarion.engine.consent.addresses import store
from clarion.engine.consent.addresses.announcing import ConsentChange, announce_consent
from clarion.engine.consent.addresses.model import (
    ASK_EVERY,
    EMAIL,
    MAX_OPTOUT,
    MDN,
    PROVEN,
    REFUSED,
    AddressStatus,
    Asked,
    ConsentStatus,
    Manager,
    Refusal,
    Requirement,
    Source,
    Way,
    Wish,
    check_company_change,
)
from clarion.engine.contacts.profile import opted_in
from clarion.engine.senders.model import Sender, SenderState
from clarion.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from clarion.kit.changes import check_version
from clarion.kit.dates import to_epoch_ms
from clarion.kit.ids import new_id, show
from clarion.storage.database import Database


class Question(Struct, frozen=True):
    """A double opt-in message. `key` is the same when it is sent again, and it goes out once."""

    sender_id: UUID
    to: str
    key: str


Ask = Callable[[Question], Awaitable[object]]
"""Sends the question, whatever the consent; called after the commit."""


class StatusChange(Struct, kw_only=True):
    """What a company sets; the rest stays."""

    version: int | None = None
    consent_status: ConsentStatus | None = None
    opt_in_type: Way | None = None
    opt_out_type: Way | None = None


async def refused(
    on: store.Runner, company_id: int, asked: Sequence[Asked], requirement: str
) -> dict[int, Refusal]:
    """The positions that may not be sent to (failure code NO_CONSENT), and why.

    A black list of a carrier's, a sender id that sends to its white list only, and opt-outs that
    the gateway looks after hold whatever the request requires; the rest is its
    `consent_requirement`. Pairs of sender id and address that are new get their status here.
    """
    if not asked:
        return {}
    needed = Requirement(requirement or Requirement.NONE)
    now = datetime.now(UTC)
    found = await store.refused(on, company_id, asked, needed, now)
    listed = ConsentStatus.BLACKLIST
    news = [
        ConsentChange(each.sender_id, each.address, listed)
        for each in asked
        if each.position in found and found[each.position][1]
    ]
    await announce_consent(on, company_id, news, at=now)
    return {position: why for position, (why, _) in found.items()}


async def begin(db: Database, caller: Caller, sender: Sender, wish: Wish, ask: Ask) -> UUID:
    """Make an address known and start its consent flow: the subscriber is asked, or the company's
    word is recorded. Answers the status's id.

    Doing it again while nobody has answered is harmless: the question goes out once a day at most.
    AlreadyExists: there is a decision about this address.
    """
    now = datetime.now(UTC)
    pair = (sender.id, wish.address_type, wish.address)
    asks = _asks(Manager(sender.consent_managed_by), wish)
    if asks:
        _check_askable(sender, wish)

    async def work(tx: asyncpg.Connection) -> AddressStatus:
        await _check_unlisted(tx, wish)
        new = await store.make_pairs(
            tx, caller.company_id, [pair], now, application_id=caller.application_id
        )
        status = (await store.lock_pairs(tx, caller.company_id, [pair]))[pair]
        if status.consent_status is not ConsentStatus.NONE:
            words = f"address: its status is {status.consent_status}: change it by its id."
            raise AlreadyExists(words, field="address")
        version = 1 if new else status.version + 1
        if asks:
            return await _asked(tx, caller, status, wish, now=now, version=version)
        wanted = _decision(sender, wish)
        await _decide(tx, caller, status, wanted, now=now, version=version)
        return status

    status = await db.run(work)
    if asks and status.asked_at is not None:
        key = f"opt-in:{show(status.id)}:{to_epoch_ms(status.asked_at)}"
        await ask(Question(sender.id, status.address, key))
    return status.id


async def change(db: Database, caller: Caller, id: UUID, wanted: StatusChange) -> None:
    """Set what the company says of one address."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        status = await _own(tx, caller, id)
        check_version(wanted.version, status.version)
        then = wanted.consent_status
        if then is None or then is status.consent_status:
            return  # clients send back all that they have read
        check_company_change(
            await _manager(tx, caller.company_id, status.sender_id),
            status.consent_status,
            then,
            how=wanted.opt_in_type,
        )
        await _decide(tx, caller, status, wanted, now=now, version=status.version + 1)

    await db.run(work)


async def forget(db: Database, caller: Caller, id: UUID) -> None:
    """Take a status away; the history stays. The next message makes a new one that says NONE, so a
    company may forget only what it might set to NONE."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        status = await _own(tx, caller, id)
        none = ConsentStatus.NONE
        manager = await _manager(tx, caller.company_id, status.sender_id)
        check_company_change(manager, status.consent_status, none)
        await tx.execute(store.SQL["forget_status"], caller.company_id, id)
        if status.consent_status is not none:
            await _note(tx, caller, status, none, now)

    await db.run(work)


async def refuse_many(
    db: Database,
    caller: Caller,
    sender: Sender,
    addresses: Sequence[tuple[str, str]],
    *,
    status: ConsentStatus = ConsentStatus.OPTOUT,
    how: Way | None = None,
) -> None:
    """Opt many addresses out, given as (type, address). Those on a black list stay there."""
    if status not in REFUSED:
        raise InvalidInput("consent_status: OPTOUT or BLACKLIST.", field="consent_status")
    if not 0 < len(addresses) <= MAX_OPTOUT:
        raise InvalidInput(f"addresses: 1 to {MAX_OPTOUT} of them.", field="addresses")
    pairs = sorted(set(addresses))
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        rows = await tx.fetch(
            store.SQL["refuse_many"],
            *(caller.company_id, store.fresh_ids(len(pairs), now), *zip(*pairs, strict=True)),
            *(sender.id, caller.application_id, status, how, now),
        )
        changes = [ConsentChange(sender.id, row["address"], status) for row in rows]
        await announce_consent(
            tx, caller.company_id, changes, at=now, application_id=caller.application_id
        )

    await db.run(work)


# ---------------------------------------------------------------- the steps


def _asks(manager: Manager, wish: Wish) -> bool:
    """Whether the subscriber is asked. A company that looks after consent itself asks by saying
    nothing; where the gateway does, by saying anything but a refusal, a listing or a proof."""
    if wish.opt_in_type in PROVEN:
        return False
    if manager is Manager.SCG:
        return wish.consent_status in (None, ConsentStatus.NONE, ConsentStatus.OPTIN)
    return wish.consent_status is None


def _decision(sender: Sender, wish: Wish) -> StatusChange:
    """What is recorded without a question; a proof alone means OPTIN."""
    then = wish.consent_status or ConsentStatus.OPTIN
    manager = Manager(sender.consent_managed_by)
    check_company_change(manager, ConsentStatus.NONE, then, how=wish.opt_in_type)
    return StatusChange(
        consent_status=then, opt_in_type=wish.opt_in_type, opt_out_type=wish.opt_out_type
    )


def _check_askable(sender: Sender, wish: Wish) -> None:
    if wish.address_type not in (MDN, EMAIL):
        words = "consent_status: it is required, as only MDN and EMAIL addresses can be asked."
        raise InvalidInput(words, field="consent_status")
    if sender.state is not SenderState.ACTIVE:
        words = f"sender_id: it is {sender.state}, not ACTIVE, and cannot ask for consent."
        raise InvalidInput(words, field="sender_id")


async def _check_unlisted(tx: store.Runner, wish: Wish) -> None:
    if wish.address_type == MDN and await tx.fetchval(store.SQL["is_listed"], wish.address):
        raise _listed()


def _listed() -> Conflict:
    return Conflict("address: it is on a carrier's black list.", field="address")


async def _own(tx: store.Runner, caller: Caller, id: UUID) -> AddressStatus:
    status = await store.lock_status(tx, caller.company_id, id)
    if status is None:
        raise NotFound
    if status.before_listing is not None:
        raise _listed()
    return status


async def _manager(tx: store.Runner, company_id: int, sender_id: UUID) -> Manager:
    """Of a sender id that is gone for good, the company itself."""
    return Manager(await tx.fetchval(store.SQL["manager_of"], company_id, sender_id) or "USER")


async def _asked(
    tx: store.Runner,
    caller: Caller,
    status: AddressStatus,
    wish: Wish,
    *,
    now: datetime,
    version: int,
) -> AddressStatus:
    """The status with the time of its question: a new one if the last was long ago."""
    if status.asked_at is not None and now - status.asked_at < ASK_EVERY:
        return status
    await tx.execute(
        store.SQL["ask"],
        *(caller.company_id, status.id, now, wish.opt_in_type, caller.application_id, version),
    )
    return replace(status, asked_at=now)


async def _decide(
    tx: store.Runner,
    caller: Caller,
    status: AddressStatus,
    wanted: StatusChange,
    *,
    now: datetime,
    version: int,
) -> None:
    then = wanted.consent_status
    if then is None or then is status.consent_status:
        return
    await tx.execute(
        store.SQL["set_status"],
        *(caller.company_id, status.id, then, wanted.opt_in_type, wanted.opt_out_type),
        *(caller.application_id, now, version),
    )
    await _note(tx, caller, status, then, now)
    if then is ConsentStatus.OPTIN and status.address_type == MDN:
        await opted_in(tx, caller.company_id, {status.address: now})


async def _note(
    tx: store.Runner, caller: Caller, status: AddressStatus, then: ConsentStatus, now: datetime
) -> None:
    """In the history, and for those who want to hear of it."""
    await store.add_history(tx, caller.company_id, [_entry(caller, status, then, now)])
    change = ConsentChange(status.sender_id, status.address, then)
    await announce_consent(
        tx, caller.company_id, [change], at=now, application_id=caller.application_id
    )


def _entry(
    caller: Caller, status: AddressStatus, then: ConsentStatus, now: datetime
) -> store.Entry:
    return store.Entry(
        id=new_id(at_ms=to_epoch_ms(now)),
        application_id=caller.application_id,
        sender_id=status.sender_id,
        address_type=status.address_type,
        address=status.address,
        source=Source.COMPANY,
        status=then,
        at=now,
    )
