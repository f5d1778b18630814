"""What waits in a gateway for one owner, and the calls that carry it there.

There are two ways to an owner. A call returns when all that it carries is answered; so that a command whose
inventory has to be loaded first does not keep back the others, the owner answers it `Later` after a
moment, and until the inventory is in memory its commands take the second way, the patient one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from actors.wire import (
    OVERLOADED,
    UNAVAILABLE,
    Answer,
    Ask,
    Batch,
    CallFailed,
    Later,
    Moved,
    NotUnderstood,
    pack_batch,
    unpack_answers,
)
from domain.kinds import Reply

if TYPE_CHECKING:
    from actors.gateway import Gateway

log = logging.getLogger(__name__)


class Pending:
    """A command whose client waits, until `until_s` of the loop's time."""

    __slots__ = ("ask", "future", "sent", "until_s")

    def __init__(self, ask: Ask, future: asyncio.Future[Reply], until_s: float) -> None:
        self.ask = ask
        self.future = future
        self.until_s = until_s
        self.sent = False

    def resolve(self, reply: Reply) -> None:
        if not self.future.done():
            self.future.set_result(reply)

    def give_up(self) -> None:
        self.resolve(UNAVAILABLE if self.sent else not_sent(self.ask))


def not_sent(ask: Ask) -> Reply:
    """What can be said for sure of a command that this gateway has not sent, or not this time. What a
    client's key stands for may have been done long ago."""
    return UNAVAILABLE if ask.attempt or ask.keyed else OVERLOADED


class Outbox:
    """One way to one owner: call after call, each with all that waits; at most `outbox_max_calls` at once."""

    def __init__(self, owner: str, gateway: Gateway, patient: bool = False) -> None:
        self.owner = owner
        self.patient = patient
        self._gateway = gateway
        self._limits = gateway.limits
        self._waiting: deque[Pending] = deque()
        self._carriers: set[asyncio.Task[None]] = set()
        self._broken = False

    @property
    def depth(self) -> int:
        """Commands that wait for a call."""
        return len(self._waiting)

    def put(self, pending: Pending) -> bool:
        """False: no room."""
        if len(self._waiting) >= self._limits.outbox_max_commands:
            return False
        self._waiting.append(pending)
        if len(self._carriers) < (1 if self._broken else self._limits.outbox_max_calls):
            self._carriers.add(asyncio.get_running_loop().create_task(self._carry()))
        return True

    async def _carry(self) -> None:
        """Call after call, for as long as something waits."""
        pause_s = self._limits.retry_min_s
        while batch := self._take():
            started = time.perf_counter()
            try:
                answers = await self._call(batch)
            except CallFailed as failure:
                self._broken = True
                self._gateway.meter.count("gateway_failed_calls")
                log.info("call failed", extra={"owner": self.owner, "error": str(failure)})
                self._put_back(batch)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._limits.call_retry_max_s)
                continue
            except NotUnderstood as why:
                log.error(
                    "owner and front end are of different versions; a batch is given up",
                    extra={"owner": self.owner, "commands": len(batch), "error": str(why)},
                )
                for pending in batch:
                    pending.give_up()
                continue
            except Exception:
                log.exception("a batch cannot be carried", extra={"owner": self.owner})
                for pending in batch:
                    pending.give_up()
                continue
            self._broken, pause_s = False, self._limits.retry_min_s
            self._gateway.meter.observe("gateway_round_trip_ms", (time.perf_counter() - started) * 1000)
            self._hand_out(batch, answers)
        # At once, not when the task is seen to be done: what is put meanwhile must find a carrier.
        self._carriers.discard(asyncio.current_task())
        if not self._carriers:
            self._gateway.idle(self)

    def _take(self) -> list[Pending]:
        waiting = self._waiting
        batch: list[Pending] = []
        while waiting and len(batch) < self._limits.batch_max_commands:
            pending = waiting.popleft()
            if not pending.future.done():
                batch.append(pending)
        return batch

    async def _call(self, batch: list[Pending]) -> list[Answer]:
        for pending in batch:
            pending.sent = True
        number = self._gateway.next_call()
        under_way = self._gateway.under_way(self.owner)
        under_way.add(number)
        try:
            asks = tuple([pending.ask for pending in batch])
            patience_ms = self._limits.patience_ms if self.patient else self._limits.impatience_ms
            payload = pack_batch(Batch(self._gateway.id, number, tuple(under_way), asks, patience_ms))
            return await self._answers(batch, payload)
        finally:
            under_way.discard(number)

    async def _answers(self, batch: list[Pending], payload: bytes) -> list[Answer]:
        call = asyncio.ensure_future(self._gateway.call(self.owner, payload))
        while True:
            done, _ = await asyncio.wait((call,), timeout=self._limits.ask_timeout_ms / 1000)
            if done:
                return _understood(call, len(batch))
            if all(pending.future.done() for pending in batch):
                call.add_done_callback(_forget)
                raise CallFailed("nobody waits for it any more")
            self._gateway.check(self.owner)

    def _put_back(self, batch: list[Pending]) -> None:
        for pending in batch:
            pending.ask = replace(pending.ask, attempt=pending.ask.attempt + 1)
        self._waiting.extendleft(reversed(batch))

    def _hand_out(self, batch: list[Pending], answers: list[Answer]) -> None:
        for pending, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Later):
                pending.sent = pending.ask.attempt > 0
                self._gateway.later(pending, self.owner)
                continue
            self._gateway.is_there(pending.ask.inventory_id)
            if isinstance(answer, Moved):
                pending.ask = replace(pending.ask, attempt=pending.ask.attempt + 1)
                self._gateway.reroute(pending, self.owner)
            else:
                pending.resolve(answer)


def _understood(call: asyncio.Future[bytes], count: int) -> list[Answer]:
    """The call's answers. Raises `NotUnderstood` where one end could not read what the other had written."""
    payload = call.result()
    try:
        answers = unpack_answers(payload)
    except msgspec.DecodeError as error:
        raise NotUnderstood(f"the answer cannot be read: {error}") from error
    if len(answers) != count:
        raise NotUnderstood(f"{len(answers)} answers to {count} commands")
    return answers


def _forget(call: asyncio.Future[bytes]) -> None:
    """Its error, if it has one, is of no interest any more."""
    if not call.cancelled():
        call.exception()
