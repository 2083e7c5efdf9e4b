"""Labels of requests, alone and together with a change of state; versions go up by one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant

from clarion.engine.messages import service, store
from clarion.engine.messages.amend import Labels, amend_request
from clarion.errors import NotFound, StaleVersion

ONE, TWO = "+4915112345678", "+4915112345679"


async def _paused(gateway: Gateway, tenant: Tenant, *to: str, **more: object) -> UUID:
    return await gateway.send(tenant, *to, pause_before_transmit=True, **more)


async def test_labels_that_are_set_at_once_are_all_set(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    request = await accepting.send(tenant, ONE, campaign_id="c", program_id="p")
    changes = (Labels(campaign_id="new"), Labels(program_id=None), Labels(conversation_id="talk"))
    await asyncio.gather(
        *(
            amend_request(place.db, tenant.company_id, request, labels, version=None)
            for labels in changes
        )
    )
    shown = await place.request(tenant, request)
    assert (shown["campaign_id"], shown["program_id"]) == ("new", None)
    assert shown["conversation_id"] == "talk"


async def test_labels_of_an_old_version_or_of_anothers_request_are_refused(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    stranger = await place.tenant()
    request = await accepting.send(tenant, ONE)
    version = (await place.request(tenant, request))["version"]
    labels = Labels(campaign_id="new")
    with pytest.raises(StaleVersion):
        await amend_request(place.db, tenant.company_id, request, labels, version=version + 1)
    with pytest.raises(NotFound):
        await amend_request(place.db, stranger.company_id, request, labels, version=None)
    await amend_request(place.db, tenant.company_id, request, labels, version=version)
    assert (await place.request(tenant, request))["campaign_id"] == "new"


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)], ids=["one", "two"])
@pytest.mark.parametrize("state", ["TRANSMITTING", "CANCELED"])
@pytest.mark.parametrize("labels", [Labels(), Labels(campaign_id="new")], ids=["state", "both"])
async def test_state_and_labels_change_together_in_one_step(
    place: Place,
    accepting: Gateway,
    tenant: Tenant,
    to: tuple[str, ...],
    state: str,
    labels: Labels,
) -> None:
    request = await _paused(accepting, tenant, *to, campaign_id="old")
    before = (await place.request(tenant, request))["version"]
    await _change(accepting, tenant, request, state, labels=labels, version=before)
    shown = await place.request(tenant, request)
    assert (shown["state"], shown["version"]) == (state, before + 1)
    assert shown["campaign_id"] == ("old" if labels == Labels() else "new")


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)], ids=["one", "two"])
@pytest.mark.parametrize("state", ["TRANSMITTING", "CANCELED"])
async def test_a_change_of_an_old_version_changes_nothing(
    place: Place, accepting: Gateway, tenant: Tenant, to: tuple[str, ...], state: str
) -> None:
    request = await _paused(accepting, tenant, *to, campaign_id="old")
    before = dict(await place.request(tenant, request))
    labels, stale = Labels(campaign_id="new"), before["version"] - 1
    with pytest.raises(StaleVersion):
        await _change(accepting, tenant, request, state, labels=labels, version=stale)
    assert dict(await place.request(tenant, request)) == before


async def test_labels_of_a_request_that_is_over_are_one_step(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    for to in ((ONE,), (ONE, TWO)):
        request = await gateway.send(tenant, *to)
        await place.until(tenant, request, "DELIVERED")
        before = (await place.request(tenant, request))["version"]
        for labels, version in ((Labels(), before), (Labels(campaign_id="new"), before + 1)):
            await service.cancel_request(place.db, tenant.company_id, request, labels=labels)
            shown = await place.request(tenant, request)
            assert (shown["state"], shown["version"]) == ("COMPLETED", version)


async def test_a_pause_that_has_ended_is_not_ended_again(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    for to in ((ONE,), (ONE, TWO)):
        request = await _paused(accepting, tenant, *to, pause_expires_at=past)
        await service.resume_request(
            place.db, accepting.senders, accepting.settings.connectors, tenant.company_id, request
        )
    now = datetime.now(UTC)
    ended = await store.paused_past_time(place.db, now, now - timedelta(days=1), 1000)
    assert tenant.company_id not in {company_id for company_id, _ in ended}


async def _change(
    gateway: Gateway, tenant: Tenant, request: UUID, state: str, *, labels: Labels, version: int
) -> None:
    company_id = tenant.company_id
    if state == "CANCELED":
        await service.cancel_request(
            gateway.db, company_id, request, labels=labels, version=version
        )
        return
    await service.resume_request(
        gateway.db, gateway.senders, gateway.settings.connectors, company_id, request,
        labels=labels, version=version,
    )  # fmt: skip
