"""The only door from the server to the owners.

For each owner there is an outbox. What waits in it goes out in one call; while that call is under way the
next batch gathers, so nothing ever waits on a timer to fill a batch. The rules it keeps:

- A command is sent again, under the same request id, after every error of unknown outcome, until its
  deadline; the owner's records make that safe. Past the deadline the client hears `unavailable` if the
  command may have had its effect, `overloaded` if it certainly has not.
- Every queue is bounded, and a command that finds no room is refused at once.
- A call that is overdue does not time out: the watchdog is asked to look at the owner, and if that is
  dead or stuck, ends it, which ends the call. Only when all of its commands are past their deadlines is a
  call left to itself, so that one answer that never comes does not close the way for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from actors.meter import Clock, Meter
from actors.wire import OVERLOADED, UNAVAILABLE, Answer, Ask, Moved, pack_asks, unpack_answers
from domain.event_messages import CreateEvent, EventCommand, EventReplies, ExpireDue
from domain.messages import Code, Rejected
from persistence.store import Directory, StoreError

log = logging.getLogger(__name__)
NO_EVENT = Rejected(Code.NOT_FOUND, "There is no such event.")
CREATOR = "pool:0"
CREATIONS = "events"
"""Where creations are recorded: their retries have to meet although each brings an id of its own."""


class CallFailed(Exception):
    """The call brought no answer; what it carried may have been done."""


class Transport(Protocol):
    """How a call gets to an owner: Ray, or a simulation of it."""

    async def call(self, owner: str, payload: bytes) -> bytes:
        """Send to the owner of that name, made if there is none. Raises `CallFailed`."""

    async def check(self, owner: str) -> None:
        """An answer is overdue: have the watchdog look at the owner, and end it if it is stuck."""

    async def owners(self) -> list[dict[str, object]]:
        """What every living owner says of itself."""


@dataclass(frozen=True)
class GatewayLimits:
    """Every bound of a gateway."""

    request_deadline_ms: int = 5_000
    ask_timeout_ms: int = 2_000
    outbox_max_commands: int = 20_000
    outbox_max_calls: int = 1
    batch_max_commands: int = 1_024
    routes_max: int = 200_000
    grace_ms: int = 250
    """How long after its deadline a command is given up on, so that the owner's own word can arrive."""
    retry_min_s: float = 0.02
    retry_max_s: float = 0.5
    key_retention_s: int = 24 * 3600 + 3600
    own_retention_s: int = 120
    """How long what a request id of our own did is kept: the deadline, and a wide margin for late calls."""


@dataclass(slots=True, frozen=True)
class Key:
    """A client's Idempotency-Key: the id made from it (16 bytes), and the digest of the body it came with."""

    request_id: bytes
    fingerprint: bytes


class Pending:
    """A command whose client waits."""

    __slots__ = ("ask", "future", "sent")

    def __init__(self, ask: Ask, future: asyncio.Future[EventReplies]) -> None:
        self.ask = ask
        self.future = future
        self.sent = False

    def resolve(self, reply: EventReplies) -> None:
        if not self.future.done():
            self.future.set_result(reply)

    def give_up(self) -> None:
        self.resolve(UNAVAILABLE if self.sent else OVERLOADED)


