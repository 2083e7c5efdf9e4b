"""What one node may still send of a limit, between two leases. Pure rules; times are Unix seconds.

Peak limits are token buckets in the database: a rate that is handed out up to a moment. A node
holds some of it for HOLD seconds at most and gives the rest back whenever it leases again, so over
any t seconds all nodes together send at most

    rate * (t + BURST + HOLD)  +  what each node may run ahead (see `ahead`)

Daily limits are counters in the database. A node leases some of the day at a time and never sends
more than that: the limit holds exactly, also while nodes die, and what a dead node had left of its
lease is lost to that day.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec import Struct

INTERVAL = 0.25  # seconds between two leases of a limit in use
HOLD = 0.5  # seconds after which what is left of a peak lease lapses
BURST = 0.5  # seconds for which a rate that nobody uses is kept
AHEAD = 0.02  # seconds' worth that may leave before it is leased, while nothing is short
FORESIGHT = 1.5  # times what the last interval needed
DAY = 86_400
DAY_SHARE = 10_000  # of a day's limit: the least that is leased at once
DAY_IDLE = 10.0  # seconds after which what is left of a day's lease is given back
DAY_RETRY = 5.0  # seconds until a day that is used up is asked for again: others may give back
DAY_PATIENCE = 900.0  # seconds after which it is worth another try, if the day does not end before


class Limits(Struct, frozen=True):
    """Of a sender id class; None: no limit."""

    peak: float | None  # messages a second, a company and country
    peak_total: float | None  # messages a second, an address and country, over all companies
    daily: int | None  # messages a day, a company and country


class Flow(NamedTuple):
    """What limits apply to: one company's messages from one address to one country."""

    company_id: int
    class_id: str
    address: str
    country: str  # ISO 3166 alpha-2; empty: none


class Ask(NamedTuple):
    """What a node gives back of a limit, which is all that it holds, and what it wants of it."""

    returned: int  # negative: it has run ahead by so many
    wanted: int


class Peak:
    """A share of so many messages a second."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._left = 0  # negative: sent before it was leased
        self._until = -math.inf  # when what is left lapses
        self._taken = 0  # since the last lease
        self._short = 0  # wanted in vain since then
        self._relaxed = True  # the last lease was as large as it was asked for
        self._not_before = -math.inf  # nothing is to be had until then

    @property
    def burst(self) -> float:
        """Seconds for which the rate is kept; of a slow one enough for a whole message."""
        return max(BURST, 1.0 / self.rate)

    @property
    def ahead(self) -> int:
        """How many may leave before they are leased, so that single messages need not wait."""
        return max(1, int(self.rate * AHEAD))

    def available(self, now: float) -> int:
        if self._left > 0:
            return self._left if now < self._until else 0
        return max(0, self._left + self.ahead) if self._relaxed else 0

    def spend(self, count: int, short: int, now: float) -> None:
        """So many leave; `short`: so many more were wanted."""
        if self._left > 0 and now >= self._until:
            self._left = 0
        self._left -= count
        self._taken += count
        self._short += short

    def give_back(self, count: int, now: float) -> None:
        if now < self._until or self._left < 0:
            self._left += count
        self._taken = max(0, self._taken - count)

    def ask(self, now: float) -> Ask | None:
        """What to lease now; None: nothing."""
        if self._left > 0 and now >= self._until:
            self._left = 0
        if now < self._not_before and not self._left:
            return None
        need = math.ceil((self._taken + self._short) * FORESIGHT)
        wanted = min(need, max(1, int(self.rate * self.burst)))
        self._taken = self._short = 0
        return Ask(self._left, wanted) if wanted or self._left else None

    def leased(self, ask: Ask, granted: int, spent_until: float, now: float) -> None:
        """The answer to `ask`; what was taken while it was under way comes off."""
        self._left += granted - ask.returned
        self._until = now + HOLD
        self._relaxed = granted >= ask.wanted
        next_one = spent_until + 1.0 / self.rate
        self._not_before = -math.inf if self._relaxed else max(now + INTERVAL, next_one)

    def lost(self, ask: Ask) -> None:
        """Whether it was leased is not known: what was held is given up, and owed what was taken
        of it since."""
        self._left = min(0, self._left - max(0, ask.returned))

    def give_up(self, now: float) -> Ask | None:
        """All that is left, or owed."""
        if self._left > 0 and now >= self._until:
            self._left = 0
        return Ask(self._left, 0) if self._left else None

    def seconds_left(self, now: float) -> float:
        """Until there may be something to take."""
        return 0.0 if self.available(now) else max(0.0, self._not_before - now)

    def is_urgent(self) -> bool:
        """Whether something was wanted in vain."""
        return self._short > 0

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten: a fresh one would grant no more."""
        quiet = not (self._left or self._taken or self._short)
        return quiet and (self._relaxed or now >= self._not_before)


class Daily:
    """A share of so many messages a UTC day."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.day = 0  # since 1970
        self._left = 0  # negative: owed
        self._taken = 0  # since the last look
        self._short = 0  # the most that was wanted in vain since then
        self._taken_today = 0
        self._used_at = -math.inf
        self._full_until = -math.inf  # the day was used up; until it is asked for again

    def available(self, now: float) -> int:
        self._turn(now)
        return max(0, self._left)

    def spend(self, count: int, short: int, now: float) -> None:
        self._left -= count
        self._taken += count
        self._taken_today += count
        self._short = max(self._short, short)
        self._used_at = now

    def give_back(self, count: int, now: float) -> None:
        """What was taken yesterday does not make today's more."""
        self._turn(now)
        count = min(count, self._taken_today)
        self._left += count
        self._taken_today -= count

    def ask(self, now: float) -> Ask | None:
        self._turn(now)
        if now < self._full_until and self._left <= 0:
            return None
        need, short = self._taken + self._short, self._short
        self._taken = self._short = 0
        if need and (short or self._left < need):
            return Ask(self._left, max(4 * need, self.most // DAY_SHARE))
        if self._left < 0 or (self._left and now >= self._used_at + DAY_IDLE):
            return self.give_up(now)
        return None

    def leased(self, ask: Ask, granted: int, day: int, now: float) -> None:
        if day != self.day:
            return  # it has ended meanwhile, and all that was leased of it
        self._left += granted - ask.returned
        full = ask.wanted > 0 and not granted
        self._full_until = now + DAY_RETRY if full else -math.inf

    def lost(self, ask: Ask) -> None:
        self._left = min(0, self._left - max(0, ask.returned))

    def give_up(self, now: float) -> Ask | None:
        """All that is left of the day, or owed."""
        self._turn(now)
        return Ask(self._left, 0) if self._left else None

    def seconds_left(self, now: float) -> float:
        if self.available(now) or now >= self._full_until:
            return 0.0
        return min((self.day + 1) * DAY - now, DAY_PATIENCE)

    def is_urgent(self) -> bool:
        return self._short > 0

    def is_idle(self, now: float) -> bool:
        return not (self._left or self._taken or self._short) and now >= self._full_until

    def _turn(self, now: float) -> None:
        """Nothing of a day is left on the next."""
        day = int(now // DAY)
        if day != self.day:
            self.day = day
            self._left = self._taken_today = 0
            self._full_until = -math.inf
