"""One event loop on which several processes live, in virtual time.

A process is a set of callbacks: everything that descends from its first task, told apart by a context
variable. Within a process callbacks run in the order asyncio promises; which process runs next is drawn from
the seed, as on a machine with many cores. Time stands still while anything can run, then jumps to the next
timer. Killing a process drops its callbacks at whatever await they stand; freezing one keeps them for later,
as SIGSTOP does. Nothing here touches a socket, a thread or the real clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any

import msgspec


class Process:
    """What lives and dies together. `deaths` are called once, when it is killed."""

    def __init__(self, name: str, loop: VirtualLoop) -> None:
        self.name = name
        self.alive = True
        self.died_s = inf
        self.frozen = False
        self.deaths: list[Callable[[], None]] = []
        self.fuse = -1
        """Steps until it is killed; negative: none."""
        self.ready: deque[Step] = deque()
        self._loop = loop
        self.context = copy_context()
        self.context.run(PROCESS.set, self)

    def __repr__(self) -> str:
        return self.name

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this process, whoever starts it."""
        return self._loop.create_task(work, context=self.context.copy())

    def later(self, delay_s: float, callback: Callable[..., Any], *args: Any) -> None:
        """A callback of this process, whoever asks for it."""
        self._loop.call_at(self._loop.now_s + delay_s, callback, *args, context=self.context)

    def kill(self) -> None:
        """End it between two of its steps, for good: no `finally` of its own runs any more."""
        if not self.alive:
            return
        self.alive = False
        self.died_s = self._loop.now_s
        self.ready.clear()
        self._loop.rest(self)
        for died in self.deaths:
            died()

    def freeze(self) -> None:
        self.frozen = True
        self._loop.rest(self)

    def thaw(self) -> None:
        was_frozen, self.frozen = self.frozen, False
        if was_frozen and self.ready:
            self._loop.wake(self)


PROCESS: ContextVar[Process] = ContextVar("PROCESS")


class Step(msgspec.Struct, eq=False):
    """A callback that waits for its turn, or for its time: what asyncio asks of a handle, and no more, for a
    scenario takes thousands; msgspec's are the quickest to make."""

    callback: Callable[..., Any]
    args: tuple[Any, ...]
    context: Context
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


STEPS_MAX = 200_000
"""Some fifty times what a scenario takes."""


class Stalled(Exception):
    """Nothing can run and no timer is set, so whoever waits would wait for ever; or something never rests."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `steps` counts what has run; `wrong` gathers exceptions that nobody caught."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.now_s = 0.0
        self.steps = 0
        self.wrong: list[str] = []
        self._random = rng.random
        self._runnable: list[Process] = []
        self._timers: list[tuple[float, int, Step]] = []
        self._numbers = 0
        self._tasks: list[asyncio.Task[Any]] = []
        """All that ever were: collecting those of a killed process would run their `finally`."""
        self.main = Process("world", self)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self.now_s

    def create_task(self, coro, *, name=None, context=None):  # type: ignore[no-untyped-def]
        task = asyncio.Task(coro, loop=self, name=name or "", context=context)
        self._tasks.append(task)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def call_soon(self, callback, *args, context=None):  # type: ignore[no-untyped-def]
        step = Step(callback, args, copy_context() if context is None else context)
        self._enqueue(step)
        return step

    call_soon_threadsafe = call_soon

    def call_at(self, when, callback, *args, context=None):  # type: ignore[no-untyped-def]
        step = Step(callback, args, copy_context() if context is None else context)
        self._numbers += 1
        heappush(self._timers, (when, self._numbers, step))
        return step

    def call_later(self, delay, callback, *args, context=None):  # type: ignore[no-untyped-def]
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def wake(self, process: Process) -> None:
        self._runnable.append(process)

    def rest(self, process: Process) -> None:
        with suppress(ValueError):
            self._runnable.remove(process)

    def finish(self) -> None:
        """Let go of every task that is still there, without a word about it."""
        for task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):
                    task.get_coro().close()  # type: ignore[union-attr]
        self._tasks.clear()
        self._timers.clear()
        self._runnable.clear()
        self.close()

    def _enqueue(self, step: Step) -> None:
        process = step.context.get(PROCESS, self.main)
        if not process.alive:
            return
        ready = process.ready
        if not ready and not process.frozen:
            self._runnable.append(process)
        ready.append(step)

    def _run_once(self) -> None:
        """All of a scenario passes through here, so it is written out in one piece."""
        runnable, random = self._runnable, self._random
        while not self._stopping:  # type: ignore[attr-defined]
            if not runnable:
                self._advance()
                continue
            count = len(runnable)
            index = int(random() * count) if count > 1 else 0
            process = runnable[index]
            ready = process.ready
            step = ready.popleft()
            if not ready:
                runnable[index] = runnable[-1]
                runnable.pop()
            self.steps += 1
            if self.steps > STEPS_MAX:
                raise Stalled(f"{process} goes round in circles at {self.now_s} s")
            if not step.cancelled:
                try:
                    step.context.run(step.callback, *step.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001
                    broke = f"{step.callback!r} broke"
                    self.call_exception_handler({"message": broke, "exception": error})
            process.fuse -= 1
            if not process.fuse:
                process.kill()

    def _advance(self) -> None:
        """To the next timer, and to all that are set for the same instant."""
        timers = self._timers
        while timers and timers[0][2].cancelled:
            heappop(timers)
        if not timers:
            raise Stalled("nothing to wait for")
        now_s = timers[0][0]
        if now_s > self.now_s:
            self.now_s = now_s
        now_s = self.now_s
        while timers and timers[0][0] <= now_s:
            step = heappop(timers)[2]
            if not step.cancelled:
                self._enqueue(step)

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        process = PROCESS.get(self.main)
        self.wrong.append(f"{process}: {context.get('message')}: {context.get('exception')!r}")

    def _process_events(self, _: Any) -> None:
        """No sockets, no events."""

    def _write_to_self(self) -> None:
        """No threads, nobody to wake."""
