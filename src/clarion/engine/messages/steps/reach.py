"""Which address a recipient is reached at, from which sender id and over which medium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from clarion.engine.contacts.reading import SendableContact, Target
from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.plan import Plan
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.recipients import Kind, Named, push_address
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.means import Means
from clarion.engine.messages.steps.media import what_is_refused
from clarion.engine.senders.channels.choice import Choice, Destination, choose
from clarion.engine.senders.model import Sender
from clarion.kit import ids
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox

_TEXT, _MEDIA = (Medium.SMS, Medium.MMS), (Medium.MMS,)
_BY_DEFAULT = ("MDN", "PUSH", "EMAIL")
_PUSH_FIRST = ("PUSH", "MDN", "EMAIL")
_BY_NAME = {"MDN": Kind.NUMBER, "PUSH": Kind.PUSH, "EMAIL": Kind.EMAIL}
_BY_ADDRESS = frozenset(_BY_NAME.values())
_KINDS = {Medium.PSH.value: Kind.PUSH, Medium.EMAIL.value: Kind.EMAIL}


class _Facts:
    """What decides between the sender ids of a channel, for one request."""

    def __init__(self, means: Means, plan: Plan) -> None:
        self._means = means
        self._company = plan.company_id
        self._media = plan.media
        threshold = plan.options.price_threshold
        self._most = None if threshold is None else Decimal(str(threshold))

    def carried(self, sender: Sender, destination: Destination) -> bool:
        return self._means.carrier(sender, destination.capability) is not None

    def allowed(self, sender: Sender) -> bool:
        return not self._media or what_is_refused(sender, self._media) is None

    def ready(self, sender: Sender, destination: Destination) -> bool:
        if self._most is not None:
            cost = self.price(sender, destination)
            if cost is not None and cost > self._most:
                return False
        return self._means.room(sender, destination.country)

    def price(self, sender: Sender, destination: Destination) -> Decimal | None:
        medium = destination.capability
        return self._means.price(self._company, sender, destination.country, medium)


def named_candidate(
    means: Means, plan: Plan, named: Named, owner: SendableContact | None = None
) -> Candidate:
    """A recipient whose address the client gave. `owner`: the contact whose it is known to be."""
    c = Candidate(plan, named.given, named.kind, named.address, named.country)
    c.medium = _asked(plan, named.kind)
    if owner is not None:
        _know(c, owner)
    if named.wrong:
        c.fail(FailureCode.INVALID_RECIPIENT, named.wrong)
        return c
    application = _application(plan, named.sender) if named.sender else None
    if named.sender and application is None:
        c.fail(FailureCode.NO_SENDER, "The request does not leave from that application.")
        return c
    destinations = [
        Destination(named.address, medium, named.country, application)
        for medium in media_of(plan, named.kind)
    ]
    choice = _choose(means, plan, destinations)
    if choice is None:
        c.fail(FailureCode.NO_SENDER, _no_sender(plan, named))
    else:
        _leave(means, c, choice)
    return c


def contact_candidates(
    means: Means, plan: Plan, contact: SendableContact | None, named: Named | None
) -> list[Candidate]:
    """A contact's message, or one for each device of theirs. `named`: the client named them, and
    is told where there is none."""
    if contact is None:
        wrong = "There is no such contact."
    else:
        choice = _choose(means, plan, list(_destinations(plan, contact)))
        if choice is not None:
            return _reached(means, plan, contact, choice)
        if plan.options.failover is not None and contact.primary_mdn is not None:
            return [text_candidate(means, plan, contact, contact.primary_mdn)]
        wrong = "The contact has no address that the sender id can send to."
    if named is None:
        return []
    c = Candidate(plan, named.given, Kind.CONTACT, "", contact_id=named.id)
    c.medium = _asked(plan, Kind.CONTACT)
    c.fail(FailureCode.INVALID_RECIPIENT, wrong)
    return [c]


def text_candidate(means: Means, plan: Plan, contact: SendableContact, mdn: str) -> Candidate:
    """An SMS to a contact, whatever other address they have."""
    destination = Destination(mdn, Medium.SMS, country_of(mdn))
    choice = _choose(means, plan, [destination])
    if choice is not None:
        return _reached(means, plan, contact, choice)[0]
    c = Candidate(plan, mdn, Kind.NUMBER, mdn, destination.country, contact_id=contact.id)
    c.fail(FailureCode.NO_SENDER, "No sender id of the channel can send SMS.")
    return c


def media_of(plan: Plan, kind: Kind) -> Sequence[str]:
    """The media that reach an address of this kind, the best first."""
    if kind is Kind.PUSH:
        return (Medium.PSH,)
    if kind is Kind.EMAIL:
        return (Medium.EMAIL,)
    return _MEDIA if plan.has_media or plan.options.group_mms else _TEXT


def _priority(plan: Plan) -> Sequence[str]:
    """The kinds of a contact's addresses, in the order that the client wishes."""
    by_default = _BY_DEFAULT if plan.options.failover is None else _PUSH_FIRST
    return plan.options.contact_delivery_address_priority or by_default


