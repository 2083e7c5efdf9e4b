"""What the message pipeline learns of a sender id beside its own row."""

from __future__ import annotations

import pytest
from tests.factories import VAULT, a_tenant

from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.storage.database import Database


@pytest.mark.parametrize(
    ("class_id", "priority"), [("ALERTS", 0), ("NOTIFICATIONS", 1), ("COMMERCIAL", 2)]
)
async def test_the_class_says_what_leaves_first(db: Database, class_id: str, priority: int) -> None:
    tenant = await a_tenant(db)
    new = NewSender(
        class_id=class_id,
        type_id="SHORTCODE",
        address="50001",
        state=SenderState.ACTIVE,
        check_white_list=True,
        consent_managed_by="SCG",
        templates_only=True,
        message_templates=["a", "b"],
    )
    await create_sender(db, VAULT, tenant.caller, new, auto_provision=True)
    directory = SenderDirectory(db)
    resolved = await directory.resolve(tenant.company_id, "50001")
    (found,) = await directory.find_by_address("50001")
    for sender in (resolved, found, await directory.get(tenant.company_id, resolved.id)):
        assert sender is not None
        assert (sender.priority, sender.countries, sender.country) == (priority, ("OTHER",), None)
        assert (sender.check_white_list, sender.consent_managed_by) == (True, "SCG")
        assert (sender.templates_only, sender.message_templates) == (True, ("a", "b"))
        assert (sender.parent_id, sender.parent_templates) == (None, ())


async def test_a_channel_is_no_sender_id(db: Database) -> None:
    tenant = await a_tenant(db)
    with pytest.raises(InvalidInput, match="it names a channel"):
        await SenderDirectory(db).resolve(tenant.company_id, f"channel:{ids.show(ids.new_id())}")
