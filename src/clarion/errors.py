"""Every error that Clarion raises on purpose.

The engine raises these; each door turns the code into its own answer. The docstring of a class
is its default message.

    ClarionError
    ├── InvalidInput            the caller sent something that cannot be accepted
    │   ├── InvalidCriteria         a query, or a subscription's criterion, cannot be understood
    │   ├── BadTrackingUrl          a link that is to be tracked cannot be
    │   ├── ContentTooLarge         a file is over its limit
    │   ├── MessageTooLong          text needs more fragments than allowed
    │   └── ValueTooLong            an indexed value is over its length
    ├── NotAuthenticated        no credential, or one that is unknown, expired or revoked
    ├── NotAllowed              the credential is good, the action is not
    ├── NotEnoughCredit         the company's balance does not cover it
    ├── NotFound                no such thing in this company
    ├── Conflict                the thing is not in the state that the caller thinks
    │   ├── StaleVersion            version_number is not the current one
    │   └── AlreadyExists           a unique key is taken
    ├── TooManyRequests         a rate limit or a bounded queue is full; try later
    └── Unavailable             the database or another need is away; nothing was done
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Self


class ClarionError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        self.message = message or cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.field = field
        super().__init__(self.message)

    def at(self, place: str) -> Self:
        """The same, of one of several: `place` says which."""
        self.message = f"{place}: {self.message}"
        self.args = (self.message,)
        return self


class InvalidInput(ClarionError):
    """The request cannot be understood."""


class InvalidCriteria(InvalidInput):
    """The criteria cannot be understood."""

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        position: int | None = None,  # of the character that is wrong; the first is 1
    ) -> None:
        super().__init__(message, field=field)
        self.position = position


class BadTrackingUrl(InvalidInput):
    """A link in the body cannot be tracked."""


class ContentTooLarge(InvalidInput):
    """The content is larger than allowed."""


class MessageTooLong(InvalidInput):
    """The message needs more fragments than allowed."""


class ValueTooLong(InvalidInput):
    """A value is longer than allowed."""


class NotAuthenticated(ClarionError):
    """The access token is missing, unknown, expired or revoked."""


class NotAllowed(ClarionError):
    """This is not allowed with the current access token."""


class NotEnoughCredit(ClarionError):
    """The account does not have sufficient funds for this operation."""


class NotFound(ClarionError):
    """There is no such resource."""


class Conflict(ClarionError):
    """The resource is not in a state that allows this."""


class StaleVersion(Conflict):
    """The version_number is not the current one: read the resource again."""


class AlreadyExists(Conflict):
    """A resource with this unique key exists."""


class TooManyRequests(ClarionError):
    """Too many requests."""

    def __init__(
        self, message: str | None = None, *, retry_after: float = 1.0, field: str | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.retry_after = retry_after


class Unavailable(ClarionError):
    """The gateway cannot store anything at the moment; nothing was accepted."""

    told = False  # whether the log has its cause already, as long as that lasts

    def __init__(
        self, message: str | None = None, *, retry_after: float = 2.0, field: str | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.retry_after = retry_after
