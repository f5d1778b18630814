"""The way to the database: each process has a session of its own, and the statement runs at the other end.

What was handed over goes on when its sender is killed, frozen or has lost patience, as in PostgreSQL. An
owner has two links, each for one statement at a time: one to look up and append, one to claim and load.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from persistence.store import (
    Append,
    Claimed,
    Due,
    Elsewhere,
    OutcomeUnknown,
    Refused,
    Request,
    Stored,
    StoredTicket,
    Unreachable,
)

if TYPE_CHECKING:
    from persistence.memory import Stage
    from tests.simulation.world import World

READS = {"now_ms", "live", "tickets", "ended", "recorded", "owner_of", "due"}
SLOW_S = 0.05
"""What takes longer than this delays a hold's end."""


class SimStore:
    """An `OwnerStore` and a `Directory`, some milliseconds away."""

    def __init__(self, world: World, whose: str) -> None:
        self._world = world
        self._whose = whose
        self._refused: dict[str, int] = defaultdict(int)
        """By inventory: appends in a row that were refused."""
        self._rows = world.database.session(self._hold_locks)
        self._link, self._loading = asyncio.Lock(), asyncio.Lock()

    # --- OwnerStore -------------------------------------------------------------------------------

    async def now_ms(self) -> int:
        return await self._send("now_ms", self._rows.now_ms)

    async def claim(
        self, inventory_id: str, owner: str, held_epoch: int | None = None
    ) -> Claimed | Elsewhere:
        async with self._loading:
            return await self._send("claim", lambda: self._claim(inventory_id, owner, held_epoch))

    async def live(self, inventory_id: str, after: str | None, limit: int) -> list[Stored]:
        async with self._loading:
            return await self._send("live", lambda: self._rows.live(inventory_id, after, limit))

    async def tickets(
        self, inventory_id: str, after: tuple[str, int] | None, limit: int
    ) -> list[StoredTicket]:
        async with self._loading:
            return await self._send("tickets", lambda: self._rows.tickets(inventory_id, after, limit))

    async def ended(self, inventory_id: str, reservation_ids: list[str]) -> list[Stored]:
        async with self._link:
            return await self._send("ended", lambda: self._rows.ended(inventory_id, reservation_ids))

    async def recorded(self, wanted: list[tuple[str, bytes]]) -> dict[tuple[str, bytes], Request]:
        async with self._link:
            return await self._send("recorded", lambda: self._rows.recorded(wanted))

    async def append(self, batch: list[Append]) -> set[str]:
        async with self._link:
            try:
                kept = await self._send("append", lambda: self._append(batch))
            except Refused:
                for entry in batch:
                    self._may_be_set_aside(entry.inventory_id)
                raise
            for entry in batch:
                self._refused.pop(entry.inventory_id, None)
            return cast(set[str], kept)

    async def create(self, entry: Append, owner: str, scope: str) -> bool:
        async with self._link:
            return await self._send("create", lambda: self._create(entry, owner, scope))

    async def close(self) -> None:
        """Nothing is open."""

    def _may_be_set_aside(self, inventory_id: str) -> None:
        """So many refusals without a success between them may have been its own fault, by the rules."""
        self._refused[inventory_id] += 1
        limits, now_s = self._world.owner_limits, self._world.loop.now_s
        if self._refused[inventory_id] >= limits.faults_max:
            self._world.outages.note(inventory_id, now_s, now_s + limits.set_aside_s)

    # --- Directory --------------------------------------------------------------------------------

    async def owner_of(self, inventory_id: str) -> str | None:
        return await self._send("owner_of", lambda: self._rows.owner_of(inventory_id))

    async def place(self, inventory_id: str, owner: str) -> bool:
        return await self._send("place", lambda: self._place(inventory_id, owner))

    async def due(self, until_ms: int, part: int, parts: int, limit: int) -> list[Due]:
        return await self._send("due", lambda: self._rows.due(until_ms, part, parts, limit))

    # --- there and back ---------------------------------------------------------------------------

    def _send(self, operation: str, statement: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Future[Any]:
        passage = self._world.weather.statement(operation)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        far, began_s = self._world.far_end, self._world.loop.now_s
        if passage.outcome == "unreachable":
            far.later(passage.notice_s, self._fail, reply, began_s, Unreachable("no connection"))
            return reply
        if passage.outcome == "refused" and operation in ("append", "create"):
            far.later(passage.to_s + passage.back_s, self._fail, reply, began_s, Refused("out of sorts"))
            return reply
        late_s = passage.late_s if passage.outcome == "late" else 0.0
        if passage.outcome in ("late", "unanswered"):
            far.later(passage.notice_s, self._fail, reply, began_s, OutcomeUnknown("no answer"))
            if self._world.weather.outage:
                return reply
        execute = self._look if operation in READS else self._execute
        far.later(passage.to_s + late_s, execute, statement, reply, began_s, passage.back_s)
        if passage.outcome == "doubled":
            far.later(passage.to_s + passage.late_s, self._execute, statement, None, began_s, 0.0)
        return reply

    def _execute(
        self,
        statement: Callable[[], Coroutine[Any, Any, Any]],
        reply: asyncio.Future[Any] | None,
        began_s: float,
        back_s: float,
    ) -> None:
        far = self._world.far_end

        def executed(task: asyncio.Task[Any]) -> None:
            error = task.exception()
            if reply is not None and error is not None:
                far.later(back_s, self._fail, reply, began_s, error)
            elif reply is not None:
                far.later(back_s, self._succeed, reply, began_s, task.result())

        far.spawn(statement()).add_done_callback(executed, context=far.context)

    def _look(
        self,
        question: Callable[[], Coroutine[Any, Any, Any]],
        reply: asyncio.Future[Any],
        began_s: float,
        back_s: float,
    ) -> None:
        """What only reads waits for no lock: it is answered in the step in which it arrives."""
        try:
            question().send(None)
        except StopIteration as answered:
            self._world.far_end.later(back_s, self._succeed, reply, began_s, answered.value)
        else:
            raise AssertionError("a read that waits")

    def _succeed(self, reply: asyncio.Future[Any], began_s: float, result: Any) -> None:
        if not reply.done():
            self._took(began_s, SLOW_S)
            reply.set_result(result)

    def _fail(self, reply: asyncio.Future[Any], began_s: float, error: BaseException) -> None:
        if not reply.done():
            self._took(began_s, 0.0)
            reply.set_exception(error)
            # Its process may have been killed meanwhile; then nobody takes the exception: no fault.
            reply._log_traceback = False

    def _took(self, began_s: float, slow_s: float) -> None:
        """A statement that fails, or takes long, is an outage of whoever sent it."""
        now_s = self._world.loop.now_s
        if now_s - began_s >= slow_s:
            self._world.outages.note(self._whose, began_s, now_s)

    # --- at the other end: what is committed is noted down for the checker ----------------------------

    async def _append(self, batch: list[Append]) -> set[str]:
        kept = await self._rows.append(batch)
        for entry in batch:
            if entry.facts and entry.inventory_id in kept:
                self._world.committed(entry, entry.inventory_id)
        return kept

    async def _create(self, entry: Append, owner: str, scope: str) -> bool:
        created = await self._rows.create(entry, owner, scope)
        if created:
            self._world.committed(entry, scope)
            self._world.placed(entry.inventory_id, owner)
        return created

    async def _claim(self, inventory_id: str, owner: str, held_epoch: int | None) -> Claimed | Elsewhere:
        claimed = await self._rows.claim(inventory_id, owner, held_epoch)
        if isinstance(claimed, Claimed):
            self._world.claimed(inventory_id, self)
        return claimed

    async def _place(self, inventory_id: str, owner: str) -> bool:
        placed = await self._rows.place(inventory_id, owner)
        self._world.claimed(inventory_id, None)
        self._world.placed(inventory_id, owner)
        return placed

    async def _hold_locks(self, operation: str, stage: Stage) -> None:
        """The store's own fault hook: some statements take a while between their locks and their commit."""
        if stage == "during" and (wait_s := self._world.weather.lock_s()):
            await asyncio.sleep(wait_s)
