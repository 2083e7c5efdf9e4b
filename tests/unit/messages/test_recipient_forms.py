"""Every form in which clients name a recipient."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.messages.recipients import MAX_TOKEN, Kind, is_special, read
from clarion.kit import ids

ID = "AaIDQ7w6cr6uJ6u9J7JPDg"
E164 = "+4915112345678"


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        (E164, Kind.NUMBER, E164),
        (E164[1:], Kind.NUMBER, E164),
        (f"mdn:{E164}", Kind.NUMBER, E164),
        (f"TEL: {E164}", Kind.NUMBER, E164),
        ("+44 (0)20 7946 0018", Kind.NUMBER, "+442079460018"),
        ("Ann@Example.COM", Kind.EMAIL, "Ann@example.com"),
        ("mailto:ann@example.com", Kind.EMAIL, "ann@example.com"),
        ("psh:apn@sender@abc", Kind.PUSH, "apn:abc"),
        ("psh: GCM @ sender @ a:b-c_d", Kind.PUSH, "gcm:a:b-c_d"),
        ("psh:apns@sender@abc", Kind.PUSH, "apn:abc"),
        ("push:abc@sender@FCM", Kind.PUSH, "fcm:abc"),
        ("push:abc@sender@GCN", Kind.PUSH, "gcm:abc"),
    ],
)
def test_addresses(text: str, kind: Kind, address: str) -> None:
    named = read(text)
    assert (named.kind, named.address, named.wrong) == (kind, address, "")
    if kind is Kind.PUSH:
        assert named.sender == "sender"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"contact:{ID}", Kind.CONTACT),
        (f"contact_id: {ID}", Kind.CONTACT),
        (f"group:{ID}", Kind.GROUP),
        (f"Contact_Group:{ID}", Kind.GROUP),
        (ID, Kind.EITHER),
    ],
)
def test_ids(text: str, kind: Kind) -> None:
    named = read(text)
    assert (named.kind, named.id and ids.show(named.id), named.wrong) == (kind, ID, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "+1212",
        "contact:",
        "group:nonsense",
        "a@b",
        "@",
        "psh:",
        "psh:apn",
        "psh:apn@x",
        "psh:palm@x@y",
        "psh:apn@@y",
        "psh:apn@x@y z",
        f"psh:apn@x@{'y' * (MAX_TOKEN + 1)}",
        "push:y@FCM",
        "fb:1@2",
        "we:1@2",
        "voice:+4915112345678",
        "x" * 22,
        "pigeon:1",
    ],
)
def test_what_is_no_recipient_says_why(text: str) -> None:
    assert read(text).wrong


@pytest.mark.parametrize("text", [E164, "4915112345678", f"mdn:{E164}", "nobody", "x" * 22, ""])
def test_numbers_and_what_can_only_be_bad_ones_are_not_special(text: str) -> None:
    assert not is_special(text)


@given(st.text(max_size=60))
def test_anything_is_read_without_harm(text: str) -> None:
    named = read(text)
    assert named.wrong or named.address or named.id