def _asked(plan: Plan, kind: Kind) -> str:
    """The medium that a recipient of this kind was to be reached over, whatever becomes of it."""
    if kind in _BY_ADDRESS:
        return media_of(plan, kind)[0]
    wanted = _priority(plan)
    media = [medium for each in wanted for medium in media_of(plan, _BY_NAME[each])]
    able = {capability for sender in plan.senders for capability in sender.capabilities}
    return next((medium for medium in media if medium in able), media[0])


def _destinations(plan: Plan, contact: SendableContact) -> Iterator[Destination]:
    """The addresses of a contact, in the order that the client wishes."""
    for kind in _priority(plan):
        if kind == "MDN" and contact.primary_mdn:
            country = country_of(contact.primary_mdn)
            for medium in media_of(plan, Kind.NUMBER):
                yield Destination(contact.primary_mdn, medium, country)
        elif kind == "EMAIL" and (mailbox := _mailbox(contact.email)):
            yield Destination(mailbox, Medium.EMAIL, contact.country)
        elif kind == "PUSH":
            for provider, application, token in contact.tokens:
                address = push_address(provider, token)
                yield Destination(address, Medium.PSH, contact.country, application)


def _choose(means: Means, plan: Plan, destinations: Sequence[Destination]) -> Choice | None:
    """The sender id and the address, of those that a connector carries."""
    if plan.channel is None:
        sender = plan.sender
        for each in destinations:
            if _carries(means, sender, each):
                return Choice(sender, each)
        return None
    return choose(
        plan.channel,
        destinations,
        _Facts(means, plan),
        sort_criteria=plan.options.sender_id_sort_criteria,
        together=ids.show(plan.request_id) if plan.options.group_mms else None,
    )


def _carries(means: Means, sender: Sender, destination: Destination) -> bool:
    return (
        destination.capability in sender.capabilities
        and destination.sender_address in (None, sender.address)
        and means.carrier(sender, destination.capability) is not None
    )


def _know(c: Candidate, contact: SendableContact) -> None:
    """What is known of whom it goes to."""
    c.contact_id, c.attributes = contact.id, contact.attributes
    c.home, c.zip = contact.country, contact.zip
    c.preferred_language = contact.language


def _leave(means: Means, c: Candidate, choice: Choice) -> None:
    medium = choice.destination.capability
    c.sender, c.medium = choice.sender, medium
    c.connector = means.carrier(choice.sender, medium) or ""


def _reached(means: Means, plan: Plan, contact: SendableContact, choice: Choice) -> list[Candidate]:
    """One message; of push, one for each device that has the application."""
    destination = choice.destination
    addresses = [destination.address]
    if destination.capability == Medium.PSH:
        addresses = _devices(contact.tokens, choice.sender.address)
    found = []
    for address in addresses:
        c = Candidate(
            plan,
            address,
            _KINDS.get(destination.capability, Kind.NUMBER),
            address,
            destination.country,
        )
        _know(c, contact)
        _leave(means, c, choice)
        c.fails_over = (
            plan.options.failover is not None
            and c.medium == Medium.PSH
            and len(addresses) == 1
            and contact.primary_mdn is not None
        )
        found.append(c)
    return found


def _devices(tokens: Sequence[Target], application: str) -> list[str]:
    return [
        push_address(provider, token) for provider, sender, token in tokens if sender == application
    ]


def _application(plan: Plan, reference: str) -> str | None:
    """The address of the sender id that a push recipient names, by id or address."""
    return next((s.address for s in plan.senders if reference in (ids.show(s.id), s.address)), None)


def country_of(mdn: str) -> str | None:
    try:
        return parse_address(mdn).country
    except ValueError:
        return None


def _mailbox(text: str | None) -> str | None:
    """A contact's address in the one spelling that consent is kept for."""
    try:
        return parse_mailbox(text) if text else None
    except ValueError:
        return None


def _no_sender(plan: Plan, named: Named) -> str:
    wanted = " or ".join(media_of(plan, named.kind))
    if plan.channel is None:
        return f"The sender id cannot send {wanted}."
    where = f" to {named.country}" if named.country else ""
    return f"No sender id of the channel can send {wanted}{where}."
