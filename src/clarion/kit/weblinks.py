"""Web addresses that others will open: what passes, in the spelling that a header can hold."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

MAX_URL = 2000
_FORBIDDEN = re.compile(r"[\s\\<>\"`{}|^\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]|[\u200b-\u200f]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_IP6 = re.compile(r"\[[0-9a-f:.]{2,45}\]")


def clean_url(text: str) -> str:
    """An http or https address in ASCII, otherwise as given. ValueError says what is wrong.

    Refused is whatever programs read differently: credentials, backslashes, blanks and control
    characters. What passes names one host only, to every browser.
    """
    url = text.strip(" ")
    if not url:
        raise ValueError("it is empty")
    if len(url) > MAX_URL:
        raise ValueError(f"it is longer than {MAX_URL} characters")
    if _FORBIDDEN.search(url):
        raise ValueError("it holds a character that no web address can")
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() not in ("http", "https"):
        raise ValueError("it must begin with http:// or https://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    clean = f"{scheme.lower()}://{_authority(authority)}{quote(rest[len(authority) :], safe=_SAFE)}"
    if len(clean) > MAX_URL:
        raise ValueError(f"it is longer than {MAX_URL} characters")
    return clean


_SAFE = "!#$%&'()*+,-./:;=?@[]_~"  # what stays as it is: all of RFC 3986, and % of what is quoted


def _authority(text: str) -> str:
    """Host and port."""
    if "@" in text:
        raise ValueError("it must not hold a user name or password")
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError as error:
        raise ValueError("its host or port is not possible") from error
    name = parts.netloc if port is None else parts.netloc[: parts.netloc.rindex(":")]
    host = _host(name.removesuffix(":").lower())
    return host if port is None else f"{host}:{port}"


def _host(name: str) -> str:
    try:
        host = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError("its host is not possible") from error
    if len(host) > 253 or not (_HOST.fullmatch(host) or _IP6.fullmatch(host)):
        raise ValueError("its host is not possible")
    return host
