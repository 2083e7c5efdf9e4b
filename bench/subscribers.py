"""Who wants events: delivery configurations and their subscriptions."""

from __future__ import annotations

from collections.abc import Sequence

from clarion.engine.accounts.model import Caller
from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.configurations.service import create as create_configuration
from clarion.engine.events.subscriptions.model import NewSubscription
from clarion.engine.events.subscriptions.service import create as subscribe
from clarion.storage.database import Database

NUMBERS = "NIS-Events"


async def subscribe_messages(db: Database, *, caller: Caller, url: str) -> None:
    """Each message that is delivered is told to the URL."""
    new = NewConfiguration(name="bench", address=url)
    wanted = NewSubscription(
        configuration_id=await create_configuration(db, caller, new),
        event_type="message_state_change",
        criteria="new_state = 'DELIVERED'",
    )
    await subscribe(db, caller, "SCG-Message", wanted)


async def subscribe_numbers(
    db: Database, *, caller: Caller, urls: Sequence[str], active: bool
) -> None:
    """Each URL is told of one number: of the first one +1, of the second one +2, and so on."""
    for place, url in enumerate(urls, 1):
        new = NewConfiguration(name=f"bench {place}", address=url, active=active)
        wanted = NewSubscription(
            configuration_id=await create_configuration(db, caller, new),
            criteria=f"number = '+{place}'",
        )
        await subscribe(db, caller, NUMBERS, wanted)
