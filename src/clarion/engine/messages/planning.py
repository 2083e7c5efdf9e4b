"""Requests that need steps, checked while the client waits; what becomes of each recipient comes
after the answer (expand.py).

Refused here is what would be wrong for every recipient. What only some of them fail leaves their
messages in FAILED; a request with one recipient has no others, so that a bad one is refused here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments.model import AttachmentState
from clarion.engine.attachments.service import read_for_sending
from clarion.engine.billing.service import require_credit
from clarion.engine.contacts.criteria.service import compile_for
from clarion.engine.contacts.groups import groups_among
from clarion.engine.contacts.store import exists
from clarion.engine.messages.links.model import find_track_calls, has_track_calls
from clarion.engine.messages.model import NewRequest, Options
from clarion.engine.messages.plan import LOCAL, NO_CONSENT_NEEDED, NO_OPTIONS
from clarion.engine.messages.ports import Media, Medium
from clarion.engine.messages.prepare import check_indexed, check_times, measure
from clarion.engine.messages.prepared import Prepared
from clarion.engine.messages.push_options import check_push_options
from clarion.engine.messages.recipients import Kind, Named, read
from clarion.engine.messages.rich import stored_media
from clarion.engine.messages.steps.means import Means
from clarion.engine.messages.wishes import content_and_labels, rules, times_and_options
from clarion.engine.senders.channels.choice import Criterion
from clarion.engine.senders.channels.model import Channel, channel_named, names_channel
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import Sender, SenderState
from clarion.engine.senders.templates import is_plain
from clarion.errors import InvalidInput, MessageTooLong
from clarion.kit import ids
from clarion.storage.database import Database

MAX_BODY = 100_000
MAX_MEDIA = 10
MAX_GROUP = 10  # recipients of a group MMS
MAX_CRITERIA = 20_000
FARTHEST_ZONE = timedelta(hours=14)  # a local time is at most so far from UTC
ADDRESSES = frozenset({"MDN", "PUSH", "EMAIL"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})?")
_ANYTHING = Decimal("0.000001")  # whose cost is not known yet
_SENDABLE = frozenset(Medium)
_WITH_MEDIA = _SENDABLE - {Medium.SMS}


class Planner:
    """Accepts requests that need steps."""

    def __init__(
        self,
        db: Database,
        senders: SenderDirectory,
        means: Means,
    ) -> None:
        self._db = db
        self._senders = senders
        self._means = means
        self._limits = means.settings.intake

    async def prepare(self, caller: Caller, new: NewRequest, now: datetime) -> Prepared:
        """Check everything about a request. Raises InvalidInput and its kinds, NotAllowed,
        NotEnoughCredit."""
        options = new.options or NO_OPTIONS
        check_indexed(new)
        check_options(options)
        senders, channel = await self._from(caller.company_id, new.sender)
        check_from(options, senders, channel)
        named = check_to(new, options, self._limits.max_recipients)
        await self._check_contacts(caller.company_id, options, named)
        attachments, media = await self._media(caller.company_id, options)
        is_sms = not media and not options.group_mms and channel is None
        self._check_body(
            new, is_sms=is_sms and Medium.SMS in senders[0].capabilities, has_media=bool(media)
        )
        slack = FARTHEST_ZONE if new.scheduled_zone == LOCAL else timedelta()
        check_times(new, self._limits, now + slack)
        connector = "" if channel else self._connector(senders[0])
        await self._check_credit(caller.company_id, new, senders, named)
        found = _Found(
            sender=senders[0], channel=channel, connector=connector, attachments=attachments,
            media=media, size=_size(named),
        )  # fmt: skip
        return _planned(caller, new, found, now)

    async def needs_consent(self, sender: Sender) -> bool:
        """Whether a message that requires none has to be looked at for consent all the same."""
        return await self._means.gate.needed(sender, NO_CONSENT_NEEDED)

    def knows_no_consent_needed(self) -> bool:
        """Whether `needs_consent` would say no now, of a sender id without rules, without a
        look."""
        return self._means.gate.is_open()

    async def _from(
        self, company_id: int, reference: str
    ) -> tuple[Sequence[Sender], Channel | None]:
        """What a request leaves from, in a state to send."""
        if not names_channel(reference):
            return (await self._senders.resolve(company_id, reference),), None
        id = channel_named(reference)
        channel = await self._means.channels.get(company_id, id) if id else None
        if channel is None:
            raise InvalidInput("from: there is no such channel.", field="from")
        active = [s for s in channel.senders if s.state is SenderState.ACTIVE]
        if not active:
            raise InvalidInput("from: no sender id of the channel is ACTIVE.", field="from")
        return active, channel

    def _connector(self, sender: Sender) -> str:
        """The one that carries the first of the sender id's media that any carries."""
        for medium in Medium:
            if medium in sender.capabilities and (found := self._means.carrier(sender, medium)):
                return found
        raise InvalidInput("from: no connector carries this sender id.", field="from")

    async def _check_contacts(
        self, company_id: int, options: Options, named: Sequence[Named]
    ) -> None:
        """Groups are there, and criteria mean something; so is a contact who is named alone."""
        if options.criteria:
            await compile_for(self._db, company_id, options.criteria)
            return
        groups = [each for each in named if each.kind is Kind.GROUP and each.id]
        if groups:
            there = await groups_among(self._db, company_id, [g.id for g in groups if g.id])
            for each in groups:
                if each.id not in there:
                    raise InvalidInput(f"to: there is no {each.given[:100]}.", field="to")
        elif len(named) == 1 and not await self._is_there(company_id, named[0]):
            raise InvalidInput(f"to: there is no {named[0].given[:100]}.", field="to")

    async def _is_there(self, company_id: int, named: Named) -> bool:
        """Whether somebody has the id; an address needs nobody."""
        if named.id is None or await exists(self._db, company_id, named.id):
            return True
        return named.kind is Kind.EITHER and bool(
            await groups_among(self._db, company_id, [named.id])
        )

    async def _media(
        self, company_id: int, options: Options
    ) -> tuple[tuple[UUID, ...], tuple[Media, ...]]:
        """What travels beside the text: attachments, or addresses on the web."""
        if not options.attachments:
            return (), tuple(Media(name=_file_name(url), url=url) for url in options.media_urls)
        wanted = [_attachment_id(text) for text in options.attachments]
        found = {each.id: each for each in await read_for_sending(self._db, company_id, wanted)}
        media = []
        for id, shown in zip(wanted, options.attachments, strict=True):
            file = found.get(id)
            if file is None:
                raise _wrong("attachments", f"there is no attachment {shown}")
            if file.state is not AttachmentState.UPLOADED:
                raise _wrong("attachments", f"the attachment {shown} has no content yet")
            name = file.filename or file.name or shown
            media.append(Media(name, file.mime_type, file.size, key=file.key))
        return tuple(wanted), tuple(media)

    async def _check_credit(
        self, company_id: int, new: NewRequest, senders: Sequence[Sender], named: Sequence[Named]
    ) -> None:
        """The company can pay the least that the recipients who are known will cost."""
        means = self._means
        if not means.settings.billing.enabled or new.test:
            return
        await means.rates.refresh()
        least = Decimal(0)
        countries = Counter(each.country for each in named if each.kind is Kind.NUMBER)
        for country, count in countries.items():
            rates = [means.price(company_id, s, country, medium) for s in senders for medium in
                     (Medium.SMS, Medium.MMS) if medium in s.capabilities]  # fmt: skip
            least += count * min((rate for rate in rates if rate is not None), default=Decimal(0))
        await require_credit(self._db, company_id, least or _ANYTHING)

    def _check_body(self, new: NewRequest, *, is_sms: bool, has_media: bool) -> None:
        """There is a text, it is not too long, and its links can be tracked. Raises
        MessageTooLong, BadTrackingUrl."""
        if "\x00" in new.body:
            raise InvalidInput("body: must not hold the NUL character", field="body")
        if not new.body and not has_media:
            raise InvalidInput("body: is needed", field="body")
        if len(new.body) > MAX_BODY:
            raise MessageTooLong(f"body: more than {MAX_BODY} characters", field="body")
        find_track_calls(new.body, template=not is_plain(new.body))
        if is_sms and is_plain(new.body) and not has_track_calls(new.body):
            measure(new.body, latin1=True, limits=self._limits)


