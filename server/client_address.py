"""Whose address a request comes from, behind proxies that are trusted."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web
from multidict import istr

FORWARDED_FOR = istr("X-Forwarded-For")
IPV6_PREFIX_BITS = 64
"""What one customer of a provider has: each of its addresses is his."""


class ClientAddress:
    """Finds it. `trusted_proxies`: addresses and networks."""

    def __init__(self, trusted_proxies: tuple[str, ...]) -> None:
        self._trusted: list[IPv4Network | IPv6Network] = [
            ip_network(proxy, strict=False) for proxy in trusted_proxies
        ]

    def of(self, request: web.BaseRequest) -> str:
        """The peer, or whom the trusted proxies name: the last address that is not theirs."""
        client = request.remote or ""
        # Each proxy may add a line of its own instead of writing behind the one before.
        lines = request.headers.getall(FORWARDED_FOR, ()) if self._trusted else ()
        for hop in reversed(",".join(lines).split(",")):
            if not self._is_trusted(client) or not _is_address(hop.strip()):
                break
            client = hop.strip()
        return client

    def _is_trusted(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._trusted)


def counted_as(address: str) -> str:
    """What a limit counts by: an IPv4 address, or the network of an IPv6 one."""
    if not _is_address(address):
        return address
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX_BITS), strict=False))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
