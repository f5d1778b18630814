"""Which addresses of the Internet are anybody's to be reached at: no machine's or network's own.

By the IANA's registries of special-purpose addresses (RFC 6890). Of IPv6 only what is global unicast counts
(2000::/3), less what is a way to write an IPv4 address or was set aside; so mapped, translated and link-local
ones are out without being listed.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # a provider's own, for what it translates
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # this link; clouds tell machines their secrets there
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols
        "192.0.2.0/24",  # documents
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documents
        "203.0.113.0/24",  # documents
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",  # documents
        "2002::/16",  # 6to4: an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documents
    )
)


def is_public(text: str) -> bool:
    """Whether it is an address, and one that is anybody's to reach."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    return _is_public_6(address)


def is_loopback(text: str) -> bool:
    """Whether it is an address, and this machine's own: 127.0.0.0/8 or ::1, however else they are written."""
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def _is_public_6(address: IPv6Address) -> bool:
    return address in _GLOBAL_6 and not any(address in block for block in _NOT_PUBLIC_6)
