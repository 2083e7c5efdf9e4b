"""The settings: `docs/configuration.md` is generated from this package."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from clarion.settings.connectors import ConnectorSettings
from clarion.settings.section import Count, Seconds, Section


class Database(Section, frozen=True, kw_only=True):
    """Where everything is stored."""

    url: Annotated[
        str,
        Meta(
            description="PostgreSQL 15 or newer, as a connection URL; several hosts are tried in "
            "turn (`postgresql://user@a,b/clarion?target_session_attrs=read-write`). Empty: "
            "`clarion run` starts an embedded server in the data directory.",
            extra={"secret": True},
        ),
    ] = ""
    pool_size: Annotated[Count, Meta(description="Connections a process may hold.")] = 12
    connect_timeout: Annotated[Seconds, Meta(description="Seconds to wait for a connection.")] = 5.0
    statement_timeout: Annotated[
        Seconds, Meta(description="Seconds after which the server ends a statement.")
    ] = 30.0


_ANY_ADDRESS = ("0.0.0.0", "[::]")  # noqa: S104 - shown, not bound


class Http(Section, frozen=True, kw_only=True):
    """The HTTP listener that all doors share."""

    listen: Annotated[str, Meta(description="HOST:PORT to listen on; port 0 picks a free one.")] = (
        "127.0.0.1:8080"
    )
    public_url: Annotated[
        str, Meta(description="The address that clients use, for links; empty: the listener's own.")
    ] = ""
    trusted_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks whose int-companyId and int-appId headers are believed in place "
            "of a token. Empty: none."
        ),
    ] = ()
    max_body_bytes: Annotated[Count, Meta(description="Largest request body, in bytes.")] = (
        8_388_608
    )
    rate_limit: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(description="Requests a second for each application; 0 is no limit."),
    ] = 0.0
    rate_burst: Annotated[
        Count, Meta(description="Requests that may come at once above the rate limit.")
    ] = 100

    @property
    def address(self) -> str:
        """Where clients find the installation, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host, _, port = self.listen.rpartition(":")
        return f"http://{'127.0.0.1' if host in _ANY_ADDRESS else host}:{port}"


class Security(Section, frozen=True, kw_only=True):
    """Keys of the installation."""

    secret_key: Annotated[
        str,
        Meta(
            description="Protects stored credentials of sender ids; the same on every node, as "
            "`openssl rand -base64 32` prints it. Empty: a key is made in the data directory.",
            extra={"secret": True},
        ),
    ] = ""


