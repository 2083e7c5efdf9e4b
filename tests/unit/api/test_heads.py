"""Heads are known again by their octets: those of whole requests, and not too many."""

from __future__ import annotations

from clarion.api import heads
from clarion.api.call import Answer, Call, Door, Route
from clarion.api.errors import problem
from clarion.api.heads import Head, Heads
from clarion.api.router import Bound, Found
from clarion.api.wire import LIVE


def a_place(*, is_open: bool = False) -> Bound:
    async def handler(_: Call) -> Answer:
        raise NotImplementedError

    return Bound(Door("d", "/", [], problem, LIVE), Route("POST", "/a", handler, open=is_open), ())


def read_as(length: int, *, headers: int = 1, query: bytes = b"", values: int = 0) -> Head:
    found = Found(a_place(), None, ["x"] * values)
    scope = {"query_string": query, "headers": [(b"host", b"x")] * headers}
    return Head(scope, found, length)


def a_request(path: str = "/a", body: bytes = b"") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def known(all_of: Heads, octets: bytes) -> bool:
    return all_of.get(octets.partition(b"\r\n\r\n")[0] + heads.END) is not None


def test_a_head_is_known_once_a_request_with_it_was_whole() -> None:
    found = Heads()
    found.keep(a_request(body=b"body"), read_as(4))
    assert known(found, a_request(body=b"more"))
    assert not known(found, a_request(body=b"longer"))
    assert not known(found, a_request("/b", b"body"))


def test_what_is_more_or_less_than_one_request_tells_of_no_head() -> None:
    found = Heads()
    whole = a_request(body=b"body")
    for octets in (whole[:-1], whole + whole, b"\r\n" + whole, b"\r\n\r\n" + whole, b""):
        found.keep(octets, read_as(4))
        assert not known(found, whole), octets


def test_a_blank_line_in_a_body_does_not_end_the_head() -> None:
    found = Heads()
    octets = a_request(body=b"a\r\n\r\nb")
    found.keep(octets, read_as(6))
    assert known(found, octets)
    assert found.get(octets[: octets.rindex(heads.END) + 4]) is None


def test_memory_has_its_bounds() -> None:
    found = Heads()
    found.keep(a_request("/" + "x" * heads.LONGEST), read_as(0))
    assert not known(found, a_request("/" + "x" * heads.LONGEST))
    for number in range(heads.MOST + 5):
        found.keep(a_request(f"/{number}"), read_as(0))
    assert known(found, a_request(f"/{heads.MOST + 4}"))
    assert not known(found, a_request("/0"))


def test_heads_that_differ_each_time_or_take_much_room_are_not_kept() -> None:
    found = Heads()
    for head in (
        read_as(4, query=b"offset=1"),
        read_as(4, values=1),
        read_as(4, headers=heads.MANY + 1),
    ):
        found.keep(a_request(body=b"body"), head)
        assert not known(found, a_request(body=b"body"))


def test_heads_of_whoever_comes_are_not_kept() -> None:
    found = Heads()
    octets = a_request(body=b"body")
    for bound in (a_place(is_open=True), None):
        head = read_as(4)
        found.keep(octets, Head(head.scope, Found(bound, None, []), 4))
        assert not known(found, octets)


def test_a_head_can_be_forgotten() -> None:
    found = Heads()
    octets = a_request(body=b"body")
    found.keep(octets, read_as(4))
    for _ in range(2):  # another connection may have done so already
        found.forget(octets[:-4])
    assert not known(found, octets)
