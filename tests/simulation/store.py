"""The way to the database: each process has a session of its own, and the statement runs at the other end.

What was handed over goes on when its sender is killed, frozen or has lost patience, as in PostgreSQL. An
owner has two links, each for one statement at a time: one to look up and append, one to claim and load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from persistence.store import (
    Append,
    Claimed,
    Due,
    Elsewhere,
    OutcomeUnknown,
    Refused,
    Request,
    Stored,
    Unreachable,
)
from tests.simulation.loop import Process

if TYPE_CHECKING:
    from persistence.memory import Stage
    from tests.simulation.world import World


class SimStore:
    """An `OwnerStore` and a `Directory`, some milliseconds away."""

    def __init__(self, world: World) -> None:
        self._world = world
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

    async def ended(self, inventory_id: str, reservation_ids: list[str]) -> list[Stored]:
        async with self._link:
            return await self._send("ended", lambda: self._rows.ended(inventory_id, reservation_ids))

    async def recorded(self, wanted: list[tuple[str, bytes]]) -> dict[tuple[str, bytes], Request]:
        async with self._link:
            return await self._send("recorded", lambda: self._rows.recorded(wanted))

    async def append(self, batch: list[Append]) -> set[str]:
        async with self._link:
            return await self._send("append", lambda: self._append(batch))

    async def create(self, entry: Append, kind: str, owner: str, scope: str) -> bool:
        async with self._link:
            return await self._send("create", lambda: self._create(entry, kind, owner, scope))

    async def close(self) -> None:
        """Nothing is open."""

    # --- Directory --------------------------------------------------------------------------------

    async def owner_of(self, inventory_id: str) -> str | None:
        return await self._send("owner_of", lambda: self._rows.owner_of(inventory_id))

    async def place(self, inventory_id: str, owner: str) -> bool:
        return await self._send("place", lambda: self._place(inventory_id, owner))

    async def due(self, until_ms: int, part: int, parts: int, limit: int) -> list[Due]:
        return await self._send("due", lambda: self._rows.due(until_ms, part, parts, limit))

    # --- there and back ---------------------------------------------------------------------------

    async def _send(self, operation: str, statement: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        passage = self._world.weather.statement(operation)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        far = self._world.far_end
        if passage.outcome == "unreachable":
            far.later(passage.notice_s, _fail, reply, Unreachable("no connection"))
            return await reply
        if passage.outcome == "refused" and operation in ("append", "create"):
            far.later(passage.to_s + passage.back_s, _fail, reply, Refused("out of sorts"))
            return await reply
        late_s = passage.late_s if passage.outcome == "late" else 0.0
        if passage.outcome in ("late", "unanswered"):
            far.later(passage.notice_s, _fail, reply, OutcomeUnknown("no answer"))
            if self._world.weather.outage:
                return await reply
        far.later(passage.to_s + late_s, self._execute, far, statement, reply, passage.back_s)
        if passage.outcome == "doubled":
            again_s = passage.to_s + passage.late_s
            far.later(again_s, self._execute, far, statement, None, 0.0)
        return await reply

    def _execute(
        self,
        far: Process,
        statement: Callable[[], Coroutine[Any, Any, Any]],
        reply: asyncio.Future[Any] | None,
        back_s: float,
    ) -> None:
        def executed(task: asyncio.Task[Any]) -> None:
            error = task.exception()
            if reply is not None and error is not None:
                far.later(back_s, _fail, reply, error)
            elif reply is not None:
                far.later(back_s, _succeed, reply, task.result())

        far.spawn(statement()).add_done_callback(executed, context=far.context)

    # --- at the other end: what is committed is noted down for the checker ----------------------------

    async def _append(self, batch: list[Append]) -> set[str]:
        kept = await self._rows.append(batch)
        for entry in batch:
            if entry.facts and entry.inventory_id in kept:
                self._world.committed(entry, entry.inventory_id)
        return kept

    async def _create(self, entry: Append, kind: str, owner: str, scope: str) -> bool:
        created = await self._rows.create(entry, kind, owner, scope)
        if created:
            self._world.committed(entry, scope)
        return created

    async def _claim(self, inventory_id: str, owner: str, held_epoch: int | None) -> Claimed | Elsewhere:
        claimed = await self._rows.claim(inventory_id, owner, held_epoch)
        if isinstance(claimed, Claimed):
            self._world.claimed(inventory_id, self)
        return claimed

    async def _place(self, inventory_id: str, owner: str) -> bool:
        placed = await self._rows.place(inventory_id, owner)
        self._world.claimed(inventory_id, None)
        return placed

    async def _hold_locks(self, operation: str, stage: Stage) -> None:
        """The store's own fault hook: some statements take a while between their locks and their commit."""
        if stage == "during" and (wait_s := self._world.weather.lock_s()):
            await asyncio.sleep(wait_s)


def _succeed(reply: asyncio.Future[Any], result: Any) -> None:
    if not reply.done():
        reply.set_result(result)


def _fail(reply: asyncio.Future[Any], error: BaseException) -> None:
    if not reply.done():
        reply.set_exception(error)
        # Its process may have been killed meanwhile; then nobody takes the exception, and that is no fault.
        reply._log_traceback = False
