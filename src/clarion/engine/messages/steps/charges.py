"""What a message costs, and whether its company can pay for it."""

from __future__ import annotations

from decimal import Decimal

from clarion.engine.billing.model import Charge
from clarion.engine.billing.service import charge
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk


async def set_prices(chunk: Chunk) -> None:
    """Every fragment of an SMS costs; a message of another medium is one."""
    means = chunk.means
    if not means.settings.billing.enabled:
        return
    for c in chunk.going():
        assert c.sender is not None
        rate = means.price(chunk.company_id, c.sender, c.country, c.medium)
        if rate is None:
            c.fail(FailureCode.NO_SENDER, "There is no rate for what it would cost.")
            continue
        cost = rate * (c.fragments if c.medium == Medium.SMS else 1)
        _set(c, cost)


async def charge_messages(chunk: Chunk) -> None:
    """The last step: whoever else charges the company waits until the end of the transaction.
    Tests cost nothing."""
    paying = [c for c in chunk.going() if c.price is not None]
    for c in paying:
        if c.state == MessageState.TEST:
            c.price = None
    paying = [c for c in paying if c.price is not None]
    if not paying:
        return
    charges = [Charge(c.id, c.price) for c in paying if c.price is not None]
    charged = await charge(chunk.on, chunk.company_id, charges)
    for c in paying:
        if c.id in charged.refused:
            c.price, c.state = None, ""
            c.fail(FailureCode.NO_CREDIT, "The company's credit does not cover it.")


def _set(c: Candidate, cost: Decimal) -> None:
    threshold = c.plan.options.price_threshold
    if threshold is not None and cost > Decimal(str(threshold)):
        c.fail(FailureCode.NO_SENDER, f"It would cost {cost.normalize():f}, over the threshold.")
    else:
        c.price = cost
