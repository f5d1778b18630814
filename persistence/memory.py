"""The store in memory: what PostgreSQL promises, on one event loop and without waiting, for simulations.

One `MemoryDatabase` is what survives; `session()` makes as many clients of it as there are owners, timers
and gateways, so that two owners can fight over one inventory. It keeps only what was committed: an operation
is decided and done in one step without an await, or not at all.

As in PostgreSQL, rows are locked while they are written: a `claim` waits for an append that is under way,
a plain read does not and sees what was before. A `Fault` is asked at every stage of every operation:

- `before`: nothing has happened. `during`: the rows are locked, nothing is visible. `after`: committed.
- It may wait (on the loop's clock), raise `OutcomeUnknown` or `Refused`, or raise `CommitsLate`: then the
  caller hears `OutcomeUnknown` at once and the statement goes on by itself: from `before`, it takes its
  locks later and may find its fence lost; from `during`, it keeps its locks until it has committed.

Ids in `MemoryDatabase.poisoned` are refused whenever they are appended to, as a row with a bug would be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Literal, TypeVar

from domain.event_messages import EventDefinition
from domain.seat_plan import Layout, Plan
from persistence.memory_rows import Inventory, Journaled, Tables
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
)

Stage = Literal["before", "during", "after"]
Fault = Callable[[str, Stage], Awaitable[None]]
Result = TypeVar("Result")


class CommitsLate(Exception):
    """Raised by a fault: the caller hears nothing more, the statement goes on after `wait()`."""

    def __init__(self, wait: Callable[[], Awaitable[None]]) -> None:
        super().__init__("commits late")
        self.wait = wait


async def no_fault(operation: str, stage: Stage) -> None:
    """Nothing goes wrong."""


class MemoryDatabase:
    """What is committed, and who has locked what."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.tables = Tables()
        self.plans: dict[str, Plan] = {}
        self.poisoned: set[str] = set()
        self.late: set[asyncio.Task[None]] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._sessions = 0

    def session(self, fault: Fault = no_fault) -> MemoryStore:
        """One more client."""
        self._sessions += 1
        return MemoryStore(self, self._sessions, fault)

    def inventory(self, inventory_id: str) -> Inventory | None:
        """The committed row, for auditors."""
        return self.tables.inventories.get(inventory_id)

    def journal(self, inventory_id: str) -> list[Journaled]:
        """The inventory's facts by sequence, for auditors."""
        found = self.tables.inventories.get(inventory_id)
        return list(found.journal) if found else []

    def purge_requests(self, before_ms: int) -> None:
        """Forget what was recorded until then."""
        kept = {
            key: request for key, request in self.tables.requests.items() if request.expires_ms >= before_ms
        }
        self.tables.requests = kept

    def with_layout(self, claimed: Claimed | Elsewhere) -> Claimed | Elsewhere:
        """What has seats comes with their layout."""
        if isinstance(claimed, Elsewhere) or not isinstance(claimed.definition, EventDefinition):
            return claimed
        seating = claimed.definition.terms.seating
        if seating is None:
            return claimed
        return replace(claimed, layout=Layout(self.plans[seating.plan_id], seating.overrides))

    async def lock(self, keys: Iterable[str], stack: AsyncExitStack) -> None:
        """Take the keys' locks in one order for all, first come first served; `stack` gives them back."""
        for key in sorted(set(keys)):
            await stack.enter_async_context(self._locks.setdefault(key, asyncio.Lock()))


