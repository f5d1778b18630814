"""Where the server under load is: out of its data folder, or as the user says. Load stays on this machine.

A load test that is pointed at the wrong host is an attack, so any host but the loopback is refused unless
the user names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

ENDPOINTS = "endpoints.json"


class NoServer(Exception):
    """There is nothing to load, or it is not allowed; the message fits one line."""


class Server(msgspec.Struct, frozen=True):
    """A running server, as its `endpoints.json` describes it."""

    http: str
    database_url: str = ""
    admin_token: str = ""
    pids: dict[str, int] = {}


def find_server(data: Path) -> Server:
    """The server that runs on this data folder. Raises `NoServer`."""
    path = data / ENDPOINTS
    try:
        return msgspec.json.decode(path.read_bytes(), type=Server)
    except FileNotFoundError:
        raise NoServer(
            f"no server runs on {data} ({ENDPOINTS} is not there); start one: make serve"
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise NoServer(f"{path} cannot be read: {error}") from None


def find_or_take(data: Path, host: str, admin_token: str) -> Server:
    """The server on this data folder; without one the host that was named, whose database is out of reach.

    Raises `NoServer` if there is neither, or if the host is named without its operator's token.
    """
    if (data / ENDPOINTS).exists() or not host:
        return find_server(data)
    if not admin_token:
        raise NoServer(f"{host} needs its operator's token, for {data} has no {ENDPOINTS}: --admin-token")
    return Server(host, admin_token=admin_token)


def refuse_far_hosts(url: str, allowed: Iterable[str] | Sequence[str] = ()) -> None:
    """Raises `NoServer` unless the URL's host is this machine's loopback, or named by the user."""
    host = urlsplit(url).hostname or ""
    if not (is_loopback(host) or host in set(allowed)):
        raise NoServer(f"{host or url} is not this machine; to load a host of your own: --allow-host {host}")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
