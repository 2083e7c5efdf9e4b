"""Who is calling: a bearer token, or the internal headers from a trusted network.

SCG clients send `Authorization: Bearer <application access token>`. Systems of the operator's own
may send int-companyId and int-appId in its place, but only from networks that the settings name;
the address is the socket's, never one that a header claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from clarion.api.services import Tokens
from clarion.engine.accounts.model import Caller
from clarion.engine.contacts.tokens.model import is_contact_token
from clarion.errors import NotAuthenticated

_MAX_TOKEN = 512
_MAX_ID = 2**31 - 1


class Authenticator:
    """Turns the headers of a request into its caller."""

    def __init__(self, tokens: Tokens, trusted_networks: Iterable[str]) -> None:
        self._tokens = tokens
        self._trusted = [ip_network(n) for n in trusted_networks]

    def known(self, scope: Mapping[str, Any]) -> Caller | None:
        """The caller of the usual request: one whose token is in memory."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                if value[:7] != b"Bearer " or len(value) > _MAX_TOKEN:
                    return None
                return self._tokens.cached(value[7:].decode("latin-1"))
        return None

    async def caller(self, scope: Mapping[str, Any]) -> Caller:
        """The caller; NotAuthenticated if the request names none that we know."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                return await self._bearer(value)
        if self._trusted:
            return await self._internal(scope)
        raise NotAuthenticated("The access token is missing.")

    async def _bearer(self, value: bytes) -> Caller:
        if value[:7].lower() != b"bearer " or len(value) > _MAX_TOKEN:
            raise NotAuthenticated("The Authorization header must be: Bearer <access token>.")
        token = value[7:].strip().decode("latin-1")
        caller = self._tokens.cached(token) or await self._tokens.find(token)
        if caller is None:
            raise _unknown(token)
        return caller

    async def _internal(self, scope: Mapping[str, Any]) -> Caller:
        headers = dict(scope["headers"])
        named = headers.get(b"int-companyid"), headers.get(b"int-appid")
        if named == (None, None) or not is_inside(scope, self._trusted):
            raise NotAuthenticated("The access token is missing.")
        company, application = map(_number, named)
        if company is None or application is None:
            raise NotAuthenticated("int-companyId and int-appId are needed, both as whole numbers.")
        caller = await self._tokens.application(company, application)
        if caller is None:
            raise NotAuthenticated("int-companyId and int-appId name no application.")
        return caller


def _unknown(token: str) -> NotAuthenticated:
    if is_contact_token(token):
        return NotAuthenticated(
            "This is the access token of a contact: a device can use it below /scg-dra/proxy. "
            "All else needs the access token of an application."
        )
    return NotAuthenticated("The access token is unknown, expired or revoked.")


def is_inside(scope: Mapping[str, Any], networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether the socket's other end lies in one of the networks."""
    client = scope.get("client")
    if not client:
        return False
    try:
        address = ip_address(client[0])
    except ValueError:  # a Unix socket, or a zone index
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)


def _number(value: bytes | None) -> int | None:
    if value is None or len(value) > 10 or not value.isdigit():
        return None
    number = int(value)
    return number if number <= _MAX_ID else None
