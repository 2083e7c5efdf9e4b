"""Web addresses that others will open."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit.weblinks import MAX_URL, clean_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com", "https://example.com"),
        (" HTTPS://Example.COM/Path?a=1&b=%20x#Top ", "https://example.com/Path?a=1&b=%20x#Top"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("https://example.com?x=1", "https://example.com?x=1"),
        ("https://example.com#x", "https://example.com#x"),
        ("https://müller.de/straße?q=ä", "https://xn--mller-kva.de/stra%C3%9Fe?q=%C3%A4"),
        ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]:443/x"),
        ("http://127.0.0.1/x", "http://127.0.0.1/x"),
        ("https://example.com/a@b:c;d,e!$&'()*+=~", "https://example.com/a@b:c;d,e!$&'()*+=~"),
        ("https://example.com/100%", "https://example.com/100%"),
        ("https://example.com/?next=https://other.example/", None),
        ("https://under_score.example.com./", "https://under_score.example.com./"),
    ],
)
def test_an_address_that_passes_stays_as_it_is_but_for_its_alphabet(
    text: str, url: str | None
) -> None:
    assert clean_url(text) == (url or text)
    assert clean_url(clean_url(text)) == clean_url(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("example.com", "must begin"),
        ("//example.com", "must begin"),
        ("ftp://example.com", "must begin"),
        ("javascript:alert(1)", "must begin"),
        ("javascript://example.com/%0aalert(1)", "must begin"),
        ("data:text/html,x", "must begin"),
        ("https:example.com", "must begin"),
        ("https:/example.com", "must begin"),
        ("https://", "host"),
        ("https:///path", "host"),
        ("https://:80/", "host"),
        ("https://ann:secret@example.com/", "password"),
        ("https://example.com@evil.example/", "password"),
        ("https://example.com\\@evil.example/", "character"),
        ("https://example.com\\.evil.example/", "character"),
        ("https://exa mple.com/", "character"),
        ("https://example.com/a b", "character"),
        ("https://example.com/\r\nSet-Cookie: a=b", "character"),
        ("https://example.com/\x00", "character"),
        ("https://example.com/\u200b", "character"),
        ("https://example.com/\u2028", "character"),
        ("https://example.com/<script>", "character"),
        ("https://example.com:99999/", "host or port"),
        ("https://example.com:port/", "host or port"),
        ("https://exa%6dple.com/", "host"),
        ("https://-example.com/", "host"),
        ("https://example..com/", "host"),
        ("https://[::1/", "host or port"),
        ("https://" + "a" * 64 + ".com", "host"),
        ("https://example.com/" + "x" * MAX_URL, "longer"),
        ("https://example.com/" + "ä" * 500, "longer"),
    ],
)
def test_what_is_no_address_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        clean_url(text)


@given(st.text(max_size=60).map(lambda tail: "https://example.com" + tail) | st.text(max_size=80))
def test_whatever_passes_can_stand_in_a_header_and_names_its_host(text: str) -> None:
    try:
        url = clean_url(text)
    except ValueError:
        return
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    assert clean_url(url) == url
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.username is None
    assert parts.hostname
