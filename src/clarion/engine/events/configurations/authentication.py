"""How a delivery configuration proves who posts: the settings of each type, checked and masked.

ESS reference, delivery-configurations authentication: NONE, BASIC and OAUTH. A client certificate
(mutual TLS) goes with any of them. Settings are sealed at rest and never shown again in full; what
a client sends back masked stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion.engine.events.model import AuthenticationType
from clarion.errors import InvalidInput
from clarion.kit.weblinks import clean_url

HIDDEN = "***"
MAX_SETTING = 4096
MAX_PEM = 65_536

_SECRET = frozenset({"password", "client_secret", "refresh_token", "client_key"})
_PEM = frozenset({"client_certificate", "client_key", "ca_certificate"})
_OPTIONAL = frozenset({"scope", "audience", "client_authentication"})
_CLIENT = frozenset({"token_url", "client_id", "client_secret"})
_GRANTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "client_credentials": _CLIENT,
        "password": _CLIENT | {"username", "password"},
        "refresh_token": _CLIENT | {"refresh_token"},
    }
)
_CLIENT_AUTHENTICATIONS = ("basic", "body")


def check_settings(type: AuthenticationType, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings as they are kept. InvalidInput names the one that is missing or wrong."""
    needed, optional = _names(type, settings)
    for name, value in settings.items():
        if name not in needed | optional | _PEM:
            raise _fault(name[:100], f"there is no such setting of {type.value}")
        if len(value) > (MAX_PEM if name in _PEM else MAX_SETTING) or "\0" in value:
            raise _fault(name, "it is too long, or has a zero character")
    missing = sorted(name for name in needed if not settings.get(name))
    if missing:
        raise _fault(missing[0], f"{type.value} needs it")
    kept = {name: value for name, value in settings.items() if value}
    _check_values(type, kept)
    _check_certificates(kept)
    return kept


def masked(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: HIDDEN if name in _SECRET else value for name, value in settings.items()}


def unmasked(settings: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """What came back masked is what is stored."""
    return {
        name: stored.get(name, value) if value == HIDDEN and name in _SECRET else value
        for name, value in settings.items()
    }


def _names(
    type: AuthenticationType, settings: Mapping[str, str]
) -> tuple[frozenset[str], frozenset[str]]:
    """What there must be, and what there may be."""
    if type is AuthenticationType.NONE:
        return frozenset(), frozenset()
    if type is AuthenticationType.BASIC:
        return frozenset({"username", "password"}), frozenset()
    grant = settings.get("grant_type", "")
    if grant not in _GRANTS:
        raise _fault("grant_type", f"one of {', '.join(_GRANTS)} is expected")
    return _GRANTS[grant] | {"grant_type"}, _OPTIONAL


def _check_values(type: AuthenticationType, settings: dict[str, str]) -> None:
    for name in settings.keys() - _PEM:
        if not settings[name].isprintable():
            raise _fault(name, "a control character cannot be in it")
    if type is AuthenticationType.BASIC and ":" in settings["username"]:
        raise _fault("username", "a colon cannot be in it")  # RFC 7617, section 2
    if settings.get("client_authentication", "basic") not in _CLIENT_AUTHENTICATIONS:
        words = f"one of {', '.join(_CLIENT_AUTHENTICATIONS)} is expected"
        raise _fault("client_authentication", words)
    if "token_url" in settings:
        try:
            settings["token_url"] = clean_url(settings["token_url"])
        except ValueError as error:
            raise _fault("token_url", str(error)) from None


def _check_certificates(settings: Mapping[str, str]) -> None:
    pair = "client_certificate", "client_key"
    if len(settings.keys() & set(pair)) == 1:
        raise _fault(next(name for name in pair if name not in settings), "both or none of the two")
    if "client_key" in settings:
        _check_pair(settings["client_certificate"], settings["client_key"])
    if "ca_certificate" in settings:
        _certificate("ca_certificate", settings["ca_certificate"])


def _check_pair(certificate: str, key: str) -> None:
    found = _certificate("client_certificate", certificate)
    try:
        private = load_pem_private_key(key.encode(), password=None)
        is_a_pair = private.public_key() == found.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _fault("client_key", "a private key in PEM without a password is expected") from None
    if not is_a_pair:
        raise _fault("client_key", "it is not the key of client_certificate")


def _certificate(name: str, pem: str) -> x509.Certificate:
    """The first one; those behind it lead to a root."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        raise _fault(name, "a certificate in PEM is expected") from None


def _fault(name: str, words: str) -> InvalidInput:
    return InvalidInput(f"settings.{name}: {words}.", field=f"settings.{name}")
