"""Whether the Ray cluster that was given can be joined, found out in a process of its own: a supervisor stays
small and imports no Ray.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from server.embedded.part import SEPARATOR, log_tail
from server.supervisor.data_folder import DataFolder
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Program, end, start

JOIN_TIMEOUT_S = 60.0
TRIES_MAX = 2
"""Ray's default is twenty, a second apart; by now somebody has answered there."""


async def check_joinable(data: DataFolder, ray_address: str) -> None:
    """Raises StartFailure with what Ray said."""
    log = data.log("join")
    log.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "actors.joining", ray_address]
    child = await start(Program("join", argv, {"RAY_NUM_REDIS_GET_RETRIES": str(TRIES_MAX)}, log))
    try:
        code = await asyncio.wait_for(child.wait(), JOIN_TIMEOUT_S)
    except TimeoutError:
        code, said = 1, f"it takes longer than {JOIN_TIMEOUT_S:.0f} s; see {log}"
    else:
        said = log_tail(log).rpartition(SEPARATOR)[2]  # before it stand warnings of Ray's own
    finally:
        await end(child, signal.SIGTERM, 2.0)
    if code != 0:
        raise StartFailure(f"RAY_ADDRESS: the cluster at {ray_address} cannot be joined: {said}")
