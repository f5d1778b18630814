"""Child processes: starting one that dies with us, ending one and all that came of it, none twice, nobody
else's.

A process is known by its id *and* its time of creation: ids are used again, and whoever ends a process by a
remembered id alone will, one day, end a stranger's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from server.settings import environment_for_child
from server.supervisor import death_shim

SAME_CREATION_S = 2.0  # a corrected system clock moves the creation times the kernel reports a little
KILLED_WAIT_S = 5.0


@dataclass(slots=True, frozen=True)
class User:
    """Who a child runs as."""

    uid: int
    gid: int


@dataclass(slots=True, frozen=True)
class Program:
    """What to start. `log`: where its output goes, None for ours. `death_signal`: sent to it when we die."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    folder: Path | None = None
    user: User | None = None
    death_signal: signal.Signals | None = signal.SIGKILL
    pass_fds: Sequence[int] = ()


@dataclass(slots=True, frozen=True)
class Identity:
    """One process and no other that may get its id later."""

    name: str
    pid: int
    created_s: float

    def process(self) -> psutil.Process | None:
        """The process, if it is alive and still the same."""
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(self.pid)
            alive = found.status() != psutil.STATUS_ZOMBIE
            if alive and abs(found.create_time() - self.created_s) < SAME_CREATION_S:
                return found
        return None


@dataclass(slots=True)
class Child:
    """A process we started."""

    identity: Identity
    handle: asyncio.subprocess.Process

    @property
    def ended(self) -> bool:
        """True once it is gone and waited for."""
        return self.handle.returncode is not None

    async def wait(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        return await self.handle.wait()


async def start(program: Program) -> Child:
    """Starts a program in a session of its own, so that Ctrl-C reaches only the supervisor."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(program.log.open("ab")) if program.log else None
        handle = await asyncio.create_subprocess_exec(
            *shimmed(program),
            env=environment_for_child(program.environment),
            cwd=program.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=tuple(program.pass_fds),
        )
    return Child(Identity(program.name, handle.pid, _created_s(handle.pid)), handle)


def shimmed(program: Program) -> list[str]:
    """The command line that makes the program die with us and run as its user."""
    user = program.user or User(-1, -1)
    words = (program.death_signal or 0, os.getpid(), user.uid, user.gid)
    return [
        sys.executable,
        "-I",
        "-S",
        death_shim.__file__,
        *(str(int(word)) for word in words),
        *program.argv,
    ]


async def end(
    child: Child, first: signal.Signals, grace_s: float, hurry: asyncio.Event | None = None
) -> None:
    """Asks with `first`, waits, insists; then sees that nothing the child had started is left.

    Also of a child that has ended by itself: what it leaves is nobody's child, but still in its session.
    """
    family = descendants(child.identity)
    if not child.ended:
        _signal(child.identity, first)
        await _wait_or_hurry(child, grace_s, hurry)
    if not child.ended:
        _signal(child.identity, signal.SIGKILL)
        await child.wait()
    await asyncio.to_thread(kill_all, [*family, *session_mates(child.identity)])


async def _wait_or_hurry(child: Child, grace_s: float, hurry: asyncio.Event | None) -> None:
    waits = {asyncio.ensure_future(child.wait())}
    if hurry is not None:
        waits.add(asyncio.ensure_future(hurry.wait()))
    _, rest = await asyncio.wait(waits, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()


def _signal(identity: Identity, number: signal.Signals) -> None:
    """Not by the handle: before it signals it looks for the exit code, and takes it away from asyncio."""
    if identity.process() is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)


def identified(process: psutil.Process, name: str) -> Identity:
    """The identity of a process found by psutil."""
    return Identity(name, process.pid, process.create_time())


def descendants(identity: Identity) -> list[psutil.Process]:
    """What the process has started, and what that has started."""
    process = identity.process()
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True) if process else []
    return []


def session_mates(leader: Identity) -> list[psutil.Process]:
    """Who is in the session that the process began (see `start`), it may have ended itself.

    Only for a process that has ended just now: while one of them lives the kernel gives the number to nobody
    else, but long after the last of them it may be the number of a stranger's session.
    """
    mates = []
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(pid) == leader.pid != pid:
                mate = psutil.Process(pid)
                if mate.create_time() > leader.created_s - SAME_CREATION_S:
                    mates.append(mate)
    return mates


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """Ends those of the processes that still live. psutil compares times of creation before it signals."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=KILLED_WAIT_S)


def _created_s(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0  # gone already: an identity nothing matches
