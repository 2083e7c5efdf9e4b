"""From paths to routes."""

from __future__ import annotations

import pytest

from clarion.api.call import Answer, Call, Door, Route
from clarion.api.errors import problem
from clarion.api.router import Router
from clarion.api.wire import LIVE


async def _handler(_: Call) -> Answer:
    return Answer()


def _door(name: str, prefix: str, *paths: str) -> Door:
    return Door(name, prefix, [Route("GET", path, _handler) for path in paths], problem, LIVE)


ROUTER = Router(
    [
        _door("root", "", "/healthz"),
        _door("a", "/a/v1", "/things", "/things/{id}", "/things/mine", "/things/{id}/parts/{part}"),
        _door("b", "/a", "/{any}/things/{id}/other"),
    ]
)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/healthz", []),
        ("/healthz/", []),
        ("/a/v1/things", []),
        ("//a///v1/things//", []),
        ("/a/v1/things/7", ["7"]),
        ("/a/v1/things/mine", []),
        ("/a/v1/things/mine/parts/2", ["mine", "2"]),
        ("/a/v1/things/7/parts/8/", ["7", "8"]),
        ("/a/v1/things/7/other", ["v1", "7"]),
        ("/a/v2/things/7/other", ["v2", "7"]),
    ],
)
def test_a_path_is_found_with_the_values_of_its_parameters(path: str, values: list[str]) -> None:
    found = ROUTER.find("GET", path)
    assert found.bound is not None
    assert found.values == values


@pytest.mark.parametrize(
    "path", ["", "/", "/nothing", "/a", "/a/v1", "/a/v1/things/7/parts", "/a/v1/things/7/parts/8/9"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    found = ROUTER.find("GET", path)
    assert (found.bound, found.methods) == (None, None)


def test_a_method_that_a_path_does_not_have_is_told_from_a_path_that_is_not_there() -> None:
    found = ROUTER.find("PUT", "/healthz")
    assert found.bound is None
    assert set(found.methods or ()) == {"GET"}
    assert ROUTER.find("HEAD", "/healthz").bound is not None


@pytest.mark.parametrize(
    ("path", "door"),
    [("/a/v1/x", "a"), ("/a/x", "b"), ("/x", "root"), ("/av1", "root"), ("//a//v1", "a")],
)
def test_the_nearest_door_speaks_for_an_address_without_a_route(path: str, door: str) -> None:
    assert ROUTER.door_of(path).name == door


def test_a_part_of_a_path_may_have_two_parameters() -> None:
    router = Router([_door("c", "/c", "/{a}:{b}/tries", "/{a}:{b}")])
    found = router.find("GET", "/c/7:8/tries")
    assert found.bound is not None
    assert dict(zip(found.bound.names, found.values, strict=True)) == {"a:b": "7:8"}


def test_a_route_cannot_be_declared_twice() -> None:
    with pytest.raises(ValueError, match="routed twice"):
        Router([_door("a", "/a", "/x/{id}", "/x/{other}")])
