"""Keeps parts running: what dies is started again, with growing pauses, and nothing else is ended for it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import psutil

from server.embedded.part import Part
from server.supervisor.data_folder import DataFolder
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Child, descendants, end, identified
from server.supervisor.progress import Progress

PAUSE_FIRST_S = 0.1
PAUSE_MAX_S = 2.0
STEADY_AFTER_S = 5.0  # who lived this long begins with the first pause again
EARLY_DEATHS_MAX = 3  # before anything has ever answered: then it is no accident


@dataclass
class _Kept:
    part: Part
    child: Child
    task: asyncio.Task[None] | None = None
    deaths: int = 0


@dataclass
class Crew:
    """All running parts. `changed` is called whenever a part has another process."""

    data: DataFolder
    progress: Progress
    changed: Callable[[], None] = lambda: None
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    after_restart: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _stopping: bool = False

    async def add(self, part: Part) -> None:
        """Starts a part and keeps it. Raises StartFailure."""
        try:
            kept = _Kept(part, await part.launch())
        except OSError as error:  # no more processes, a full disk, a time-out
            raise StartFailure(f"{part.name} cannot be started: {_one_line(error)}") from error
        self._kept[part.name] = kept
        self.note()
        kept.task = asyncio.create_task(self._keep(kept))

    def pids(self) -> dict[str, int]:
        """The process of each part."""
        return {name: kept.child.identity.pid for name, kept in self._kept.items()}

    def deaths(self, prefix: str) -> int:
        """How often parts of that name have died."""
        return sum(kept.deaths for name, kept in self._kept.items() if name.startswith(prefix))

    async def restart(self, prefix: str) -> None:
        """Ends the processes of those parts; being kept, they come back."""
        for name, kept in list(self._kept.items()):
            if name.startswith(prefix):
                await end(kept.child, signal.SIGKILL, 0)

    async def stop(self, prefixes: tuple[str, ...]) -> None:
        """Ends those parts, all at once, in order and with grace."""
        self._stopping = True
        gone = [kept for name, kept in self._kept.items() if name.startswith(prefixes)]
        await asyncio.gather(*(self._stop_one(kept) for kept in gone))
        for kept in gone:
            del self._kept[kept.part.name]
            kept.part.tidy()
        self.note()

    async def _stop_one(self, kept: _Kept) -> None:
        if kept.task is not None:
            kept.task.cancel()
            await asyncio.wait([kept.task])
        await end(kept.child, kept.part.stop_signal, kept.part.stop_grace_s, self.hurry)

    async def _keep(self, kept: _Kept) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            begun_s = time.monotonic()
            code = await kept.child.wait()
            kept.deaths += 1
            if time.monotonic() - begun_s > STEADY_AFTER_S:
                pause_s = PAUSE_FIRST_S
            self.progress.line(f"{kept.part.name} ended ({_reason(code)}); starting it again")
            pause_s = await self._launch_again(kept, pause_s)

    async def _launch_again(self, kept: _Kept, pause_s: float) -> float:
        """Until it runs. Whatever fails on the way may pass: it is said, and tried again after a pause."""
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)
            try:
                await self._replace(kept)
            except Exception as failure:  # noqa: BLE001 - a keeper that ends keeps nothing, and nobody sees it
                said = f"{kept.part.name} is not back: {_one_line(failure)}"
                self.progress.line(f"{said}; trying again in {pause_s:.1f} s")
            else:
                return pause_s

    async def _replace(self, kept: _Kept) -> None:
        """A child for the one that has ended; none if there is one already, and only the rest has failed."""
        if kept.child.ended:
            await end(kept.child, signal.SIGKILL, 0)  # what it had started may live: Ray's agents, owners
            kept.child = await kept.part.launch()
            self.progress.line(f"{kept.part.name} runs again ({kept.part.describe()})")
        self.note()
        if after := self.after_restart.get(kept.part.name):
            await after()

    def note(self) -> None:
        """Writes down what runs, and what the parts have started: Ray's agents outlive a killed head."""
        known = [kept.child.identity for kept in self._kept.values()]
        for identity in list(known):
            for process in descendants(identity):
                with contextlib.suppress(psutil.Error):
                    known.append(identified(process, f"of {identity.name}"))
        self.data.remember(known)
        self.changed()


def _one_line(failure: Exception) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
