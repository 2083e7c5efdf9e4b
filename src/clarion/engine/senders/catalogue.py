"""The sender id classes and types that ship with Clarion.

Throughput is what the message pipeline holds itself to: messages a second for one company and
country, for all companies, and messages a day. Of one company, what cannot wait leaves before what
is expected, and that before what is offered. The operator changes the rows, not this module:
seeding leaves rows that exist as they are.
"""

from __future__ import annotations

from msgspec import Struct


class ClassEntry(Struct, frozen=True):
    """One sender id class."""

    id: str
    name: str
    description: str
    peak: float
    peak_total: float
    daily: float
    priority: int  # 0 high, 1 normal, 2 low
    delivery_window: str | None = None


class TypeEntry(Struct, frozen=True):
    """One sender id type."""

    id: str
    name: str
    description: str
    capabilities: tuple[str, ...]
    gateway_id: str
    credentials: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


_DAYTIME = '{"DEFAULT":{"OTH":"08:00-21:00","SUN":"10:00-20:00","HOL":"10:00-20:00"}}'
_PROGRAMS = ("application/x-msdownload", "application/x-sh", "application/java-archive")

CLASSES = (
    ClassEntry(
        "COMMERCIAL",
        "Commercial",
        "Marketing and offers, meant for the daytime of the recipient.",
        1_000.0,
        5_000.0,
        10_000_000.0,
        2,
        _DAYTIME,
    ),
    ClassEntry(
        "NOTIFICATIONS",
        "Notifications",
        "What a customer expects: orders, appointments, statements.",
        2_000.0,
        10_000.0,
        20_000_000.0,
        1,
    ),
    ClassEntry(
        "ALERTS",
        "Alerts",
        "What cannot wait: one-time passwords, fraud and emergency warnings.",
        5_000.0,
        20_000.0,
        50_000_000.0,
        0,
    ),
)

_MOBILE = ("SMS", "MMS")
TYPES = (
    TypeEntry("SHORTCODE", "Short code", "A short number of 3 to 8 digits.", _MOBILE, "SMS"),
    TypeEntry(
        "LONGCODE",
        "Long code",
        "A full telephone number with its country code.",
        ("SMS", "MMS", "VOICE"),
        "SMS",
    ),
    TypeEntry(
        "TOLLFREE",
        "Toll-free number",
        "A toll-free telephone number with its country code.",
        ("SMS", "MMS", "VOICE"),
        "SMS",
    ),
    TypeEntry(
        "ALPHANUMERIC",
        "Alphanumeric sender",
        "A name of up to 11 characters; it cannot be answered.",
        ("SMS",),
        "SMS",
    ),
    TypeEntry("EMAIL", "E-mail", "An e-mail address.", ("EMAIL",), "SMTP", blocked=_PROGRAMS),
    TypeEntry(
        "PUSH",
        "Push application",
        "An application on handsets that takes push notifications.",
        ("PSH",),
        "PUSH",
        ("APN:certificate,topic,environment", "GCM:certificate"),
    ),
    TypeEntry("VOICE", "Voice number", "A telephone number for calls.", ("VOICE",), "SIP"),
    TypeEntry(
        "FACEBOOK",
        "Facebook page",
        "A page that takes part in Messenger conversations.",
        ("FACEBOOK",),
        "FACEBOOK",
        ("app_secret,page_access_token",),
    ),
    TypeEntry(
        "WECHAT",
        "WeChat account",
        "An official WeChat account.",
        ("WECHAT",),
        "WECHAT",
        ("app_secret,app_id,token",),
    ),
    TypeEntry("WHATSAPP", "WhatsApp number", "A business number.", ("WHATSAPP",), "WHATSAPP"),
    TypeEntry("RCS", "RCS agent", "An agent of a brand in RCS messaging.", ("RCS",), "RCS"),
)
