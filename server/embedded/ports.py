"""Free TCP ports."""

import socket


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now. It is not held: whoever binds it must be ready to ask again."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether the port could be bound now, connections that are just closing left aside."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
