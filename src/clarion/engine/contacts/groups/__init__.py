"""Contact groups: kept by hand or by criteria."""

from clarion.engine.contacts.groups.model import GroupBusy
from clarion.engine.contacts.groups.service import (
    criteria_slice,
    groups_among,
    leave_groups,
    member_slice,
)

__all__ = ["GroupBusy", "criteria_slice", "groups_among", "leave_groups", "member_slice"]
