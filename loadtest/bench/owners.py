"""Finds the process of an owner, to look at its memory or to kill it.

`turnstile status` knows owners by name. It takes a second or two of CPU time, too much between two kills; but
after a kill the successor is the one owner that was none before (Ray shows the actor's class in the title).
"""

import signal
import subprocess
import time

import msgspec
import psutil

from loadtest.bench.children import clean_environment
from loadtest.bench.stack import Stack, turnstile_command

TITLE = "ray::OwnerActor"
FIND_TIMEOUT_S = 20.0
STATUS_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05


class NoOwner(Exception):
    """The owner's process cannot be found."""


class StatusOwner(msgspec.Struct):
    name: str
    pid: int = 0


class Status(msgspec.Struct):
    owners: list[StatusOwner]


def owner_process(stack: Stack, name: str) -> psutil.Process:
    ended = subprocess.run(
        [*turnstile_command(), "status", "--json"],
        env=clean_environment({"TURNSTILE_DATA": str(stack.folder)}),
        capture_output=True,
        timeout=STATUS_TIMEOUT_S,
        check=False,
    )
    said = msgspec.json.decode(ended.stdout, type=Status)
    found = [owner.pid for owner in said.owners if owner.name == name and owner.pid]
    if not found:
        raise NoOwner(f"{NoOwner.__doc__} {name}: {said.owners}")
    return psutil.Process(found[0])


def owner_processes(stack: Stack) -> list[psutil.Process]:
    """Of all owners. Only descendants of this server count."""
    children = psutil.Process(stack.pid).children(recursive=True)
    return [process for process in children if title(process).startswith(TITLE)]


def owner_pids(stack: Stack) -> set[int]:
    return {process.pid for process in owner_processes(stack)}


def successor(stack: Stack, before: set[int]) -> psutil.Process:
    """Waits for an owner that is not among those `before` the kill."""
    deadline = time.monotonic() + FIND_TIMEOUT_S
    while time.monotonic() < deadline:
        new = owner_pids(stack) - before
        if new:
            return psutil.Process(new.pop())
        time.sleep(POLL_INTERVAL_S)
    raise NoOwner(NoOwner.__doc__)


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
