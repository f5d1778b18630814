"""Bringing inventories into an owner's memory, beside the batches: claim, load in pages, let letters in.

Letters for an inventory that is not active wait here. Loading goes page by page, and what a page holds is
taken in slices, each small enough that the owner's other inventories are not held up; a database that does
not answer is asked again, with a growing pause, for as long as somebody waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from actors.mailbox import Call, Letter, Mailbox
from actors.meter import Clock, Meter
from actors.turn import Held
from actors.wire import LATER, MOVED, OVERLOADED, UNAVAILABLE
from domain.messages import Code, Rejected
from persistence.store import Claimed, Elsewhere, OwnerStore, StoreError

if TYPE_CHECKING:
    from actors.owner import OwnerLimits

log = logging.getLogger(__name__)
T = TypeVar("T")
NO_EVENT = Rejected(Code.NOT_FOUND, "There is no such event.")


class Activations:
    """The inventories of one owner that are on their way into memory, and who waits for them."""

    def __init__(
        self,
        name: str,
        store: OwnerStore,
        clock: Clock,
        meter: Meter,
        limits: OwnerLimits,
        mailbox: Mailbox,
        held: dict[str, Held],
        leave: Callable[[str], None],
    ) -> None:
        self._name = name
        self._store = store
        self._clock = clock
        self._meter = meter
        self._limits = limits
        self._mailbox = mailbox
        self._held = held
        self._leave = leave
        self._waiting: dict[str, list[Letter]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._epochs: dict[str, int] = {}
        """Inventories that were mine at this epoch, and are only to be claimed if they still are."""
        self._faults: dict[str, int] = {}
        self._set_aside_until_ms: dict[str, int] = {}
        self._closed = False
        self._loading = asyncio.Semaphore(limits.activations_max_at_once)

    @property
    def count(self) -> int:
        return len(self._tasks)

    def wait(self, letter: Letter) -> None:
        """Keep a letter until its inventory is active; begin to make it so."""
        inventory_id = letter.ask.inventory_id
        if self._closed:
            letter.send(MOVED)
            return
        if self._set_aside_until_ms.get(inventory_id, 0) > self._clock.now_ms():
            letter.answer(UNAVAILABLE)
            return
        self._waiting.setdefault(inventory_id, []).append(letter)
        self._mailbox.elsewhere += 1
        if letter.call.impatience is None:
            loop = asyncio.get_running_loop()
            letter.call.impatience = loop.call_later(letter.call.patience_s, self._postpone, letter.call)
        if inventory_id not in self._tasks:
            self._tasks[inventory_id] = asyncio.create_task(self._activate(inventory_id))

    def _postpone(self, call: Call) -> None:
        """Answer `Later` to those letters of the call that wait here: they must not keep back its others.

        Not those that this owner knows more of than their gateway: that they may have been done, or are to
        be tried alone.
        """
        for inventory_id in list(self._waiting):
            stay: list[Letter] = []
            for letter in self._take(inventory_id):
                if letter.call is call and letter.can_come_again:
                    letter.send(LATER)
                else:
                    stay.append(letter)
            self._keep_waiting(inventory_id, stay)
        call.impatience = None

    def drop(self, held: Held, letters: list[Letter], doubtful: bool = False) -> None:
        """Forget a state that is no longer surely true; its letters wait until it is again."""
        self._held.pop(held.inventory_id, None)
        self._epochs[held.inventory_id] = held.epoch
        for letter in letters:
            letter.doubtful = letter.doubtful or doubtful
            self.wait(letter)

    def wait_again(self, letters: list[Letter]) -> None:
        """After a bug in a batch: what it touched is loaded again, and its letters are tried one by one.

        A letter that breaks a batch of its own is answered, and counts as a fault of its inventory.
        """
        left = [letter for letter in letters if not letter.answered]
        for letter in left:
            held = self._held.get(letter.ask.inventory_id)
            if held is not None:
                self.drop(held, [])
        for letter in left:
            if letter.ask.creates:
                letter.answer(UNAVAILABLE)
            elif letter.alone:
                self.fault(letter.ask.inventory_id)
                letter.answer(UNAVAILABLE)
            elif letter not in self._waiting.get(letter.ask.inventory_id, ()):
                letter.company, letter.doubtful = None, True
                self.wait(letter)

    def fault(self, inventory_id: str) -> None:
        """Count a fault; at the bound the inventory is set aside, so that it stops hurting its mates."""
        faults = self._faults.get(inventory_id, 0) + 1
        self._faults[inventory_id] = faults
        if faults >= self._limits.faults_max:
            self._faults.pop(inventory_id)
            self._set_aside_until_ms[inventory_id] = self._clock.now_ms() + int(
                self._limits.set_aside_s * 1000
            )
            self._meter.count("set_aside")
            log.error("inventory set aside", extra={"inventory": inventory_id, "owner": self._name})
            for letter in self._take(inventory_id):
                letter.answer(UNAVAILABLE)

    def well(self, inventory_id: str) -> None:
        """It has been stored: earlier faults were not its own."""
        self._faults.pop(inventory_id, None)

    def close(self) -> list[Letter]:
        """All that wait, for an owner that leaves. Nothing is claimed from here on."""
        self._closed = True
        for task in self._tasks.values():
            if task is not asyncio.current_task():
                task.cancel()
        return [letter for inventory_id in list(self._waiting) for letter in self._take(inventory_id)]

    def _take(self, inventory_id: str) -> list[Letter]:
        letters = self._waiting.pop(inventory_id, [])
        self._mailbox.elsewhere -= len(letters)
        return letters

    async def _activate(self, inventory_id: str) -> None:
        pause_s = self._limits.retry_min_s
        try:
            while self._waiting.get(inventory_id):
                try:
                    async with self._loading:
                        await self._claim_and_load(inventory_id)
                    return
                except StoreError as error:
                    log.warning("activation failed", extra={"inventory": inventory_id, "error": repr(error)})
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._limits.retry_max_s)
                self._give_up_on_late(inventory_id)
        except Exception:
            log.exception("activation broke", extra={"inventory": inventory_id, "owner": self._name})
        finally:
            self._tasks.pop(inventory_id, None)
            # What came after the last look, or what a bug left behind, must not wait for ever.
            for letter in self._take(inventory_id):
                letter.answer(UNAVAILABLE)

    async def _claim_and_load(self, inventory_id: str) -> None:
        if not self._clock.trusted:
            raise StoreError("this process's clock is off by more than clock_skew_max_ms")
        started = time.perf_counter()
        claimed = await self._store.claim(inventory_id, self._name, self._epochs.get(inventory_id))
        match claimed:
            case Elsewhere(owner=None):
                self._reply_all(inventory_id, NO_EVENT)
            case Elsewhere(owner=self._name):
                self._leave("another process of this name has claimed")
            case Elsewhere():
                self._epochs.pop(inventory_id, None)
                for letter in self._take(inventory_id):
                    letter.send(MOVED)
            case Claimed():
                held = Held(claimed)
                self._epochs[inventory_id] = held.epoch
                await self._load(held, claimed)
                self._meter.count("activations")
                self._meter.observe("activation_ms", (time.perf_counter() - started) * 1000)
                held.used_ms = self._clock.now_ms()
                self._held[inventory_id] = held
                self._mailbox.put_back(self._take(inventory_id))

    async def _load(self, held: Held, claimed: Claimed) -> None:
        limit = self._limits.page_max_reservations
        await self._in_slices(held.load(claimed.definition))
        await self._take_in(
            lambda last: self._store.live(
                held.inventory_id, None if last is None else last.reservation.id, limit
            ),
            held.admit,
        )
        if claimed.ticketed:
            await self._take_in(
                lambda last: self._store.tickets(
                    held.inventory_id, None if last is None else (last.reservation_id, last.number), limit
                ),
                held.admit_tickets,
            )
        held.loaded()

    async def _take_in(
        self, page_after: Callable[[T | None], Awaitable[list[T]]], admit: Callable[[list[T]], Iterator[int]]
    ) -> None:
        """Take in page after page. PostgreSQL is at work on the next while one is taken in."""
        coming = asyncio.ensure_future(page_after(None))
        try:
            while page := await coming:
                more = len(page) == self._limits.page_max_reservations
                if more:
                    coming = asyncio.ensure_future(page_after(page[-1]))
                await self._in_slices(admit(page))
                if not more:
                    return
        finally:
            coming.cancel()

    async def _in_slices(self, steps: Iterator[int]) -> None:
        """Do steps that say how many pieces they had; after `slice_max_pieces` others have their turn."""
        pieces = 0
        for done in steps:
            pieces += done
            if pieces >= self._limits.slice_max_pieces:
                pieces = 0
                await asyncio.sleep(0)

    def _reply_all(self, inventory_id: str, reply: Rejected) -> None:
        for letter in self._take(inventory_id):
            letter.answer(reply)

    def _give_up_on_late(self, inventory_id: str) -> None:
        """Letters past their deadline: nothing happened, or nobody knows."""
        now_ms = self._clock.now_ms()
        letters = self._take(inventory_id)
        self._keep_waiting(inventory_id, [one for one in letters if one.ask.deadline_ms > now_ms])
        for letter in letters:
            if letter.ask.deadline_ms <= now_ms:
                letter.answer(UNAVAILABLE if letter.may_be_recorded else OVERLOADED)

    def _keep_waiting(self, inventory_id: str, letters: list[Letter]) -> None:
        if letters:
            self._waiting.setdefault(inventory_id, []).extend(letters)
            self._mailbox.elsewhere += len(letters)
