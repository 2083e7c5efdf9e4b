"""Access tokens of attachments: whoever has one can read and write the content until it expires.

SCG reference, Access Token. They stand in the address of the content, where a client has no other
credential.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments import store
from clarion.engine.attachments.model import Target, Token
from clarion.errors import NotFound
from clarion.kit import ids


async def issue_token(
    source: store.Source, caller: Caller, attachment_id: UUID, *, lifetime: float
) -> Token:
    """A new token for an attachment of the caller's company; `lifetime` in seconds."""
    made = Token(ids.new_secret_id(), datetime.now(UTC) + timedelta(seconds=lifetime))
    found = await source.fetchval(
        store.SQL["insert_token"],
        caller.company_id,
        attachment_id,
        made.id,
        caller.application_id,
        made.expires_at,
    )
    if found is None:
        raise NotFound
    return made


async def open_token(source: store.Source, token: UUID | None) -> Target:
    """What a token opens. NotFound: it is unknown, expired or deleted."""
    target = token and await store.token_target(source, token, datetime.now(UTC))
    if not target:
        raise NotFound("The access token is unknown or has expired.")
    return target


async def delete_token(source: store.Source, company_id: int, token: UUID) -> None:
    """It opens nothing any more."""
    if await source.fetchval(store.SQL["delete_token"], company_id, token) is None:
        raise NotFound
