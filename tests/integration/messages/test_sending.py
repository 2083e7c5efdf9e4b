"""A message's way out through the sandbox carrier, in each way that it can go."""

from __future__ import annotations

from pipeline import Place


async def test_a_message_is_sent_and_delivered(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    request = await gateway.send(tenant, "+4915112345678")
    await place.until(tenant, request, "DELIVERED")
    row = await place.request(tenant, request)
    assert row["state"] == "COMPLETED"
