"""What will be sent and what will break, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

COMPANIES = 3
BLOCK = 20.0  # seconds in which every kind of trouble happens at least once
QUIET = 1.0  # seconds at the start without trouble
LONG_GSM = "Long enough to need several parts, and with brackets [] that take two septets. " * 4
LONG_UCS2 = "Ein längerer Text mit Zeichen, die GSM nicht kennt: жизнь 😀. " * 3


class Trouble(Enum):
    """What can happen to an installation."""

    GATEWAY = "gateway killed"
    DATABASE = "PostgreSQL killed"
    BACKEND = "a PostgreSQL backend killed"
    BOTH = "gateway and PostgreSQL killed"
    CUT = "SMPP connections cut"
    SILENCE = "responses lost"
    THROTTLE = "carrier throttles"
    ERRORS = "carrier answers with temporary errors"


ALWAYS = (
    Trouble.GATEWAY,
    Trouble.GATEWAY,
    Trouble.DATABASE,
    Trouble.BACKEND,
    Trouble.BOTH,
    Trouble.CUT,
    Trouble.CUT,
    Trouble.SILENCE,
    Trouble.THROTTLE,
    Trouble.ERRORS,
)


@dataclass(frozen=True)
class Act:
    """One piece of trouble: when, seconds after the start, and for how long."""

    at: float
    trouble: Trouble
    seconds: float


@dataclass(frozen=True)
class Order:
    """One message request that a client will make."""

    at: float
    company: int
    to: tuple[str, ...]
    body: str
    parts: int  # submit_sm that each message needs
    external_id: str | None
    twice: bool  # the client sends it two times at once, as impatient ones do


@dataclass(frozen=True)
class Answer:
    """One message of a subscriber to us."""

    at: float
    company: int
    source: str
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    seed: int
    seconds: float
    orders: tuple[Order, ...]
    answers: tuple[Answer, ...]
    acts: tuple[Act, ...]


def make_plan(*, seed: int, seconds: float, messages: int) -> Plan:
    """About `messages` messages over `seconds`, with trouble all along."""
    rng = random.Random(seed)
    orders = _orders(rng, seconds, messages)
    answers = _answers(rng, seconds, max(20, messages // 25))
    return Plan(seed, seconds, orders, answers, _acts(rng, seconds))


def address(company: int) -> str:
    """The sender id of a company."""
    return f"4915550{company:05d}"


# ---------------------------------------------------------------- what is sent


def _orders(rng: random.Random, seconds: float, messages: int) -> tuple[Order, ...]:
    sizes = _sizes(rng, messages)
    numbers = iter(range(sum(sizes)))
    orders = []
    for index, size in enumerate(sizes):
        body, parts = _text(rng, index)
        named = size > 1 or rng.random() < 0.85
        orders.append(
            Order(
                at=rng.uniform(0, seconds),
                company=rng.randrange(COMPANIES),
                to=tuple(f"+49151{next(numbers):08d}" for _ in range(size)),
                body=body,
                parts=parts,
                external_id=f"order-{index}" if named else None,
                twice=named and rng.random() < 0.05,
            )
        )
    return tuple(sorted(orders, key=lambda order: order.at))


def _sizes(rng: random.Random, messages: int) -> list[int]:
    """Recipients of each request: mostly one, some a few, some so many that they are expanded."""
    sizes = [rng.randint(200, 600) for _ in range(max(2, messages // 2000))]
    sizes += [rng.randint(2, 50) for _ in range(messages // 200)]
    return sizes + [1] * max(0, messages - sum(sizes))


def _text(rng: random.Random, index: int) -> tuple[str, int]:
    kind = rng.random()
    if kind < 0.05:
        return f"{index} {LONG_GSM}", 3
    if kind < 0.08:
        return f"{index} {LONG_UCS2}", 3
    return f"message {index}", 1


def _answers(rng: random.Random, seconds: float, count: int) -> tuple[Answer, ...]:
    """Every fifth comes in two pieces."""
    answers = []
    for index in range(count):
        pieces = (f"answer {index}",)
        if index % 5 == 0:
            pieces = (f"answer {index} begins, ", "and ends.")
        answers.append(
            Answer(
                at=rng.uniform(0, seconds),
                company=rng.randrange(COMPANIES),
                source=f"49171{index:08d}",
                pieces=pieces,
            )
        )
    return tuple(sorted(answers, key=lambda answer: answer.at))


# ---------------------------------------------------------------- what breaks


def _acts(rng: random.Random, seconds: float) -> tuple[Act, ...]:
    acts: list[Act] = []
    blocks = max(1, round((seconds - QUIET) / BLOCK))
    step = (seconds - QUIET) / blocks / len(ALWAYS)
    for _ in range(blocks):
        kinds = list(ALWAYS)
        rng.shuffle(kinds)
        for kind in kinds:
            at = QUIET + step * (len(acts) + rng.uniform(0, 0.8))
            acts.append(Act(at, kind, rng.uniform(0.3, 2.5)))
    return tuple(acts)
