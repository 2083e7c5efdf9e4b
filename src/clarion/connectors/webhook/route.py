"""The way to one delivery configuration: what it takes to write its requests, and its links."""

from __future__ import annotations

import asyncio
import ssl

from clarion.connectors.webhook.link import Link
from clarion.connectors.webhook.oauth import Tokens
from clarion.connectors.webhook.request import bearer, head_of, rest_of
from clarion.connectors.webhook.signing import keys_of
from clarion.connectors.webhook.target import BadAddress, Target, parse_target
from clarion.connectors.webhook.tls import Tls
from clarion.engine.events.delivering.ports import Answered
from clarion.engine.events.model import AuthenticationType, Destination, Event


class Exchange:
    """One post: from `post` to its answer."""

    __slots__ = (
        "answered", "begun", "link", "over", "renewed", "rest", "reused", "route", "task", "token"
    )  # fmt: skip

    def __init__(self, route: Route, rest: bytes, answered: Answered, begun: float) -> None:
        self.route = route
        self.rest = rest
        self.answered = answered
        self.begun = begun
        self.link: Link | None = None
        self.task: asyncio.Task[None] | None = None  # while it connects
        self.reused = False  # its link had carried others before
        self.renewed = False  # its token was refused once
        self.token = b""
        self.over = False

    def request(self) -> bytes:
        authorization = bearer(self.token) if self.token else b""
        return b"".join((self.route.head, authorization, self.rest))


class Route:
    """Made anew when the configuration changes."""

    def __init__(self, destination: Destination, tls: Tls) -> None:
        self.destination = destination
        self.company_id = destination.configuration.company_id
        self.refusal = ""  # why nothing can be posted
        self.idle: list[Link] = []  # the last one used is the first one used again
        self.under_way = 0
        self.waiting: list[Exchange] = []  # for a token
        self.renewing: asyncio.Task[None] | None = None
        self.tokens: Tokens | None = None
        self.context: ssl.SSLContext | None = None
        self.head = b""
        self._keys = keys_of(destination.secrets)
        try:
            self.target: Target = self._prepare(destination, tls)
        except ValueError as error:  # BadAddress among them
            self.refusal = str(error)

    def leads_to(self, destination: Destination) -> bool:
        """Whether requests to `destination` are as this one's are."""
        if self.destination is destination:
            return True
        if _way(self.destination) != _way(destination):
            return False
        self.destination = destination
        if self.tokens is not None:
            self.tokens.learned(destination.settings.get("refresh_token"))
        return True

    def _prepare(self, destination: Destination, tls: Tls) -> Target:
        configuration = destination.configuration
        target = parse_target(configuration.address or "")
        if configuration.authentication_type is AuthenticationType.OAUTH:
            try:
                self.tokens = Tokens(destination.settings)
            except BadAddress as error:
                raise ValueError(f"token_url: {error}") from None
        if target.secure:
            self.context = tls.context(destination.settings)
        self.head = head_of(destination, target)
        return target

    def rest(self, event: Event, attempt: int) -> bytes:
        form = self.destination.configuration.format
        return rest_of(event, attempt=attempt, form=form, keys=self._keys)


def _way(destination: Destination) -> tuple[object, ...]:
    """A refresh token changes by itself; when somebody sets another one, the version tells."""
    configuration, settings = destination.configuration, dict(destination.settings)
    refreshed = settings.pop("refresh_token", None) is not None
    return (
        configuration.address, configuration.format, configuration.authentication_type,
        settings, destination.secrets, configuration.version if refreshed else 0,
    )  # fmt: skip
