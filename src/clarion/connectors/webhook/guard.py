"""Which addresses may be connected to: those of the public internet, and what a setting allows.

Companies choose where events go, so whatever they name is hostile until its address is checked:
else the gateway would post into the operator's own network, or ask a cloud's metadata service for
its keys. An address that carries another one (IPv4-mapped, NAT64) is judged by what it carries.
Ranges are those of the IANA registries of special-purpose addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from clarion.settings import SettingsError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

FORBIDDEN_4 = {
    IPv4Network("0.0.0.0/8"): "unspecified",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "of a carrier's own network",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("168.63.129.16/32"): "a cloud's metadata service",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "reserved",
    IPv4Network("192.0.2.0/24"): "for documentation",
    IPv4Network("192.88.99.0/24"): "reserved",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("198.18.0.0/15"): "for tests of networks",
    IPv4Network("198.51.100.0/24"): "for documentation",
    IPv4Network("203.0.113.0/24"): "for documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
GLOBAL_6 = IPv6Network("2000::/3")
FORBIDDEN_6 = {
    IPv6Network("2001::/23"): "reserved",  # Teredo among others
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("2002::/16"): "6to4",
    IPv6Network("3fff::/20"): "for documentation",
}
WORDS_6 = {  # outside GLOBAL_6, all of which is forbidden
    IPv6Network("::/128"): "unspecified",
    IPv6Network("::1/128"): "loopback",
    IPv6Network("fc00::/7"): "private",
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("ff00::/8"): "multicast",
}
MAPPED = IPv6Network("::ffff:0:0/96")
NAT64 = IPv6Network("64:ff9b::/96")


class Guard:
    """Knows the networks that the operator allows."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """Raises SettingsError."""
        try:
            self._allowed: tuple[Network, ...] = tuple(ip_network(each) for each in allowed)
        except ValueError as error:
            raise SettingsError(f"events.allowed_networks: {error}") from None

    def refusal(self, address: str) -> str | None:
        """Why this must not be connected to; None: it may."""
        if "%" in address:
            return "link-local"
        try:
            found = _carried(ip_address(address))
        except ValueError:
            return "no address"
        if any(found in network for network in self._allowed):
            return None
        return _special(found)


def _carried(address: Address) -> Address:
    """What an IPv6 address that stands for an IPv4 address stands for."""
    if isinstance(address, IPv6Address) and (address in MAPPED or address in NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _special(address: Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((why for network, why in FORBIDDEN_4.items() if address in network), None)
    if address in GLOBAL_6:
        return next((why for network, why in FORBIDDEN_6.items() if address in network), None)
    return next((why for network, why in WORDS_6.items() if address in network), "reserved")