class _Found(Struct, kw_only=True):
    """What a request was found to leave from, and to carry."""

    sender: Sender
    channel: Channel | None
    connector: str  # of one sender id
    attachments: tuple[UUID, ...]
    media: tuple[Media, ...]
    size: int | None


# ---------------------------------------------------------------- checks


def check_options(options: Options) -> None:
    """Values that are wrong by themselves, or beside one another."""
    for name, words in (
        ("sender_id_sort_criteria", frozenset(Criterion)),
        ("contact_delivery_address_priority", ADDRESSES),
    ):
        for word in getattr(options, name):
            if word not in words:
                raise _wrong(name, f"it can hold {', '.join(sorted(words))}, not {word[:50]!r}")
    for name in ("src_language", "dst_language"):
        language = getattr(options, name)
        if language is not None and not _LANGUAGE.fullmatch(language):
            raise _wrong(name, f"{language[:50]!r} is not a language such as en or pt-BR")
    if options.price_threshold is not None and options.price_threshold < 0:
        raise _wrong("price_threshold", "it is not negative")
    check_push_options(options.options)
    _check_media(options)


def _check_media(options: Options) -> None:
    if options.attachments and options.media_urls:
        raise _wrong("media_urls", "they cannot be together with attachments")
    for name in ("attachments", "media_urls"):
        if len(getattr(options, name)) > MAX_MEDIA:
            raise _wrong(name, f"at most {MAX_MEDIA}")
    for url in options.media_urls:
        if not _is_web_address(url):
            raise _wrong("media_urls", f"{url[:100]!r} is not an http or https address")