class Gateway:
    """Asks owners, and sees to it that an answer comes, once, or says that its outcome is unknown."""

    def __init__(
        self, transport: Transport, directory: Directory, clock: Clock, limits: GatewayLimits, meter: Meter
    ) -> None:
        self.limits = limits
        self.meter = meter
        self._transport = transport
        self._directory = directory
        self._clock = clock
        self._routes: dict[str, str] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._deadlines: deque[Pending] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._request_counter = int.from_bytes(os.urandom(6))

    async def ask(self, inventory_id: str, command: EventCommand, key: Key | None = None) -> EventReplies:
        """The owner's reply. `Rejected` with `overloaded`: nothing happened; `unavailable`: unknown."""
        owner = self._routes.get(inventory_id)
        if owner is None:
            try:
                owner = await self._route(inventory_id)
            except StoreError:
                return OVERLOADED
            if owner is None:
                return NO_EVENT
        return await self._send(owner, self._envelope(inventory_id, command, key, ""))

    async def create(self, command: CreateEvent, owner: str, key: Key | None = None) -> EventReplies:
        """Make the event, to belong to `owner`; with a key that has made one already, the reply it got then.

        A pool's owner does it, because it is there: a dedicated one is only now being made.
        """
        ask = replace(self._envelope(command.id, command, key, CREATIONS), placement=owner)
        if owner.startswith("pool:"):
            return await self._send(owner, ask)
        reply = await self._send(CREATOR, ask)
        self._wake(owner)
        return reply

    async def expire(self, owner: str, inventory_id: str) -> EventReplies:
        """Wake an owner whose inventory has something due. The directory has just named it."""
        self._remember(inventory_id, owner)
        return await self._send(owner, self._envelope(inventory_id, ExpireDue(), None, ""))

    async def owners(self) -> list[dict[str, object]]:
        """What each living owner says of itself: name, inventories, depth, rate, last error."""
        return await self._transport.owners()

    async def ready(self) -> None:
        """Raise unless an owner answers."""
        await self._transport.call(CREATOR, pack_asks([]))

    def _wake(self, owner: str) -> None:
        """Have an owner made before its first command comes."""

        async def wake() -> None:
            with contextlib.suppress(CallFailed):
                await self._transport.call(owner, pack_asks([]))

        self._keep(wake())

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reroute(self, pending: Pending) -> None:
        """The owner it was sent to does not have it: ask the directory, and send it again."""
        self._routes.pop(pending.ask.inventory_id, None)
        self._keep(self._send_again(pending))

    async def check(self, owner: str) -> None:
        """Have the watchdog look at an owner whose answer is overdue."""
        self.meter.count("gateway_overdue_calls")
        await self._transport.check(owner)

    async def call(self, owner: str, payload: bytes) -> bytes:
        return await self._transport.call(owner, payload)

    def idle(self, owner: str) -> None:
        """An outbox with nothing in it is made anew when it is needed: owners come and go."""
        self._outboxes.pop(owner, None)

    # --- the way in -------------------------------------------------------------------------------

    def _envelope(self, inventory_id: str, command: EventCommand, key: Key | None, scope: str) -> Ask:
        now_ms = self._clock.now_ms()
        deadline_ms = now_ms + self.limits.request_deadline_ms
        if key is None:
            keep_until_ms = now_ms + self.limits.own_retention_s * 1000
            return Ask(inventory_id, self._request_id(), deadline_ms, command, b"", keep_until_ms, scope)
        keep_until_ms = now_ms + self.limits.key_retention_s * 1000
        return Ask(
            inventory_id,
            key.request_id,
            deadline_ms,
            command,
            key.fingerprint,
            keep_until_ms,
            scope,
            keyed=True,
        )

    def _request_id(self) -> bytes:
        """Unique among all gateways, and rising, so that rows go to the end of their index."""
        self._request_counter += 1
        return time.time_ns().to_bytes(8) + (self._request_counter & 0xFFFFFFFFFFFFFFFF).to_bytes(8)

    async def _route(self, inventory_id: str) -> str | None:
        owner = await self._directory.owner_of(inventory_id)
        if owner is not None:
            self._remember(inventory_id, owner)
        return owner

    def _remember(self, inventory_id: str, owner: str) -> None:
        if len(self._routes) >= self.limits.routes_max:
            self._routes.clear()
        self._routes[inventory_id] = owner

    def _send(self, owner: str, ask: Ask) -> asyncio.Future[EventReplies]:
        future: asyncio.Future[EventReplies] = asyncio.get_running_loop().create_future()
        pending = Pending(ask, future)
        if self._outbox(owner).put(pending):
            self._deadlines.append(pending)
            if self._sweep is None:
                self._sweep_later()
        else:
            self.meter.count("gateway_refused_full")
            future.set_result(OVERLOADED)
        return future

    def _outbox(self, owner: str) -> Outbox:
        outbox = self._outboxes.get(owner)
        if outbox is None:
            outbox = self._outboxes[owner] = Outbox(owner, self, self.limits)
        return outbox

    # --- again, and no more -----------------------------------------------------------------------

    async def _send_again(self, pending: Pending) -> None:
        pause_s = self.limits.retry_min_s
        inventory_id = pending.ask.inventory_id
        while not pending.future.done():
            try:
                owner = self._routes.get(inventory_id) or await self._route(inventory_id)
                if owner is None:
                    pending.resolve(NO_EVENT)
                elif self._outbox(owner).put(pending):
                    return
            except StoreError:
                log.warning("directory does not answer", extra={"inventory": inventory_id})
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self.limits.retry_max_s)

    def _sweep_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(0.1, self._give_up_on_late)

    def _give_up_on_late(self) -> None:
        """All commands have the same time, so the oldest stand first."""
        before_ms = self._clock.now_ms() - self.limits.grace_ms
        deadlines = self._deadlines
        while deadlines and (deadlines[0].future.done() or deadlines[0].ask.deadline_ms <= before_ms):
            deadlines.popleft().give_up()
        self._sweep = None
        self.meter.show("gateway_waiting_commands", sum(outbox.depth for outbox in self._outboxes.values()))
        if deadlines:
            self._sweep_later()


class Outbox:
    """What waits for one owner, and the calls that carry it there."""

    def __init__(self, owner: str, gateway: Gateway, limits: GatewayLimits) -> None:
        self.owner = owner
        self._gateway = gateway
        self._limits = limits
        self._waiting: deque[Pending] = deque()
        self._calls: set[asyncio.Task[None]] = set()
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
        if len(self._calls) < (1 if self._broken else self._limits.outbox_max_calls):
            task = asyncio.get_running_loop().create_task(self._carry())
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
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
                pause_s = min(2 * pause_s, self._limits.retry_max_s)
                continue
            self._broken, pause_s = False, self._limits.retry_min_s
            self._gateway.meter.observe("gateway_round_trip_ms", (time.perf_counter() - started) * 1000)
            self._hand_out(batch, answers)
        if len(self._calls) <= 1 and not self._waiting:
            self._gateway.idle(self.owner)

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
        payload = pack_asks([pending.ask for pending in batch])
        call = asyncio.ensure_future(self._gateway.call(self.owner, payload))
        while True:
            done, _ = await asyncio.wait((call,), timeout=self._limits.ask_timeout_ms / 1000)
            if done:
                return unpack_answers(call.result())
            if all(pending.future.done() for pending in batch):
                call.add_done_callback(_forget)
                raise CallFailed("nobody waits for it any more")
            await self._gateway.check(self.owner)

    def _put_back(self, batch: list[Pending]) -> None:
        for pending in batch:
            pending.ask = replace(pending.ask, attempt=pending.ask.attempt + 1)
        self._waiting.extendleft(reversed(batch))

    def _hand_out(self, batch: list[Pending], answers: list[Answer]) -> None:
        for pending, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Moved):
                pending.ask = replace(pending.ask, attempt=pending.ask.attempt + 1)
                self._gateway.reroute(pending)
            else:
                pending.resolve(answer)


def _forget(call: asyncio.Future[bytes]) -> None:
    """Its error, if it has one, is of no interest any more."""
    if not call.cancelled():
        call.exception()
