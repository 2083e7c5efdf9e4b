"""New connections: the host's addresses, each checked, tried in turn."""

from __future__ import annotations

import asyncio
import ssl

from clarion.connectors.webhook.link import Link, Owner, Reply
from clarion.connectors.webhook.reasons import CLOSED
from clarion.connectors.webhook.resolving import Resolver
from clarion.connectors.webhook.target import Target

LEAST_SECONDS = 1.0  # for each address


async def dial(
    target: Target,
    *,
    resolver: Resolver,
    company_id: int,
    owner: Owner,
    context: ssl.SSLContext | None,
    seconds: float,
) -> Link:
    """An open link. Raises Refused, OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    addresses = await resolver.addresses(target, company_id)
    failure: Exception = OSError("The receiver's name has no address.")
    for place, address in enumerate(addresses):
        left = until - loop.time()
        share = max(left / (len(addresses) - place), min(LEAST_SECONDS, left))
        try:
            async with asyncio.timeout(share):
                _, link = await loop.create_connection(
                    lambda: Link(owner, loop.time()),
                    address,
                    target.port,
                    ssl=context,
                    server_hostname=target.host if context else None,
                )
        except TimeoutError:
            failure = TimeoutError("It does not answer.")
        except ValueError as error:
            failure = _unnamed(error)
        except OSError as error:
            failure = error
        else:
            return link
    raise failure


def _unnamed(error: ValueError) -> OSError:
    """OpenSSL takes it for no name of a host; a wrong certificate is a ValueError too."""
    return error if isinstance(error, OSError) else OSError("No certificate can name this host.")


class Asking:
    """The owner of a link for one request and its answer."""

    def __init__(self) -> None:
        self._reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    async def ask(self, link: Link, request: bytes) -> Reply:
        """The link is cut afterwards, whatever comes of it."""
        try:
            link.send(request)
            return await self._reply
        finally:
            link.cut()

    def answered(self, link: Link, reply: Reply) -> None:
        if not self._reply.done():
            self._reply.set_result(reply)

    def closed(self, link: Link) -> None:
        lost = Reply(status=None, body=b"", words=CLOSED)
        self.answered(link, lost)
