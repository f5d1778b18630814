"""A call on its way to an owner and back: lost, late, doubled, stuck, or answered by nobody any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actors.wire import CallFailed
from persistence.store import StoreError
from tests.simulation.loop import Process
from tests.simulation.outages import way

if TYPE_CHECKING:
    from tests.simulation.cluster import Incarnation
    from tests.simulation.world import World


class SimCall:
    """One call. While it is held up, or its failure not heard of, its caller's way to the owner is closed."""

    def __init__(self, world: World, network: Process, caller: str, callee: Incarnation, payload: bytes):
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._world = world
        self._network = network
        self._caller = caller
        self._callee = callee
        self._payload = payload
        self._passage = world.weather.call()

    def send(self) -> asyncio.Future[bytes]:
        """On its way; the reply, or `CallFailed`, in time, or never."""
        passage = self._passage
        wait_s = max(0.0, self._callee.ready_s - self._world.loop.now_s) + passage.to_s
        self._held_up(passage.to_s)
        if passage.outcome != "answered":
            self._world.note(f"call to {self._callee}: {passage.outcome}")
        match passage.outcome:
            case "request lost":
                self.fail(passage.notice_s, "request lost")
            case "late":
                self.fail(passage.notice_s, "late")
                self._network.later(wait_s + passage.late_s, self._deliver, False)
            case "stuck":
                self._held_up(self._world.abandoned_s)
                self._network.later(wait_s, self._deliver, False)
            case _:
                self._network.later(wait_s, self._deliver, True)
        if passage.outcome == "doubled":
            self._network.later(wait_s + passage.late_s, self._deliver, False)
        return self.reply

    def fail(self, after_s: float, why: str) -> None:
        """Its caller hears, after a while, that it has failed."""
        self._held_up(after_s)
        self._network.later(after_s, self._raise, why)

    def _deliver(self, answer_wanted: bool) -> None:
        if not self._callee.process.alive:
            if answer_wanted:
                self.fail(self._world.cluster.notice_s(self._callee.process.died_s), "dead")
            return

        def answered(task: asyncio.Task[bytes]) -> None:
            error = task.exception()
            if error is not None and not isinstance(error, StoreError):
                self._world.wrong.append(f"{self._callee}: a call raised {error!r}")
            if not answer_wanted:
                return
            if error is not None or self._passage.outcome == "reply lost":
                self.fail(self._passage.notice_s, "reply lost")
            else:
                self._held_up(self._passage.back_s)
                self._network.later(self._passage.back_s, self._answer, task.result())

        task = self._callee.process.spawn(self._callee.handle(self._payload))
        task.add_done_callback(answered, context=self._network.context)

    def _answer(self, answers: bytes) -> None:
        if not self.reply.done():
            self.reply.set_result(answers)

    def _raise(self, why: str) -> None:
        if not self.reply.done():
            self.reply.set_exception(CallFailed(why))
            # Its caller may have been killed meanwhile; then nobody takes the exception: no fault.
            self.reply._log_traceback = False

    def _held_up(self, for_s: float) -> None:
        now_s = self._world.loop.now_s
        self._world.outages.note(way(self._caller, self._callee.name), now_s, now_s + for_s)
