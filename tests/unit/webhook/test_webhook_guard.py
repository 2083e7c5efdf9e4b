"""Addresses that nobody's events may be posted to, in every spelling."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from clarion.connectors.webhook.guard import Guard
from clarion.connectors.webhook.resolving import Refused, Resolver
from clarion.connectors.webhook.target import BadAddress, parse_target
from clarion.settings import SettingsError

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.9",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "3fff::1", "100::1", "4000::1", "fe80::1%eth0",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
    "192.167.1.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e",
    "64:ff9b::808:808", "::ffff:8.8.8.8",
]  # fmt: skip
LOOPBACK = [
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://2130706433/",
    "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://017700000001/",
    "http://127.0.0.1./", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:0:0:1]/", "http://[64:ff9b::7f00:1]/", "http://１２７.0.0.1/",
    "HTTP://127.0.0.1:8080/x", "https://0x7F.0.0.0x1:9/", "http://[2002:7f00:1::]/",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert Guard().refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert Guard().refusal(address) is None


def test_words_say_what_an_address_is() -> None:
    guard = Guard()
    assert guard.refusal("127.0.0.1") == "loopback"
    assert guard.refusal("169.254.169.254") == "link-local"
    assert guard.refusal("::ffff:10.0.0.1") == "private"


def test_what_an_operator_allows_passes_in_every_form() -> None:
    guard = Guard(["10.1.0.0/16", "::1/128"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "::1"):
        assert guard.refusal(address) is None
    for address in ("10.2.0.1", "127.0.0.1", "::2"):
        assert guard.refusal(address)


def test_a_network_that_is_none_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="allowed_networks"):
        Guard(["10.0.0.1/8"])


async def refuse_names(name: str, _: int) -> Sequence[str]:
    raise AssertionError(f"{name} was taken for a name")


@pytest.mark.parametrize("address", LOOPBACK)
async def test_odd_spellings_of_an_address_are_seen_through(address: str) -> None:
    with pytest.raises(Refused):
        await Resolver(Guard(), refuse_names).addresses(parse_target(address), 1)


async def test_a_name_is_refused_for_any_one_of_its_addresses() -> None:
    async def resolve(name: str, _: int) -> Sequence[str]:
        return {"inside": ["10.0.0.1"], "mixed": ["8.8.8.8", "127.0.0.1"]}[name]

    resolver = Resolver(Guard(), resolve)
    for name in ("inside", "mixed"):
        with pytest.raises(Refused):
            await resolver.addresses(parse_target(f"http://{name}/"), 1)


async def test_a_name_that_changes_its_mind_gets_no_further() -> None:
    """What is connected to is what was checked; a later look-up is checked anew."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])

    async def resolve(_: str, __: int) -> Sequence[str]:
        return next(answers)

    resolver, target = Resolver(Guard(), resolve), parse_target("http://rebinding.test/")
    assert await resolver.addresses(target, 1) == ["8.8.8.8"]
    assert await resolver.addresses(target, 1) == ["8.8.8.8"]  # remembered for a moment
    resolver._known.clear()
    with pytest.raises(Refused):
        await resolver.addresses(target, 1)


async def test_names_that_hang_hold_up_no_other_company() -> None:
    async def resolve(name: str, _: int) -> Sequence[str]:
        if name.startswith("hang"):
            await asyncio.Event().wait()
        return ["8.8.8.8"]

    resolver = Resolver(Guard(), resolve)
    hanging = [
        asyncio.create_task(resolver.addresses(parse_target(f"http://hang{n}.test/"), 1))
        for n in range(500)
    ]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            found = await resolver.addresses(parse_target("http://quick.test/"), 2)
        assert found == ["8.8.8.8"]
    finally:
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


# ---------------------------------------------------------------- addresses taken apart


def test_an_address_is_taken_apart() -> None:
    target = parse_target("HTTPS://Example.COM:8443/a b/ü?x=1&y=%20z#part")
    assert (target.secure, target.host, target.port) == (True, "example.com", 8443)
    assert target.path == "/a%20b/%C3%BC?x=1&y=%20z"
    assert target.shown_host == "example.com:8443"
    plain = parse_target("http://münchen.example")
    assert (plain.host, plain.port, plain.path) == ("xn--mnchen-3ya.example", 80, "/")
    assert parse_target("http://[2A00:1450::1]/x").shown_host == "[2a00:1450::1]"


@pytest.mark.parametrize(
    "address",
    [
        "", "example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://x/", "http://",
        "http:///path", "http://user@example.com/", "http://user:pass@example.com/",
        "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/",
        "http://exa mple.com/", "http://example.com\r\nX: y/", "http://example.com\\@evil.test/",
        "http://%31%32%37.0.0.1/", "http://[fe80::1%25eth0]/", "http://[::1", "http://1.2.3.4.5/",
        "http://256.1.1.1/", "http://0x/", "http://a" + "a" * 300 + ".com/",
        "http://example.com/" + "x" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_receiver_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        parse_target(address)


def test_no_path_can_end_the_request_line() -> None:
    with pytest.raises(BadAddress):
        parse_target("http://example.com/x HTTP/1.1\r\nHost: evil")
    assert " " not in parse_target("http://example.com/x HTTP/1.1").path
