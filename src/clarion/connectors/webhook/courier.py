"""Posts events over HTTP/1.1: the Courier of the engine.

    post -> a free link of the configuration, or a new one -> answer -> the next post

There is no task a post: a link's answer calls back, and whoever is called back may post at once,
on the link that has just become free. One sweep for all of them ends what takes too long. Redirects
are answers as any other: nothing is followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path

from clarion.connectors.webhook.answers import kept_text
from clarion.connectors.webhook.dialing import Asking, dial
from clarion.connectors.webhook.guard import Guard
from clarion.connectors.webhook.link import Link, Reply
from clarion.connectors.webhook.oauth import NoToken
from clarion.connectors.webhook.reasons import CLOSED, why
from clarion.connectors.webhook.resolving import Refused, Resolve, Resolver
from clarion.connectors.webhook.route import Exchange, Route
from clarion.connectors.webhook.tls import Tls
from clarion.engine.events.delivering.ports import Answer, Answered
from clarion.engine.events.model import Destination, Event
from clarion.log import get_logger

IDLE_SECONDS = 15.0  # that a link is kept for the next post
MAX_AGE = 300.0  # seconds; then its name is looked up again
SWEEP_SECONDS = 0.25
MAX_ROUTES = 5000  # that are kept though nothing goes by them

POST_FAILED = "webhook.post_failed"

log = get_logger(__name__)
Key = tuple[int, int]
Refreshed = Callable[[Destination, str, str], Awaitable[None]]


class WebhookCourier:
    """One a process. Made inside the event loop."""

    def __init__(
        self,
        *,
        timeout: float,
        max_links: int,
        allowed_networks: Iterable[str] = (),
        refreshed: Refreshed | None = None,
        resolve: Resolve | None = None,
        trusted: Path | None = None,
    ) -> None:
        """Raises SettingsError. `refreshed` keeps a new refresh token: destination, the one used,
        the new one. `resolve` takes the place of the system's resolver, and `trusted` that of its
        certificate authorities."""
        self._timeout = timeout
        self._max_links = max_links
        self._refreshed = refreshed
        self._resolver = Resolver(Guard(allowed_networks), resolve)
        self._tls = Tls(trusted)
        self._loop = asyncio.get_running_loop()
        self._routes: dict[Key, Route] = {}
        self._running: dict[Exchange, None] = {}  # the oldest first
        self._idle: dict[Link, float] = {}  # free links, and since when; the oldest first
        self._links: set[Link] = set()  # all that are open
        self._dialing = 0
        self._room_for_routes = MAX_ROUTES
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    # ------------------------------------------------------------ the port

    def post(
        self, destination: Destination, event: Event, *, attempt: int, answered: Answered
    ) -> None:
        route = self._route(destination)
        exchange = Exchange(route, b"", answered, self._loop.time())
        self._running[exchange] = None
        route.under_way += 1
        if route.refusal:
            self._loop.call_soon(self._hopeless, exchange, route.refusal)
            return
        try:
            exchange.rest = route.rest(event, attempt)
        except Exception:  # one event must not stop the others
            log.exception(POST_FAILED, company_id=route.company_id, event_id=str(event.id))
            self._loop.call_soon(self._hopeless, exchange, "The event cannot be written.")
            return
        self._submit(exchange)
        if self._sweep is None:
            self._sweep_later()

    async def close(self) -> None:
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self._running.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in tuple(self._links):
            link.cut()

    # ------------------------------------------------------------ links call

    def answered(self, link: Link, reply: Reply) -> None:
        exchange = link.job
        assert isinstance(exchange, Exchange)
        link.job = exchange.link = None
        self._release(link, exchange.route)
        if exchange.over:
            return
        if reply.silent and exchange.reused:  # closed by the receiver as we wrote: not a try
            exchange.reused = False
            self._connect(exchange)
        elif reply.status == 401 and exchange.token and not exchange.renewed:
            assert exchange.route.tokens is not None
            exchange.renewed = True
            exchange.route.tokens.spoiled(exchange.token)
            self._submit(exchange)
        else:
            self._finish(exchange, reply)

    def closed(self, link: Link) -> None:
        self._links.discard(link)
        if self._idle.pop(link, None) is not None:
            route = link.job
            if isinstance(route, Route):
                route.idle.remove(link)

    def _release(self, link: Link, route: Route) -> None:
        """A link whose request is answered: kept for the next one, or gone."""
        now = self._loop.time()
        current = self._routes.get(_key(route.destination)) is route
        if link.open and current and not self._closed and now - link.born < MAX_AGE:
            link.job = route
            route.idle.append(link)
            self._idle[link] = now
            return
        self._links.discard(link)
        if link.open:
            link.cut()

    # ------------------------------------------------------------ sending

    def _route(self, destination: Destination) -> Route:
        key = _key(destination)
        route = self._routes.get(key)
        if route is None or not route.leads_to(destination):
            if route is not None:
                self._forget(route)
            route = self._routes[key] = Route(destination, self._tls)
        return route

    def _forget(self, route: Route) -> None:
        """Its free links are closed; what is under way ends as it will."""
        for link in route.idle:
            del self._idle[link]
            self._links.discard(link)
            link.cut()
        route.idle.clear()

    def _submit(self, exchange: Exchange) -> None:
        route = exchange.route
        if route.tokens is not None:
            token = route.tokens.current(self._loop.time())
            if token is None:
                route.waiting.append(exchange)
                if route.renewing is None:
                    route.renewing = self._spawn(self._renew(route))
                return
            exchange.token = token
        if route.idle:
            link = route.idle.pop()
            del self._idle[link]
            exchange.reused = True
            self._write(link, exchange)
        else:
            self._connect(exchange)

    def _write(self, link: Link, exchange: Exchange) -> None:
        link.job = exchange
        exchange.link = link
        link.send(exchange.request())

    def _connect(self, exchange: Exchange) -> None:
        if len(self._links) + self._dialing >= self._max_links and self._idle:
            oldest = next(iter(self._idle))
            self.closed(oldest)
            oldest.cut()
        exchange.task = self._spawn(self._dial(exchange))

    async def _dial(self, exchange: Exchange) -> None:
        route = exchange.route
        self._dialing += 1
        try:
            link = await dial(
                route.target,
                resolver=self._resolver,
                company_id=route.company_id,
                owner=self,
                context=route.context,
                seconds=self._left(exchange),
            )
        except Refused as error:
            self._hopeless(exchange, str(error))
        except (OSError, ValueError) as error:
            self._finish(exchange, Reply(status=None, body=b"", words=why(error)))
        except Exception as error:
            log.exception(POST_FAILED, company_id=route.company_id)
            self._finish(exchange, Reply(status=None, body=b"", words=why(error)))
        else:
            self._links.add(link)
            if exchange.over or not link.open:
                self._unused(link, exchange)
            else:
                self._write(link, exchange)
        finally:
            self._dialing -= 1
            exchange.task = None

    def _unused(self, link: Link, exchange: Exchange) -> None:
        """Too late, or closed before the first byte."""
        self._release(link, exchange.route)
        if not exchange.over:
            self._finish(exchange, Reply(status=None, body=b"", words=CLOSED))

    # ------------------------------------------------------------ tokens

    async def _renew(self, route: Route) -> None:
        """One at a time for a configuration; all who wait for it go on, or fail: for good if the
        token_url is not to be asked, else until the next try, as the issuer may think better."""
        words, hopeless = "", False
        try:
            async with asyncio.timeout(self._timeout):
                await self._ask_token(route)
        except NoToken as error:
            words = str(error)
        except Refused as error:
            words, hopeless = f"No access token: token_url: {error}", True
        except (OSError, ValueError) as error:  # TimeoutError among them
            words = f"No access token: {why(error)}"
        except Exception:
            log.exception(POST_FAILED, company_id=route.company_id)
            words = "No access token."
        finally:
            route.renewing = None
        waiting, route.waiting = route.waiting, []
        for exchange in waiting:
            if exchange.over:
                continue
            if words:
                reply = Reply(status=None, body=b"", words=words)
                self._finish(exchange, reply, hopeless=hopeless)
            else:
                self._submit(exchange)

    async def _ask_token(self, route: Route) -> None:
        tokens = route.tokens
        assert tokens is not None
        asking = Asking()
        link = await dial(
            tokens.target,
            resolver=self._resolver,
            company_id=route.company_id,
            owner=asking,
            context=self._tls.context(route.destination.settings) if tokens.target.secure else None,
            seconds=self._timeout,
        )
        used = tokens.refresh_token
        tokens.granted(await asking.ask(link, tokens.request()), self._loop.time())
        if self._refreshed and used and tokens.refresh_token and tokens.refresh_token != used:
            await self._refreshed(route.destination, used, tokens.refresh_token)

    # ------------------------------------------------------------ ends

    def _hopeless(self, exchange: Exchange, words: str) -> None:
        self._finish(exchange, Reply(status=None, body=b"", words=words), hopeless=True)

    def _finish(self, exchange: Exchange, reply: Reply, *, hopeless: bool = False) -> None:
        if exchange.over or exchange not in self._running:
            return
        exchange.over = True
        exchange.route.under_way -= 1
        del self._running[exchange]
        answer = Answer(
            status=reply.status,
            text=kept_text(reply.body) if reply.status is not None else reply.words,
            milliseconds=int((self._loop.time() - exchange.begun) * 1000),
            retry_after=reply.retry_after,
            hopeless=hopeless,
        )
        try:
            exchange.answered(answer)
        except Exception:
            log.exception(POST_FAILED, company_id=exchange.route.company_id)

    def _left(self, exchange: Exchange) -> float:
        return max(0.0, exchange.begun + self._timeout - self._loop.time())

    def _sweep_later(self) -> None:
        wait = min(SWEEP_SECONDS, self._timeout / 4)
        self._sweep = self._loop.call_later(wait, self._sweep_up)

    def _sweep_up(self) -> None:
        """End what takes too long, close what is not used."""
        now = self._loop.time()
        while self._running:
            exchange = next(iter(self._running))
            if now - exchange.begun < self._timeout:
                break
            self._give_up(exchange)
        while self._idle:
            link, since = next(iter(self._idle.items()))
            if now - since < IDLE_SECONDS:
                break
            self.closed(link)
            link.cut()
        if len(self._routes) > self._room_for_routes:
            self._forget_routes()
        if self._running or self._idle:
            self._sweep_later()
        else:
            self._sweep = None

    def _forget_routes(self) -> None:
        """Those that nothing goes by: made again when they are needed."""
        for key, route in tuple(self._routes.items()):
            if not route.idle and not route.under_way:
                del self._routes[key]
        self._room_for_routes = max(MAX_ROUTES, 2 * len(self._routes))

    def _give_up(self, exchange: Exchange) -> None:
        """Cut off: a receiver that sends a byte a second has had its time as well."""
        if exchange.task is not None:
            exchange.task.cancel()
        link, exchange.link = exchange.link, None
        if link is not None:
            self._links.discard(link)
            link.job = None
            link.cut()
        if exchange in exchange.route.waiting:
            exchange.route.waiting.remove(exchange)
        words = f"No answer within {self._timeout:g} seconds."
        self._finish(exchange, Reply(status=None, body=b"", words=words))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _key(destination: Destination) -> Key:
    configuration = destination.configuration
    return configuration.company_id, configuration.id
