"""Calls for tracking in bodies, and the codes of short links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion import settings
from clarion.engine.messages.links.model import (
    CODE_SPACE,
    MAX_CALLS,
    find_track_calls,
    has_track_calls,
    new_code,
    read_code,
    show_code,
)
from clarion.engine.messages.links.service import preview, public_url
from clarion.errors import BadTrackingUrl

SHOP = "https://shop.example/offers?id=7"


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ("Hello", []),
        (f'See #track("{SHOP}")', [(SHOP, None)]),
        (f"See #track( '{SHOP}' ) now", [(SHOP, None)]),
        (f'#trackurl("{SHOP}","the shop")', [(SHOP, "the shop")]),
        (f"#trackurl ( '{SHOP}' , \"a 'b'\" )", [(SHOP, "a 'b'")]),
        (f'#trackurl("{SHOP}")', [(SHOP, None)]),
        (f'#trackurl("{SHOP}","")', [(SHOP, "")]),
        (
            f'#track("{SHOP}")#track("HTTP://B.example")',
            [(SHOP, None), ("http://b.example", None)],
        ),
        ("We keep #track of it, #tracking #trackurls #trackers(x)", []),
        ("# track(x)", []),
    ],
)
def test_calls_are_found(body: str, calls: list[tuple[str, str | None]]) -> None:
    found = find_track_calls(body)
    assert [(call.url, call.label) for call in found] == calls
    assert all(body[call.start :].startswith("#track") for call in found)
    assert all(body[call.end - 1] == ")" for call in found)
    assert has_track_calls(body) or not calls


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Hi #track(https://a.example)", "at character 4: it must be"),
        ("#track()", "it must be"),
        ('#track("https://a.example"', "it must be"),
        ('#track("https://a.example', "it must be"),
        ('#track("https://a.example\n")', "it must be"),
        ('#track("https://a.example", "label")', "it must be"),
        ('#trackurl("https://a.example", label)', "it must be"),
        ('#trackurl("https://a.example","a","b")', "it must be"),
        ('#track("")', "empty"),
        ('#track("ftp://a.example")', "http"),
        ('#track("javascript:alert(1)")', "http"),
        ('#track("https://ann:secret@a.example")', "password"),
        ('#track("https://a.example/\u0007")', "character"),
        ('#track("https://a.example/' + "x" * 2000 + '")', "longer"),
        ('#track("$link")', "http"),
        ('#trackurl("https://a.example","' + "x" * 256 + '")', "255"),
        (f'#track("{SHOP}")' * (MAX_CALLS + 1), "at most 20"),
    ],
)
def test_what_cannot_be_tracked_is_refused_in_words(body: str, words: str) -> None:
    with pytest.raises(BadTrackingUrl, match=words):
        find_track_calls(body)


def test_addresses_with_variables_are_judged_when_they_are_known() -> None:
    body = '#track("https://a.example/?c=$contact.id") #track("${link}")'
    assert [call.url for call in find_track_calls(body, template=True)] == [
        "https://a.example/?c=$contact.id",
        "${link}",
    ]
    with pytest.raises(BadTrackingUrl):
        find_track_calls('#track("ftp://a.example") #track("$x")', template=True)


@given(st.text(alphabet="#trackurl(\"',) \n$h:/.e", max_size=80))
def test_any_body_is_read_or_refused(body: str) -> None:
    try:
        found = find_track_calls("x" + body)
    except BadTrackingUrl:
        return
    assert all(call.start < call.end for call in found)


def test_a_preview_is_as_long_as_the_real_body() -> None:
    body = f'A #track("{SHOP}") b #trackurl("{SHOP}","c") d'
    shown = preview(body, 1000, "https://go.example")
    assert len(shown) == len("A  b  d") + 2 * len("https://go.example/t/g80123456789")
    assert preview("plain", 1000, "https://go.example") == "plain"


# ---------------------------------------------------------------- codes


@given(st.integers(1, 2**31 - 1), st.integers(0, CODE_SPACE - 1))
def test_a_code_says_its_company(company: int, code: int) -> None:
    shown = show_code(company, code)
    assert read_code(shown) == (company, code)
    assert shown.isalnum()
    assert len(shown) <= 16


@pytest.mark.parametrize(
    "text",
    [
        *("", "g8", "0123456789", "g801234567-9", "g8 123456789", "g80123456789é"),
        *(
            "0g80123456789",
            "00123456789",
            "zzzzzz0123456789",
            "x" * 17,
            "x" * 10_000,
            "../../etc/x",
        ),
        "g80123456789\u0660",
    ],
)
def test_what_no_link_ends_in_is_told_without_the_database(text: str) -> None:
    assert read_code(text) is None


def test_codes_differ_and_fill_their_space() -> None:
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert max(codes) > CODE_SPACE // 2
    assert all(0 <= code < CODE_SPACE for code in codes)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("links", "http", "base"),
    [
        ({}, {}, "http://127.0.0.1:8080"),
        ({}, {"listen": "0.0.0.0:80"}, "http://127.0.0.1:80"),
        ({}, {"listen": "[::]:80"}, "http://127.0.0.1:80"),
        ({}, {"public_url": "https://api.example/"}, "https://api.example"),
        ({"public_url": "https://go.example/"}, {"public_url": "https://x"}, "https://go.example"),
    ],
)
def test_where_links_lead_first(links: dict[str, str], http: dict[str, str], base: str) -> None:
    chosen = settings.Settings(links=settings.Links(**links), http=settings.Http(**http))
    assert public_url(chosen) == base
