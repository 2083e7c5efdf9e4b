"""E-mail addresses as clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit.mailbox import MAX_ADDRESS, parse_mailbox


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.com", "ann@example.com"),
        (" Ann.Lee+news@Example.COM ", "Ann.Lee+news@example.com"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("ann@mail.example.co.uk.", "ann@mail.example.co.uk"),
        ("o'brien!#$%&*/=?^_`{|}~-@example.com", "o'brien!#$%&*/=?^_`{|}~-@example.com"),
        ("грета@пример.рф", "грета@пример.рф"),
        ("a@xn--e1afmkfd.xn--p1ai", "a@xn--e1afmkfd.xn--p1ai"),
        ("bounce+1@sandbox.test", "bounce+1@sandbox.test"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    assert parse_mailbox(text) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not an e-mail address"),
        ("ann", "not an e-mail address"),
        ("@example.com", "not an e-mail address"),
        ("ann@", "not an e-mail address"),
        ("ann@localhost", "not a domain name"),
        ("ann@example..com", "not a domain name"),
        ("ann@-example.com", "not a domain name"),
        ("ann@[127.0.0.1]", "not a domain name"),
        ("ann@127.0.0.1", "not a domain name"),
        ("ann lee@example.com", "before the @"),
        ("ann@lee@example.com", "before the @"),
        (".ann@example.com", "before the @"),
        ("a..b@example.com", "before the @"),
        ('"ann"@example.com', "before the @"),
        ("<ann@example.com", "before the @"),
        ("ann\r\nBcc:x@example.com", "before the @"),
        ("ann\u200b@example.com", "before the @"),
        ("ann,bob@example.com", "before the @"),
        ("a" * 65 + "@example.com", "too long"),
        ("a@" + "b" * 60 + ".c" * 100, "too long"),
    ],
)
def test_what_is_no_address_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_mailbox(text)


@given(st.text(max_size=300))
def test_whatever_passes_is_stable_and_safe_in_a_header(text: str) -> None:
    try:
        address = parse_mailbox(text)
    except ValueError:
        return
    assert parse_mailbox(address) == address
    assert len(address.encode()) <= MAX_ADDRESS
    assert not set(address) & set('\r\n<>,;"\\ ')


@given(st.from_regex(r"[a-z0-9]{1,20}@[a-z]{1,20}\.[a-z]{2,6}", fullmatch=True))
def test_plain_addresses_pass(address: str) -> None:
    assert parse_mailbox(address) == address
