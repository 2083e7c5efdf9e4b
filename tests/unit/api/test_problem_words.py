"""What is wrong with a body, in words of JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from clarion.api.problems import input_problem
from clarion.errors import ValueTooLong


class Body(Struct):
    name: Annotated[str, Meta(max_length=5, min_length=1)] | None = None
    tags: Annotated[list[str], Meta(max_length=1)] | str | None = None
    share: Annotated[float, Meta(ge=0, lt=1)] | None = None
    count: int | None = None
    made: bool = False
    inner: dict[str, int] | None = None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"name": 5}', "name: it must be a text, not a whole number."),
        ('{"name": "abcdef"}', "name: at most 5 characters."),
        ('{"name": ""}', "name: at least 1 characters."),
        ('{"tags": {}}', "tags: it must be a text or an array, not an object."),
        ('{"tags": ["a", "b"]}', "tags: at most 1 entries."),
        ('{"tags": [1]}', "tags: it must be a text, not a whole number."),
        ('{"share": "much"}', "share: it must be a number, not a text."),
        ('{"share": -1}', "share: it must be at least 0.0."),
        ('{"share": 1}', "share: it must be less than 1.0."),
        ('{"count": 1.5}', "count: it must be a whole number, not a number."),
        ('{"made": null}', "made: it must be true or false, not null."),
        ('{"inner": {"a": []}}', "inner: it must be a whole number, not an array."),
        ("[]", "The body cannot be read: it must be an object, not an array."),
        ("{", "The body cannot be read: Input data was truncated"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_json(body: str, words: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Body)
    assert str(input_problem(caught.value)) == words


def test_a_text_that_is_too_long_has_a_code_of_its_own() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode('{"name": "abcdef"}', type=Body)
    assert isinstance(input_problem(caught.value), ValueTooLong)
