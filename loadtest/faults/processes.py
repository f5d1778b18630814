"""Which process to strike, and striking no other: by id and time of creation, and only our own server's."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass

import psutil


class NotOurs(Exception):
    """The process is not one of the server that this run has started."""


@dataclass(slots=True, frozen=True)
class Target:
    """One process and no other that may get its id later."""

    name: str
    pid: int
    created_s: float

    @property
    def alive(self) -> bool:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            return process.create_time() == self.created_s and process.status() != psutil.STATUS_ZOMBIE
        return False

    def send(self, number: signal.Signals) -> bool:
        """False where the process is gone. psutil looks at the time of creation before it signals."""
        if not self.alive:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(self.pid).send_signal(number)
            return True
        return False


def actors(title: str, supervisor_pid: int) -> list[Target]:
    """The processes of Ray's actors that show this in their title, among the supervisor's, oldest first."""
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(supervisor_pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                shown = " ".join(process.cmdline())
                if shown.startswith("ray::") and title in shown:
                    found.append(Target(title, process.pid, process.create_time()))
    return sorted(found, key=lambda one: one.created_s)


def target(name: str, pid: int, supervisor_pid: int) -> Target:
    """The process, if it is the supervisor's or one of its descendants. Raises `NotOurs`."""
    try:
        process = psutil.Process(pid)
        ancestors = {one.pid for one in process.parents()}
        created_s = process.create_time()
    except psutil.Error as error:
        raise NotOurs(f"{name} (process {pid}): {error}") from None
    if supervisor_pid not in ancestors | {pid}:
        raise NotOurs(f"{name} (process {pid}) was not started by this run")
    return Target(name, pid, created_s)
