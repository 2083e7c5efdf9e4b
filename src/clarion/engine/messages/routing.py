"""Which connector carries a sender id."""

from __future__ import annotations

from collections.abc import Mapping

from clarion.settings import ConnectorSettings, SmppConnector


def connector_for(
    address: str,
    wanted: str | None,
    connectors: Mapping[str, ConnectorSettings],
    medium: str = "SMS",
) -> str | None:
    """The name of the connector that carries messages of this medium from `address`, or None.

    The one that the operator named for the sender comes first, then the one whose `addresses`
    match best, then the default, then the only one there is.
    """
    connectors = {name: each for name, each in connectors.items() if _can_send(each, medium)}
    if wanted is not None:
        return wanted if wanted in connectors else None
    best = max(
        ((_match(address, settings.addresses), name) for name, settings in connectors.items()),
        default=(0, ""),
    )
    if best[0]:
        return best[1]
    for name, settings in connectors.items():
        if settings.default:
            return name
    return next(iter(connectors)) if len(connectors) == 1 else None


def _can_send(settings: ConnectorSettings, medium: str) -> bool:
    if isinstance(settings, SmppConnector) and settings.bind == "receiver":
        return False
    return medium in settings.media


def _match(address: str, patterns: tuple[str, ...]) -> int:
    """How well the best of the patterns fits: longer is better, a whole address is best."""
    return max((_fit(address, pattern) for pattern in patterns), default=0)


def _fit(address: str, pattern: str) -> int:
    if pattern == address:
        return len(address) + 2
    if pattern.endswith("*") and address.startswith(pattern[:-1]):
        return len(pattern)
    return 0
