"""/delivery-configurations/{id}/authentication and /secrets: how a receiver knows who posts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.ess.configurations import CONFIGURATIONS, TAG
from clarion.api.operation import Created, Operation
from clarion.api.resource import DONE
from clarion.engine.events.configurations import service
from clarion.engine.events.model import AuthenticationType

_ONE = f"{CONFIGURATIONS.path}/{{{CONFIGURATIONS.parameter}}}"

Secret = Annotated[str, Meta(max_length=200, description="`whsec_` and base64 of 24 to 64 bytes.")]


class Authentication(Struct, kw_only=True):
    """BASIC: username, password. OAUTH: grant_type (client_credentials, password, refresh_token),
    token_url, client_id, client_secret and what the grant needs. With any of them, for mutual TLS:
    client_certificate and client_key."""

    type: AuthenticationType
    settings: Annotated[
        dict[str, str],
        Meta(max_length=50, description="Secrets are masked; sent back so, they stay."),
    ]


class SigningSecret(Struct, omit_defaults=True, kw_only=True):
    """A secret that bodies are signed with, masked."""

    secret: str
    until: Annotated[str | None, Meta(description="It signs no longer than that.")] = None


class SigningSecrets(Struct):
    """Those that sign, the newest first."""

    secrets: list[SigningSecret]


class GivenSecrets(Struct):
    """These and no others; without any, bodies are not signed."""

    secrets: Annotated[list[Secret], Meta(max_length=5)]


class GivenSecret(Struct):
    """The next secret."""

    secret: Annotated[Secret | None, Meta(description="Absent: one is made.")] = None


class MadeSecret(Struct):
    """The next secret, shown this once."""

    secret: str


_decode_authentication = msgspec.json.Decoder(Authentication)
_decode_secrets = msgspec.json.Decoder(GivenSecrets)
_decode_secret = msgspec.json.Decoder(GivenSecret)


async def get_authentication(call: Call) -> Answer:
    """With its secrets masked."""
    services = call.services
    found = await service.authentication_of(
        services.db, services.vault, call.caller.company_id, CONFIGURATIONS.id_of(call)
    )
    return json_answer(Authentication(type=found.type, settings=dict(found.settings)))


async def set_authentication(call: Call) -> Answer:
    body = call.read(_decode_authentication)
    await service.set_authentication(
        call.services.db,
        call.services.vault,
        call.caller,
        CONFIGURATIONS.id_of(call),
        type=body.type,
        settings=body.settings,
    )
    return _changed(call)


async def list_secrets(call: Call) -> Answer:
    """Masked: enough to tell which is which."""
    services = call.services
    found = await service.secrets_of(
        services.db, services.vault, call.caller.company_id, CONFIGURATIONS.id_of(call)
    )
    shown = [
        SigningSecret(
            secret=each.value, until=str(call.form.date(each.until)) if each.until else None
        )
        for each in found
    ]
    return json_answer(SigningSecrets(shown))


async def set_secrets(call: Call) -> Answer:
    secrets = call.read(_decode_secrets).secrets
    await _set(call, secrets)
    return _changed(call)


async def remove_secrets(call: Call) -> Answer:
    await _set(call, [])
    return DONE


async def rotate_secret(call: Call) -> Answer:
    """The body may be empty: then a secret is made."""
    given = call.read(_decode_secret).secret if call.body else None
    services = call.services
    made = await service.rotate_secret(
        services.db, services.vault, call.caller, CONFIGURATIONS.id_of(call), given
    )
    return json_answer(MadeSecret(made))


async def _set(call: Call, secrets: list[str]) -> None:
    services = call.services
    await service.set_secrets(
        services.db, services.vault, call.caller, CONFIGURATIONS.id_of(call), secrets
    )


def _changed(call: Call) -> Answer:
    return json_answer({"id": call.params[CONFIGURATIONS.parameter]})


def routes() -> list[Route]:
    return [
        Route(
            "GET",
            f"{_ONE}/authentication",
            get_authentication,
            about=Operation(summary="Get authentication", tag=TAG, answer=Authentication),
        ),
        Route(
            "PUT",
            f"{_ONE}/authentication",
            set_authentication,
            about=Operation(
                summary="Replace authentication",
                tag=TAG,
                about="Settings are encrypted at rest and never shown again in full.",
                request=Authentication,
                answer=Created,
            ),
        ),
        *_secret_routes(),
    ]


def _secret_routes() -> list[Route]:
    path = f"{_ONE}/secrets"
    return [
        Route(
            "GET",
            path,
            list_secrets,
            about=Operation(summary="List signing secrets", tag=TAG, answer=SigningSecrets),
        ),
        Route(
            "PUT",
            path,
            set_secrets,
            about=Operation(
                summary="Replace signing secrets",
                tag=TAG,
                about="Bodies have a signature of each (Standard Webhooks).",
                request=GivenSecrets,
                answer=Created,
            ),
        ),
        Route(
            "POST",
            path,
            rotate_secret,
            about=Operation(
                summary="Rotate signing secret",
                tag=TAG,
                about="A new secret; the old ones sign for one more day.",
                request=GivenSecret,
                answer=MadeSecret,
            ),
        ),
        Route(
            "DELETE",
            path,
            remove_secrets,
            about=Operation(summary="Delete signing secrets", tag=TAG),
        ),
    ]
