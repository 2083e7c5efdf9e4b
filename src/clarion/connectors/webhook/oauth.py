"""OAuth 2.0 towards receivers (RFC 6749): how a token is asked for, and what the answer grants."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode

import msgspec

from clarion.connectors.webhook.link import Reply
from clarion.connectors.webhook.target import Target, parse_target

EARLY = 30.0  # seconds that a token is renewed before its end, or half its life if that is less
DEFAULT_LIFE = 3600.0
MIN_LIFE = 1.0
MAX_LIFE = 86_400.0
MAX_TOKEN = 8192
MAX_REFUSAL = 300  # characters of an issuer's words


class NoToken(Exception):
    """The words say why."""


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None
    refresh_token: str | None = None


class _Refusal(msgspec.Struct):
    """RFC 6749, 5.2."""

    error: str
    error_description: str = ""


class Tokens:
    """The token of one configuration: cached until shortly before its end, or until it fails."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Raises BadAddress: the token_url cannot be asked."""
        self.target: Target = parse_target(settings.get("token_url", ""))
        self._settings = settings
        self.refresh_token = settings.get("refresh_token")
        self._token = b""
        self._until = 0.0

    def current(self, now: float) -> bytes | None:
        return self._token if self._token and now < self._until else None

    def spoiled(self, token: bytes) -> None:
        """The receiver takes it no longer; a newer one may have come meanwhile."""
        if token == self._token:
            self._token = b""

    def learned(self, refresh_token: str | None) -> None:
        """What is stored now: another node may have used the one that we know."""
        if refresh_token:
            self.refresh_token = refresh_token

    def request(self) -> bytes:
        """The whole HTTP request for a token."""
        settings, fields = self._settings, self._fields()
        lines = ""
        if settings.get("client_authentication", "basic") == "body":
            fields["client_id"] = settings.get("client_id", "")
            fields["client_secret"] = settings.get("client_secret", "")
        else:
            pair = f"{quote_plus(settings.get('client_id', ''))}:"
            pair += quote_plus(settings.get("client_secret", ""))
            lines = f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        body = urlencode(fields)
        return (
            f"POST {self.target.path} HTTP/1.1\r\nHost: {self.target.shown_host}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n"
            f"{lines}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def granted(self, reply: Reply, now: float) -> None:
        """Take the token of an answer. Raises NoToken."""
        if reply.status is None:
            raise NoToken(f"No access token: {reply.words}")
        if reply.status != 200:
            raise NoToken(f"No access token: its issuer answered {reply.status}{_refusal(reply)}")
        try:
            grant = msgspec.json.decode(reply.body, type=_Grant)
            life = float(grant.expires_in) if grant.expires_in is not None else DEFAULT_LIFE
        except (msgspec.DecodeError, ValueError):
            raise NoToken("No access token: its issuer's answer cannot be understood.") from None
        token = grant.access_token
        if not token or len(token) > MAX_TOKEN or not (token.isascii() and token.isprintable()):
            raise NoToken("No access token: its issuer's answer has none that can be sent.")
        life = min(max(life, MIN_LIFE), MAX_LIFE)
        self._token = token.encode()
        self._until = now + max(life - EARLY, life / 2)
        if grant.refresh_token:
            self.refresh_token = grant.refresh_token

    def _fields(self) -> dict[str, str]:
        settings = self._settings
        grant = settings.get("grant_type", "client_credentials")
        fields = {"grant_type": grant}
        if grant == "password":
            fields["username"] = settings.get("username", "")
            fields["password"] = settings.get("password", "")
        if grant == "refresh_token":
            fields["refresh_token"] = self.refresh_token or ""
        fields |= {n: settings[n] for n in ("scope", "audience") if settings.get(n)}
        return fields


def _refusal(reply: Reply) -> str:
    """What is wrong with us in the issuer's eyes, where it says so."""
    try:
        said = msgspec.json.decode(reply.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "."
    words = " ".join(f"{said.error}: {said.error_description}".split())
    shown = "".join(c for c in words if c.isprintable())[:MAX_REFUSAL]
    shown = shown.strip(" :")
    return f", {shown}" if shown.endswith((".", "?", "!")) else f", {shown}."
