"""The attributes of a contact that are texts in a column of their own."""

from __future__ import annotations

TEXTS = (
    "external_id",
    "first_name",
    "last_name",
    "primary_addr_line1",
    "primary_addr_line2",
    "primary_addr_city",
    "primary_addr_zip",
    "primary_addr_state",
    "primary_addr_country",
    "primary_email_addr",
    "primary_social_handle",
    "preferred_language",
)
FAST_ACCESS = tuple(f"fast_access_{number}" for number in range(1, 21))
