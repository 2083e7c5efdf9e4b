"""/dictionaries/{DICT_CODE}: the words that other resources take."""

from __future__ import annotations

from msgspec import Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Operation
from clarion.engine.events.model import AuthenticationType, Format, Protocol
from clarion.errors import NotFound


class Word(Struct):
    """A value that an attribute takes."""

    code: str
    description: str


class Dictionary(Struct, rename="kebab", omit_defaults=True):
    """One of these, under the dictionary's name."""

    delivery_formats: list[Word] = []
    delivery_protocols: list[Word] = []
    authentication_types: list[Word] = []


DICTIONARIES: dict[str, list[Word]] = {
    "delivery-formats": [
        Word(Format.JSON.value, "JSON"),
        Word(Format.XML.value, "XML"),
    ],
    "delivery-protocols": [
        Word(Protocol.REST.value, "HTTP POST to an address"),
        Word(Protocol.STREAM.value, "Taken by a client that is connected"),
    ],
    "authentication-types": [
        Word(AuthenticationType.OAUTH.value, "OAuth 2.0"),
        Word(AuthenticationType.NONE.value, "No Authentication"),
        Word(AuthenticationType.BASIC.value, "Basic Authentication - ID / PW"),
    ],
}


async def dictionary(call: Call) -> Answer:
    """The words of one dictionary, under its name."""
    code = call.params["DICT_CODE"]
    if code not in DICTIONARIES:
        raise NotFound(f"The dictionaries are {', '.join(DICTIONARIES)}.")
    return json_answer({code: DICTIONARIES[code]})


def routes() -> list[Route]:
    about = Operation(
        summary="Get dictionary",
        tag="Dictionary",
        about="delivery-formats, delivery-protocols or authentication-types.",
        answer=Dictionary,
    )
    return [Route("GET", "/dictionaries/{DICT_CODE}", dictionary, about=about)]