class MemoryStore:
    """One client: an `OwnerStore` and a `Directory`."""

    def __init__(self, database: MemoryDatabase, number: int, fault: Fault) -> None:
        self._database = database
        self._number = number
        self._fault = fault

    # --- OwnerStore -------------------------------------------------------------------------------

    async def now_ms(self) -> int:
        return await self._read("now_ms", self._database.now_ms)

    async def claim(
        self, inventory_id: str, owner: str, held_epoch: int | None = None
    ) -> Claimed | Elsewhere:
        def work() -> Claimed | Elsewhere:
            claimed = self._database.tables.claim(inventory_id, owner, held_epoch, self._number)
            return self._database.with_layout(claimed)

        return await self._write("claim", [inventory_id], work)

    async def live(self, inventory_id: str, after: str | None, limit: int) -> list[Stored]:
        return await self._read("live", lambda: self._database.tables.live(inventory_id, after, limit))

    async def tickets(
        self, inventory_id: str, after: tuple[str, int] | None, limit: int
    ) -> list[StoredTicket]:
        return await self._read("tickets", lambda: self._database.tables.tickets(inventory_id, after, limit))

    async def ended(self, inventory_id: str, reservation_ids: list[str]) -> list[Stored]:
        return await self._read("ended", lambda: self._database.tables.find(inventory_id, reservation_ids))

    async def recorded(self, wanted: list[tuple[str, bytes]]) -> dict[tuple[str, bytes], Request]:
        def work() -> dict[tuple[str, bytes], Request]:
            requests = self._database.tables.requests
            return {key: requests[key] for key in wanted if key in requests}

        return await self._read("recorded", work)

    async def append(self, batch: list[Append]) -> set[str]:
        def work() -> set[str]:
            poisoned = [
                entry.inventory_id for entry in batch if entry.inventory_id in self._database.poisoned
            ]
            if poisoned:
                raise Refused("an inventory is poisoned", "poisoned")
            return self._database.tables.append(batch)

        return await self._write("append", [entry.inventory_id for entry in batch if entry.facts], work)

    async def create(self, entry: Append, owner: str, scope: str) -> bool:
        def work() -> bool:
            return self._database.tables.create(entry, owner, scope)

        return await self._write("create", [scope, entry.inventory_id], work)

    async def close(self) -> None:
        """Nothing is open."""

    # --- Directory --------------------------------------------------------------------------------

    async def owner_of(self, inventory_id: str) -> str | None:
        def work() -> str | None:
            found = self._database.tables.inventories.get(inventory_id)
            return found.owner if found else None

        return await self._read("owner_of", work)

    async def place(self, inventory_id: str, owner: str) -> bool:
        return await self._write(
            "place", [inventory_id], lambda: self._database.tables.place(inventory_id, owner)
        )

    async def due(self, until_ms: int, part: int, parts: int, limit: int) -> list[Due]:
        return await self._read("due", lambda: self._database.tables.due(until_ms, part, parts, limit))

    # --- how an operation runs --------------------------------------------------------------------

    async def _read(self, operation: str, work: Callable[[], Result]) -> Result:
        """No locks: what is committed at this moment."""
        await self._fault(operation, "before")
        result = work()
        await self._fault(operation, "after")
        return result

    async def _write(self, operation: str, keys: list[str], work: Callable[[], Result]) -> Result:
        async with AsyncExitStack() as stack:
            try:
                await self._fault(operation, "before")
            except CommitsLate as late:
                raise self._go_on_alone(late, keys, stack.pop_all(), work) from None
            await self._database.lock(keys, stack)
            try:
                await self._fault(operation, "during")
            except CommitsLate as late:
                raise self._go_on_alone(late, [], stack.pop_all(), work) from None
            result = work()
        await self._fault(operation, "after")
        return result

    def _go_on_alone(
        self, late: CommitsLate, keys: list[str], locked: AsyncExitStack, work: Callable[[], Result]
    ) -> OutcomeUnknown:
        """The statement without its client: `keys` are still to be locked, `locked` gives back what is."""

        async def go_on() -> None:
            async with locked:
                await late.wait()
                await self._database.lock(keys, locked)
                with suppress(Refused):
                    work()

        task = asyncio.get_running_loop().create_task(go_on())
        self._database.late.add(task)
        task.add_done_callback(self._database.late.discard)
        return OutcomeUnknown("nobody waits for the answer any more")
