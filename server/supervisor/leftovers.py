"""Ends what is left of a server that was killed, before a new one starts on the same data.

On Linux the kernel has done it (`death_shim.py`) but may be some milliseconds behind; elsewhere this is
what does it.
"""

from __future__ import annotations

import contextlib
import signal
import time

import psutil

from server.supervisor.data_folder import DataFolder
from server.supervisor.processes import KILLED_WAIT_S, descendants, kill_all

BY_THEMSELVES_WAIT_S = 2.0
POSTGRES_WAIT_S = 15.0


def end_leftovers(data: DataFolder) -> int:
    """Ends every remembered process that still lives, and its descendants. Returns how many."""
    time_limit = time.monotonic() + BY_THEMSELVES_WAIT_S
    remembered = data.remembered()
    while any(one.process() for one in remembered) and time.monotonic() < time_limit:
        time.sleep(0.05)
    ended = 0
    for one in remembered:
        process = one.process()
        if process is None:
            continue
        ended += 1
        family = descendants(one)
        _end(process, gently=one.name == "postgres")
        kill_all(family)
    data.forget()
    return ended


def _end(process: psutil.Process, gently: bool) -> None:
    """PostgreSQL is asked for its immediate stop: killed, it would leave processes that hold its memory."""
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGQUIT if gently else signal.SIGKILL)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(POSTGRES_WAIT_S if gently else KILLED_WAIT_S)
        process.kill()
