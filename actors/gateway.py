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
from actors.outbox import Outbox, Pending
from actors.wire import NOTHING, Ask, CallFailed, pack_batch
from domain.event_messages import ExpireDue
from domain.kinds import DESCRIBED, Command, Creation, Reply
from domain.messages import Code, Rejected
from persistence.store import Directory, StoreError

log = logging.getLogger(__name__)
NO_EVENT = Rejected(Code.NOT_FOUND, "There is no such event.")
CREATOR = "pool:0"
"""The one owner that is always there; a front end has the others of the pool made once it is up."""
CREATIONS = "events"
"""Where creations are recorded: their retries have to meet although each brings an id of its own."""


class NotMade(Exception):
    """An owner did not come up in time."""


class Transport(Protocol):
    """How a call gets to an owner: Ray, or a simulation of it."""

    async def call(self, owner: str, payload: bytes) -> bytes:
        """Send to the owner of that name, made if there is none. Raises `CallFailed`, `NotUnderstood`."""

    async def check(self, owner: str) -> None:
        """An answer is overdue: have the watchdog look at the owner, and end it if it is stuck."""

    async def owners(self) -> list[dict[str, object]]:
        """What every living owner says of itself."""

    async def reachable(self) -> None:
        """Raise `CallFailed` unless the cluster answers."""


@dataclass(frozen=True)
class GatewayLimits:
    """Every bound of a gateway."""

    request_deadline_ms: int = 5_000
    ask_timeout_ms: int = 2_000
    outbox_max_commands: int = 20_000
    outbox_max_calls: int = 1
    batch_max_commands: int = 400
    """In one call. Chosen when Ray carried them, which took up to 100 KiB in the call itself; a line would
    carry more, but what is in one call is answered together, and an owner gathers from several anyway."""
    impatience_ms: int = 10
    """How long a call may wait for an inventory that is not in memory, and so keep back the others."""
    patience_ms: int = 50
    """The same, for the calls that carry only commands of such inventories."""
    routes_max: int = 200_000
    check_timeout_ms: int = 5_000
    grace_ms: int = 250
    """How long after its deadline a command is given up on, so that the owner's own word can arrive."""
    retry_min_s: float = 0.02
    retry_max_s: float = 0.5
    call_retry_max_s: float = 0.1
    """Between two calls to an owner that is gone: it may be back any moment."""
    key_retention_s: int = 24 * 3600 + 3600
    make_max_s: float = 30.0
    """For a new owner that an inventory is to be given to."""
    own_retention_s: int = 120
    """How long what a request id of our own did is kept: the deadline, and a wide margin for late calls."""


