"""Called by `ray start` with its parameters (RAY_START_HOOK): no Ray Client server.

Nobody uses it here, it is one more process, and on its default port 10001 it collides with any other cluster.
`ray start` has no option to leave it out.
"""

from __future__ import annotations

from typing import Any


def without_client_server(params: Any, head: bool) -> None:
    """Ray's contract: called once, before anything is started."""
    params.ray_client_server_port = None