def check_from(options: Options, senders: Sequence[Sender], channel: Channel | None) -> None:
    """What the sender ids must be able to do for what is asked."""
    able = {capability for sender in senders for capability in sender.capabilities}
    if not able & _SENDABLE:
        raise _wrong("from", "it cannot send messages")
    for name in ("attachments", "media_urls"):
        if getattr(options, name) and not able & _WITH_MEDIA:
            raise _wrong(name, "the sender id cannot send media")
    if options.failover:
        if channel is None or not {Medium.PSH, Medium.SMS} <= able:
            raise _wrong("failover", "it needs a channel with sender ids for push and for SMS")
        if options.attachments or options.media_urls:
            raise _wrong("failover", "an SMS cannot carry attachments")
    if options.group_mms and not any(
        Medium.MMS in s.capabilities and s.type_id == "LONGCODE" for s in senders
    ):
        raise _wrong("group_mms", "it needs a long code that can send MMS")


def check_to(new: NewRequest, options: Options, most: int) -> list[Named]:
    """Somebody to send to, in forms that can be read where there is one alone."""
    if bool(new.recipients) == bool(options.criteria):
        words = "must be empty beside criteria" if new.recipients else "at least one is needed"
        raise InvalidInput(f"to: {words}", field="to")
    if options.criteria and len(options.criteria) > MAX_CRITERIA:
        raise _wrong("criteria", f"at most {MAX_CRITERIA} characters")
    if len(new.recipients) > most:
        raise InvalidInput(f"to: at most {most} recipients", field="to")
    named = [read(text) for text in new.recipients]
    if len(named) == 1 and named[0].wrong:
        raise InvalidInput(f"to: {named[0].wrong}", field="to")
    if options.group_mms:
        _check_group(named)
    return named


def _check_group(named: Sequence[Named]) -> None:
    if not 0 < len(named) <= MAX_GROUP:
        raise _wrong("group_mms", f"it is for at most {MAX_GROUP} recipients")
    for each in named:
        if each.kind is not Kind.NUMBER or (each.country or "US") != "US":
            raise _wrong("group_mms", f"{each.given[:50]!r} is not a number of the United States")


def _size(named: Sequence[Named]) -> int | None:
    """How many messages there will be at most; None: groups have as many as they have."""
    if not named or any(each.kind in {Kind.GROUP, Kind.EITHER} for each in named):
        return None
    return len(named)


def _attachment_id(text: str) -> UUID:
    found = ids.parse(text)
    if found is None:
        raise _wrong("attachments", f"there is no attachment {text[:100]}")
    return found


def _is_web_address(url: str) -> bool:
    return len(url) <= 2000 and bool(re.fullmatch(r"https?://[^\s/?#\"<>\\]+[^\s\"<>\\]*", url))


def _file_name(url: str) -> str:
    return url.partition("?")[0].rstrip("/").rpartition("/")[2][:255] or "media"


def _wrong(name: str, words: str) -> InvalidInput:
    return InvalidInput(f"{name}: {words}.", field=name)


# ---------------------------------------------------------------- what is stored


def answer_request(caller: Caller, new: NewRequest, sender: Sender, now: datetime) -> Prepared:
    """A message of the gateway's own to one subscriber, which needs no checks."""
    found = _Found(
        sender=sender, channel=None, connector="", attachments=(), media=(), size=1
    )  # fmt: skip
    return _planned(caller, new, found, now)


def _planned(caller: Caller, new: NewRequest, found: _Found, now: datetime) -> Prepared:
    request_id = ids.new_request_id(at_ms=int(now.timestamp() * 1000))
    sender_id = None if found.channel else found.sender.id
    owner = caller.company_id, request_id, caller.application_id
    origin = sender_id, found.channel.id if found.channel else None
    return Prepared(
        kind=(),
        request_id=request_id,
        company_id=caller.company_id,
        connector=found.connector,
        queued=found.size or 1,
        sender_id=sender_id,
        attachments=found.attachments,
        planned=(
            *owner, *origin, *content_and_labels(new), *rules(new), *times_and_options(new, now),
            stored_media(found.media), found.size,
        ),
    )  # fmt: skip
