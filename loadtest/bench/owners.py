"""Finds the process of an owner by its title, to look at its memory or to kill it: Ray shows the actor's
name there.
"""

import signal
import time

import psutil

from loadtest.bench.stack import Stack

FIND_TIMEOUT_S = 20.0
POLL_INTERVAL_S = 0.05


class NoOwner(Exception):
    """No process has the owner's name in its title."""


def owner_process(stack: Stack, name: str) -> psutil.Process:
    """Waits for it, since an owner starts with its first command. Only descendants of this server count."""
    deadline = time.monotonic() + FIND_TIMEOUT_S
    while time.monotonic() < deadline:
        for process in family(stack):
            if title(process).startswith("ray::") and name in title(process):
                return process
        time.sleep(POLL_INTERVAL_S)
    raise NoOwner(f"{NoOwner.__doc__} ({name})")


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


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


def own_memory_bytes(process: psutil.Process) -> int:
    """Memory that would be free if the process ended (USS), without shared libraries and Ray's store."""
    return int(process.memory_full_info().uss)
