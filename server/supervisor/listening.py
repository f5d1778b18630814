"""The HTTP port, bound once: every front end gets this socket.

Not `reuse_port`: with it two servers bind one port without an error, and the kernel deals connections to
both.
"""

from __future__ import annotations

import socket

from server.supervisor.failures import StartFailure

BACKLOG_MAX_CONNECTIONS = 4_096


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartFailure."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartFailure(
            f"{host} is no address of this machine: {error.strerror} (TURNSTILE_HOST)"
        ) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    try:
        listener.bind(address)
        listener.listen(BACKLOG_MAX_CONNECTIONS)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise StartFailure(
            f"cannot listen on {host}:{port}: {reason} (TURNSTILE_HOST, TURNSTILE_PORT)"
        ) from None
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL to reach it from this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
