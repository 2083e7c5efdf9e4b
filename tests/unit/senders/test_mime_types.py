"""What the lists of a sender id type refuse."""

from __future__ import annotations

import pytest

from clarion.engine.senders.mime_types import first_refused


@pytest.mark.parametrize(
    ("allowed", "blocked", "types", "refused"),
    [
        ((), (), ("image/png", None), None),
        (("image/png",), (), ("image/png",), None),
        (("image/png",), (), ("image/png", "image/jpeg"), 1),
        ((), ("image/gif",), ("image/png", "image/gif", "image/gif"), 1),
        (("image/png", "image/gif"), ("image/gif",), ("image/gif",), 0),  # blocked all the same
        (("Image/PNG ",), (), ("IMAGE/png; name=a.png",), None),
        ((), ("text/html",), ("TEXT/HTML;charset=utf-8",), 0),
        (("image/png",), (), (None,), 0),  # nobody knows whether it is one
        (("image/png",), (), ("",), 0),
        ((), ("image/gif",), (None,), None),
        (("image/png",), (), ("image/png2",), 0),
    ],
)
def test_the_first_that_is_refused_is_found(
    allowed: tuple[str, ...],
    blocked: tuple[str, ...],
    types: tuple[str | None, ...],
    refused: int | None,
) -> None:
    assert first_refused(allowed, blocked, types) == refused