class Log(Section, frozen=True, kw_only=True):
    """What is logged, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least level shown.")
    ] = "info"
    format: Annotated[
        Literal["console", "json"], Meta(description="Readable lines, or one JSON object a line.")
    ] = "console"


class Intake(Section, frozen=True, kw_only=True):
    """What a message request may ask for."""

    max_recipients: Annotated[Count, Meta(description="Recipients a message request may name.")] = (
        100_000
    )
    direct_recipients: Annotated[
        Count,
        Meta(
            description="Up to so many recipients are prepared before the answer; more, after it."
        ),
    ] = 50
    max_fragments: Annotated[
        Annotated[int, Meta(ge=1, le=31)], Meta(description="Fragments one message may need.")
    ] = 10
    max_schedule_days: Annotated[
        Count, Meta(description="How many days ahead a message may be scheduled.")
    ] = 60
    sender_queue_limit: Annotated[
        Count,
        Meta(description="Messages that may wait for one sender id; above it, requests get 429."),
    ] = 1_000_000


class Dispatch(Section, frozen=True, kw_only=True):
    """How messages are handed to connectors."""

    poll_interval: Annotated[
        Seconds, Meta(description="Seconds between looks at the queue when no hint comes.")
    ] = 0.25
    batch_size: Annotated[Count, Meta(description="Messages claimed at once for one sender.")] = 250
    node_lease: Annotated[
        Seconds,
        Meta(description="Seconds after which a silent process loses its binds and its claims."),
    ] = 8.0
    max_age_hours: Annotated[
        Count, Meta(description="Hours after which a message that could not be sent is EXPIRED.")
    ] = 72
    reassembly_timeout: Annotated[
        Seconds, Meta(description="Seconds to wait for the missing parts of a long MO message.")
    ] = 120.0


class Retention(Section, frozen=True, kw_only=True):
    """How long things are kept."""

    message_days: Annotated[
        Count, Meta(description="Days that requests and messages are kept before their drop.")
    ] = 90
    event_days: Annotated[
        Count, Meta(description="Days that events, their deliveries and attempts are kept.")
    ] = 30
    contact_job_days: Annotated[
        Count, Meta(description="Days that completed imports and exports of contacts are kept.")
    ] = 30
    partition_days: Annotated[Count, Meta(description="Days in one partition of a big table.")] = 7
    unknown_receipt_hours: Annotated[
        Count, Meta(description="Hours that a receipt waits for the message that it speaks of.")
    ] = 48


class Events(Section, frozen=True, kw_only=True):
    """How events reach those who subscribed to them."""

    retry_seconds: Annotated[
        tuple[Seconds, ...],
        Meta(
            description="Seconds to wait after each failed delivery, give or take a fifth; after "
            "the last one the delivery is FAILED."
        ),
    ] = (5.0, 30.0, 120.0, 600.0, 3600.0, 10_800.0, 28_800.0, 43_200.0)
    timeout: Annotated[
        Seconds, Meta(description="Seconds that one delivery may take, the answer included.")
    ] = 15.0
    allowed_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks that events may be posted to although they are private, such as "
            "`10.1.0.0/16`. `clarion run` adds loopback."
        ),
    ] = ()
    connections: Annotated[
        Count, Meta(description="Deliveries under way at once to one delivery configuration.")
    ] = 16
    connections_total: Annotated[
        Count, Meta(description="Deliveries under way at once in one process.")
    ] = 1000
    batch_size: Annotated[
        Count, Meta(description="Deliveries claimed at once for one configuration.")
    ] = 250
    file_days: Annotated[
        Count, Meta(description="Days that buffer files and dumps of subscriptions are kept.")
    ] = 7


class Files(Section, frozen=True, kw_only=True):
    """Where the content of attachments is, and how much of it."""

    url: Annotated[
        str,
        Meta(
            description="The file store: `file:///srv/clarion`, `s3://bucket/prefix`, "
            "`gs://bucket/prefix` or `az://account/container/prefix`. Nodes on several machines "
            "need one that all of them reach. Empty: `files` in the data directory."
        ),
    ] = ""
    endpoint: Annotated[
        str, Meta(description="Address of an S3 server other than Amazon's; empty: Amazon's.")
    ] = ""
    region: Annotated[str, Meta(description="Region of an S3 bucket.")] = ""
    access_key_id: Annotated[
        str,
        Meta(
            description="Key of an S3 bucket. Empty: credentials come from where the store's own "
            "tools find them (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, ...)."
        ),
    ] = ""
    secret_access_key: Annotated[
        str, Meta(description="Secret of that key.", extra={"secret": True})
    ] = ""
    max_bytes: Annotated[Count, Meta(description="Largest content of an attachment, in bytes.")] = (
        104_857_600
    )
    token_seconds: Annotated[
        Seconds, Meta(description="Seconds for which an access token of an attachment is good.")
    ] = 3600.0
    unused_days: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="Days after its last use that an attachment is deleted, with its content, "
            "but not before the messages that carry it (`retention.message_days`); 0: never."
        ),
    ] = 90


class Senders(Section, frozen=True, kw_only=True):
    """Sender ids."""

    auto_provision: Annotated[
        bool,
        Meta(
            description="A new sender id is IMPLEMENTED at once. Off: it stays "
            "PENDING_IMPLEMENTATION until `clarion sender provision`."
        ),
    ] = False


class Billing(Section, frozen=True, kw_only=True):
    """Prices of messages and credit of companies."""

    enabled: Annotated[
        bool,
        Meta(
            description="Messages are charged by the rate table to their company's credit, and "
            "refused when it is short. Off: messages cost nothing."
        ),
    ] = False
    currency: Annotated[
        str,
        Meta(description="What prices and credit are in (ISO 4217).", pattern="^[A-Z]{3}$"),
    ] = "USD"


class Links(Section, frozen=True, kw_only=True):
    """Short links in place of those that a message asks to track."""

    public_url: Annotated[
        str,
        Meta(
            description="Where recipients find `/t/<code>`, as `https://go.example.com`; the "
            "shorter, the more of an SMS is left. Empty: http.public_url, or the listener's own.",
            pattern="^$|^https?://[^\\s/?#@]+(/[^\\s?#]*)?$",
        ),
    ] = ""


class Translation(Section, frozen=True, kw_only=True):
    """What translates messages whose request asks for it."""

    kind: Annotated[
        Literal["none", "libretranslate", "apertium"],
        Meta(
            description="none; a service that speaks LibreTranslate's API; or Apertium, whose "
            "programs are installed beside Clarion and need no network."
        ),
    ] = "none"
    url: Annotated[
        str, Meta(description="Where LibreTranslate is, as `http://translate.example:5000`.")
    ] = ""
    api_key: Annotated[
        str,
        Meta(
            description="Our key at LibreTranslate, where it asks for one.", extra={"secret": True}
        ),
    ] = ""
    modes: Annotated[
        str, Meta(description="The directory of Apertium's installed pairs of languages.")
    ] = "/usr/share/apertium/modes"
    timeout: Annotated[Seconds, Meta(description="Seconds until a batch has to be translated.")] = (
        20.0
    )
    batch: Annotated[
        Annotated[int, Meta(ge=1, le=1000)], Meta(description="Texts in one call of the service.")
    ] = 50
    concurrency: Annotated[
        Annotated[int, Meta(ge=1, le=64)], Meta(description="Calls of the service at once.")
    ] = 4


class Settings(Section, frozen=True, kw_only=True):
    """Everything that one installation sets."""

    database: Database = field(default_factory=Database)
    http: Http = field(default_factory=Http)
    security: Security = field(default_factory=Security)
    log: Log = field(default_factory=Log)
    intake: Intake = field(default_factory=Intake)
    dispatch: Dispatch = field(default_factory=Dispatch)
    events: Events = field(default_factory=Events)
    retention: Retention = field(default_factory=Retention)
    files: Files = field(default_factory=Files)
    senders: Senders = field(default_factory=Senders)
    billing: Billing = field(default_factory=Billing)
    links: Links = field(default_factory=Links)
    translation: Translation = field(default_factory=Translation)
    connectors: dict[str, ConnectorSettings] = field(default_factory=dict)
