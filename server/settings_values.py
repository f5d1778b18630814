"""What the value of a setting must look like, where no bound says it.

Each check raises ValueError with the half of a line that follows the variable's name; what may be a secret is
not in it.
"""

from __future__ import annotations

from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

PORT_MAX = 65_535
ANY_ORIGIN = "*"


def check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Where a server is, with the password in it."""
    address = _split(url)
    if address is None or address.scheme not in schemes or not address.hostname:
        raise ValueError(
            f"must look like {schemes[0]}://user:password@host:port/name, with a port of 1 to {PORT_MAX}"
        )


def check_head(address: str) -> None:
    """Where the head of a Ray cluster is."""
    host, _, port = address.rpartition(":")
    number = int(port) if port.isascii() and port.isdecimal() else 0
    if not host or "/" in host or not 1 <= number <= PORT_MAX:
        raise ValueError(
            f'must be host:port of the head, the port 1 to {PORT_MAX} (not "auto", "local" or ray://)'
        )


def check_token(token: str) -> None:
    """What is sent as `Authorization: Bearer <token>`, and cannot be sent with anything else in it."""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError("must be of visible ASCII characters, without spaces")


def check_origin(origin: str) -> None:
    """As browsers write it (Fetch standard): scheme, host, and a port that is not the scheme's own."""
    address = _split(origin)
    bare = address is not None and address.path in ("", "/") and not (address.query or address.fragment)
    web = address is not None and address.scheme in ("http", "https") and address.hostname
    if origin != ANY_ORIGIN and not (bare and web and "@" not in origin):
        raise ValueError(
            f"{origin!r} is no origin: https://shop.example, with nothing behind the host or port"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound to it. A name but `localhost` may be anything."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_network(network: str) -> None:
    """An address, or a network as 10.0.0.0/8."""
    try:
        ip_network(network, strict=False)
    except ValueError:
        raise ValueError(f"{network!r} is no address and no network") from None


def check_mail_server(url: str) -> None:
    """Where mails are handed in, with the password in it."""
    address = _split(url)
    sound = address is not None and address.scheme in ("smtp", "smtps") and address.hostname
    if not sound or address is None or address.path not in ("", "/"):
        raise ValueError(f"must look like smtp://user:password@host:port, with a port of 1 to {PORT_MAX}")


def check_sender(text: str) -> None:
    """`Name <address>`, or the address alone; nothing that would begin another header."""
    _, address = parseaddr(text)
    local, _, host = address.rpartition("@")
    if not (text.isprintable() and local and host and address.isascii() and " " not in address):
        raise ValueError("must look like Name <address@example.com>")


def check_public_url(url: str) -> None:
    """What a path is put behind."""
    address = _split(url)
    web = address is not None and address.scheme in ("http", "https") and address.hostname
    if not web or "?" in url or "#" in url or "@" in url or url.endswith("/"):
        raise ValueError("must look like https://tickets.example, with no slash at its end")


def _split(url: str) -> SplitResult | None:
    """None: no URL, or its port is none."""
    try:
        address = urlsplit(url)
        return None if address.port == 0 else address
    except ValueError:
        return None
