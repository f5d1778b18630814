"""Finds the process of an owner, to look at its memory or to kill it.

Ray shows the actor's class in a process's title, not its name. So the servers these figures are taken on
have one owner in the pool, and an event's own owner is the youngest of all.
"""

import signal
import time

import psutil

from loadtest.bench.stack import Stack

TITLE = "ray::OwnerActor"
FIND_TIMEOUT_S = 20.0
POLL_INTERVAL_S = 0.05


class NoOwner(Exception):
    """No owner's process has appeared."""


def youngest_owner(stack: Stack, born_after: float = 0.0) -> psutil.Process:
    """Waits for one started after that unix time. Only descendants of this server count."""
    deadline = time.monotonic() + FIND_TIMEOUT_S
    while time.monotonic() < deadline:
        found = [(born(process), process) for process in family(stack) if title(process).startswith(TITLE)]
        youngest = max(found, key=lambda one: one[0], default=None)
        if youngest is not None and youngest[0] > born_after:
            return youngest[1]
        time.sleep(POLL_INTERVAL_S)
    raise NoOwner(NoOwner.__doc__)


def family(stack: Stack) -> list[psutil.Process]:
    try:
        return list(psutil.Process(stack.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def born(process: psutil.Process) -> float:
    """Unix time; 0 if it has ended."""
    try:
        return process.create_time()
    except psutil.NoSuchProcess:
        return 0.0


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


def own_memory_bytes(process: psutil.Process) -> int:
    """Memory that would be free if the process ended (USS), without shared libraries and Ray's store."""
    return int(process.memory_full_info().uss)