@dataclass(slots=True, frozen=True)
class Key:
    """A client's Idempotency-Key: the id made from it (16 bytes), and the digest of the body it came with."""

    request_id: bytes
    fingerprint: bytes


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
        self._outboxes: dict[tuple[str, bool], Outbox] = {}
        """By owner, and whether it is the patient way."""
        self._under_way: dict[str, set[int]] = {}
        """By owner: the numbers of the calls whose answers are awaited."""
        self._loading: set[str] = set()
        """Inventories that their owners are bringing into memory."""
        self._lookups: dict[str, asyncio.Task[str | None]] = {}
        self._checks: set[str] = set()
        self._deadlines: deque[Pending] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.id = os.urandom(8)
        self._call_counter = 0
        self._request_counter = int.from_bytes(os.urandom(6))

    async def ask(self, inventory_id: str, command: Command, key: Key | None = None) -> Reply:
        """The owner's reply. `Rejected` with `overloaded`: nothing happened; `unavailable`: unknown."""
        ask = self._envelope(inventory_id, command, key, "")
        owner = self._routes.get(inventory_id)
        if owner is None:
            return await self._find_and_send(ask)
        return await self._send(owner, ask)

    async def create(self, command: Creation, owner: str, key: Key | None = None) -> Reply:
        """Make the inventory, to belong to `owner`; with a key that has made one, the reply it got then.

        The creator does it, because it is there: the new inventory's own may only now be made.
        """
        ask = replace(self._envelope(command.id, command, key, CREATIONS), placement=owner)
        reply = await self._send(CREATOR, ask)
        if owner != CREATOR and isinstance(reply, DESCRIBED) and reply.id == command.id:
            self.wake(owner)
        return reply

    async def expire(self, owner: str, inventory_id: str) -> Reply:
        """Wake an owner whose inventory has something due. The directory has just named it."""
        self._remember(inventory_id, owner)
        return await self._send(owner, self._envelope(inventory_id, ExpireDue(), None, ""))

    async def owner_of(self, inventory_id: str) -> str | None:
        """The name of the owner it belongs to. None: there is no such inventory. Raises StoreError."""
        return await self._directory.owner_of(inventory_id)

    async def place(self, inventory_id: str, owner: str) -> bool:
        """Give it to another owner while it sells; False if there is no such inventory. Raises StoreError.

        The one it has goes on until the other is there and reaches its store, for a process takes seconds to
        start: raises `NotMade`, and nothing has happened, if that takes over `make_max_s`. Then the one it
        had is asked for something of it, so that it finds that it has lost the fence, and lets go; other
        gateways hear of the change from it.
        """
        former = await self._directory.owner_of(inventory_id)
        await self._made(owner)
        placed = await self._directory.place(inventory_id, owner)
        if placed:
            self._remember(inventory_id, owner)
            if former is not None and former != owner:
                self._send(former, self._envelope(inventory_id, ExpireDue(), None, ""))
        return placed

    async def owners(self) -> list[dict[str, object]]:
        """What each living owner says of itself: name, inventories, depth, rate, last error."""
        return await self._transport.owners()

    async def reachable(self) -> None:
        """Raise unless the cluster that the owners live in answers."""
        await self._transport.reachable()

    async def ready(self) -> None:
        """Raise unless an owner answers that can reach its store."""
        await self._transport.call(CREATOR, pack_batch(NOTHING))

    async def _made(self, owner: str) -> None:
        """Return when that owner answers."""
        try:
            async with asyncio.timeout(self.limits.make_max_s):
                while True:
                    try:
                        await self._transport.call(owner, pack_batch(NOTHING))
                        return
                    except CallFailed:  # it may be just leaving: the next call makes another
                        await asyncio.sleep(self.limits.call_retry_max_s)
        except TimeoutError:
            raise NotMade(owner) from None

    def wake(self, *owners: str) -> None:
        """Have owners made before their first commands come: one after another, for each costs a core a
        second or two, and somebody may be served meanwhile."""

        async def wake() -> None:
            for owner in owners:
                with contextlib.suppress(CallFailed):
                    await self._transport.call(owner, pack_batch(NOTHING))

        self._keep(wake())

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reroute(self, pending: Pending, owner: str) -> None:
        """The owner it was sent to does not have it: ask the directory, and send it again.

        The directory knows nothing of what is still to be created: that goes to the same owner again.
        """
        creating = pending.ask.creates
        if not creating:
            self._routes.pop(pending.ask.inventory_id, None)
        self._keep(self._send_again(pending, owner if creating else None))

    def next_call(self) -> int:
        """The number of a call that is about to be made."""
        self._call_counter += 1
        return self._call_counter

    def under_way(self, owner: str) -> set[int]:
        """The numbers of the calls to that owner whose answers are awaited; both ways share them."""
        return self._under_way.setdefault(owner, set())

    def later(self, pending: Pending, owner: str) -> None:
        """Its inventory is being loaded: this and what comes for it go the patient way until it is there."""
        self._loading.add(pending.ask.inventory_id)
        if not self._outbox(owner, patient=True).put(pending):
            pending.give_up()

    def is_there(self, inventory_id: str) -> None:
        """Its owner has decided something of it, or does not have it."""
        if self._loading:
            self._loading.discard(inventory_id)

    def check(self, owner: str) -> None:
        """Have the watchdog look at an owner whose answer is overdue. Nobody waits for what it says."""
        if owner not in self._checks:
            self._checks.add(owner)
            self._keep(self._check(owner))

    async def _check(self, owner: str) -> None:
        self.meter.count("gateway_overdue_calls")
        try:
            async with asyncio.timeout(self.limits.check_timeout_ms / 1000):
                await self._transport.check(owner)
        except TimeoutError:
            log.warning("the watchdog does not answer", extra={"owner": owner})
        finally:
            self._checks.discard(owner)

    async def call(self, owner: str, payload: bytes) -> bytes:
        return await self._transport.call(owner, payload)

    def idle(self, outbox: Outbox) -> None:
        """An outbox with nothing in it is made anew when it is needed: owners come and go."""
        self._outboxes.pop((outbox.owner, outbox.patient), None)
        if not self._under_way.get(outbox.owner):
            self._under_way.pop(outbox.owner, None)

    # --- the way in -------------------------------------------------------------------------------

    def _envelope(self, inventory_id: str, command: Command, key: Key | None, scope: str) -> Ask:
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
        """Ask the directory; whoever asks for the same inventory meanwhile shares the answer."""
        lookup = self._lookups.get(inventory_id)
        if lookup is None:
            lookup = self._lookups[inventory_id] = asyncio.create_task(self._look_up(inventory_id))
        return await asyncio.shield(lookup)

    async def _look_up(self, inventory_id: str) -> str | None:
        try:
            owner = await self._directory.owner_of(inventory_id)
        finally:
            del self._lookups[inventory_id]
        if owner is not None:
            self._remember(inventory_id, owner)
        return owner

    def _remember(self, inventory_id: str, owner: str) -> None:
        if len(self._routes) >= self.limits.routes_max:
            self._routes.clear()
        self._routes[inventory_id] = owner

    def _pending(self, ask: Ask) -> Pending:
        """It is given up on at its time, counted from now, whatever happens to any other clock."""
        loop = asyncio.get_running_loop()
        waits_ms = self.limits.request_deadline_ms + self.limits.grace_ms
        return Pending(ask, loop.create_future(), loop.time() + waits_ms / 1000)

    def _send(self, owner: str, ask: Ask) -> asyncio.Future[Reply]:
        pending = self._pending(ask)
        if self._put(owner, pending):
            self._deadlines.append(pending)
            if self._sweep is None:
                self._sweep_later()
        return pending.future

    def _put(self, owner: str, pending: Pending) -> bool:
        """False: no room, and it has heard so."""
        inventory_id = pending.ask.inventory_id
        if self._outbox(owner, bool(self._loading) and inventory_id in self._loading).put(pending):
            return True
        self.meter.count("gateway_refused_full")
        pending.give_up()
        return False

    async def _find_and_send(self, ask: Ask) -> Reply:
        """To an owner that only the directory knows. Its time counts while that is asked, so it takes its
        place among the deadlines before."""
        pending = self._pending(ask)
        self._deadlines.append(pending)
        if self._sweep is None:
            self._sweep_later()
        try:
            async with asyncio.timeout(self.limits.request_deadline_ms / 1000):
                owner = await self._route(ask.inventory_id)
        except (StoreError, TimeoutError):
            pending.give_up()
        else:
            if owner is None:
                pending.resolve(NO_EVENT)
            else:
                self._put(owner, pending)
        return await pending.future

    def _outbox(self, owner: str, patient: bool = False) -> Outbox:
        outbox = self._outboxes.get((owner, patient))
        if outbox is None:
            outbox = self._outboxes[owner, patient] = Outbox(owner, self, patient)
        return outbox

    # --- again, and no more -----------------------------------------------------------------------

    async def _send_again(self, pending: Pending, known_owner: str | None) -> None:
        inventory_id = pending.ask.inventory_id
        pause_s = min(self.limits.retry_min_s * 2**pending.ask.attempt, self.limits.call_retry_max_s)
        if pending.ask.attempt > 1:
            # An owner that is about to end says so to everybody, at once, until it has ended.
            await asyncio.sleep(pause_s)
        while not pending.future.done():
            try:
                owner = known_owner or self._routes.get(inventory_id) or await self._route(inventory_id)
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
        """All commands have the same time and take their places as they come, so the oldest stand first."""
        now_s, deadlines = asyncio.get_running_loop().time(), self._deadlines
        while deadlines and (deadlines[0].future.done() or deadlines[0].until_s <= now_s):
            deadlines.popleft().give_up()
        self._sweep = None
        self.meter.show("gateway_waiting_commands", sum(outbox.depth for outbox in self._outboxes.values()))
        if deadlines:
            self._sweep_later()
