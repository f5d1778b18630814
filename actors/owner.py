"""The owner of one inventory or many: takes commands one batch at a time, makes it durable, then answers.

The rules it keeps:

- Only the loop in `run` touches a state, one batch after the other. Replies leave after the append.
- An inventory is claimed when its first command comes. If an append is lost, refused, or its outcome
  unknown, memory is ahead of the store: the inventory is dropped and claimed again on the condition that
  nobody else has claimed it since. That claim waits for the append under way and fences it if it comes
  later, so afterwards what is recorded is what happened, and the same commands are simply tried again.
- Who finds that another process of its own name has claimed leaves for good: the last claim wins.
- A batch that the database refuses is tried again inventory by inventory, and of the one at fault letter by
  letter, so that a bad command hurts no other.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from actors.activation import Activations
from actors.creation import create
from actors.mailbox import Call, Door, Letter, Mailbox
from actors.meter import Clock, Meter
from actors.refusals import ANSWERS
from actors.turn import Held, Turn
from actors.wire import KEY_REUSED, MOVED, OVERLOADED, UNAVAILABLE, pack_answers, pack_reply, unpack_batch
from domain.event_messages import TypeCounts
from persistence.store import OutcomeUnknown, OwnerStore, Refused, Request, StoreError

log = logging.getLogger(__name__)
RATE_WINDOW_S = 10


@dataclass(frozen=True)
class OwnerLimits:
    """Every bound of an owner."""

    mailbox_max_commands: int = 20_000
    batch_max_commands: int = 1024
    expiries_max_per_append: int = 5_000
    activations_max_at_once: int = 4
    """They share one connection: a small inventory need not wait until a large one is all there."""
    page_max_reservations: int = 500
    slice_max_pieces: int = 500
    """Reservations, and the seats of each, that are taken in before others have their turn: a few ms."""
    passivate_after_s: float = 300.0
    set_aside_s: float = 30.0
    faults_max: int = 3
    retry_min_s: float = 0.05
    retry_max_s: float = 1.0


class Publisher(Protocol):
    """Where changed counts go for the read copies."""

    def changed(self, event_id: str, sequence: int, at_ms: int, ticket_types: tuple[TypeCounts, ...]) -> None:
        """Take note; must neither wait nor fail."""


class InventoryOwner:
    """See the module. `leave` is called once, when this owner will never answer for anything again."""

    def __init__(
        self,
        name: str,
        store: OwnerStore,
        clock: Clock,
        publisher: Publisher,
        meter: Meter,
        leave: Callable[[], None],
        limits: OwnerLimits,
    ) -> None:
        self.name = name
        self.limits = limits
        self.last_error = ""
        self.left = False
        self._store = store
        self._clock = clock
        self._publisher = publisher
        self._meter = meter
        self._leave_process = leave
        self._door = Door()
        self._mailbox = Mailbox(limits.mailbox_max_commands)
        self._held: dict[str, Held] = {}
        self._activations = Activations(
            name, store, clock, meter, limits, self._mailbox, self._held, self.leave
        )
        self._working = False
        self._tidy_soon = False
        self._done_commands = 0
        self._used_s = clock.now_ms() / 1000
        self._marks: deque[tuple[float, int]] = deque([(self._used_s, 0)], maxlen=RATE_WINDOW_S)

    # --- what others call -------------------------------------------------------------------------

    async def handle(self, payload: bytes) -> bytes:
        """Answer a batch of commands, in its order."""
        batch = unpack_batch(payload)
        asks = batch.asks
        if not asks:
            await self._store.now_ms()  # who asks for nothing asks whether it could be done
        if self.left or not asks or not self._door.lets_in(batch):
            return pack_answers([MOVED] * len(asks))
        call = Call(len(asks), batch.patience_ms / 1000)
        letters = [Letter(ask, call, position) for position, ask in enumerate(asks)]
        room = self._mailbox.room
        self._mailbox.put(letters[:room])
        if len(letters) > room:
            await self._refuse(letters[room:])
        try:
            return await call.done
        finally:
            if call.impatience is not None:
                call.impatience.cancel()

    def health(self) -> dict[str, object]:
        """Answered off the mailbox, so also while a batch or an activation takes long."""
        return {
            "name": self.name,
            "inventories": len(self._held),
            "depth": len(self._mailbox),
            "commands": self._done_commands,
            "commands_per_s": round(self._rate(), 1),
            "activating": self._activations.count,
            "last_error": self.last_error,
        }

    def inventories(self, limit: int) -> list[str]:
        """The ids of at most `limit` active inventories."""
        return list(self._held)[:limit]

    async def run(self) -> None:
        """The loop that is this owner. Ends when it leaves, after the batch under way."""
        while not self.left:
            letters = await self._mailbox.take(self.limits.batch_max_commands)
            self._working = True
            try:
                await self._batch(letters)
            except Exception as error:
                log.exception("batch broke", extra={"owner": self.name})
                self._note("batch broke", error)
                self._activations.wait_again(letters)
            finally:
                self._working = False
            if self._tidy_soon:
                self.tidy()
        self._leave_process()

    def tidy(self) -> None:
        """Let go of inventories that nobody uses and in which nothing is due for a while; leave if dedicated.

        What is due later wakes them: the store knows when. While a batch is under way its states are in
        use: then it is done right after."""
        self._tidy_soon = self._working
        if self._working:
            return
        now_ms, a_while_ms = self._clock.now_ms(), int(self.limits.passivate_after_s * 1000)
        for held in list(self._held.values()):
            due_ms = held.rules.next_due_ms(held.state)
            if held.used_ms < now_ms - a_while_ms and (due_ms is None or due_ms > now_ms + a_while_ms):
                del self._held[held.inventory_id]
        idle = self._clock.now_ms() / 1000 - self._used_s > self.limits.passivate_after_s
        if idle and self.name.startswith("event:") and not self._held and not len(self._mailbox):
            self.leave("idle")

    def leave(self, why: str) -> None:
        """Answer nothing any more, and end."""
        if self.left:
            return
        self.left = True
        log.info("owner leaves", extra={"owner": self.name, "why": why})
        for letter in self._mailbox.close() + self._activations.close():
            letter.send(MOVED)
        self._held.clear()

    # --- one batch --------------------------------------------------------------------------------

    async def _batch(self, letters: list[Letter]) -> None:
        groups: dict[str, list[Letter]] = {}
        creations: list[Letter] = []
        for letter in letters:
            inventory_id = letter.ask.inventory_id
            if letter.answered:
                continue
            if letter.ask.creates:
                creations.append(letter)
            elif inventory_id in self._held:
                groups.setdefault(inventory_id, []).append(letter)
            else:
                self._activations.wait(letter)
        if groups:
            turns = await self._decide(groups)
            if turns:
                await self._commit(turns)
        for letter in creations:
            await self._create(letter)
        self._done_commands += len(letters)
        self._used_s = self._clock.now_ms() / 1000
        if self._used_s - self._marks[-1][0] >= 1:
            self._marks.append((self._used_s, self._done_commands))

    async def _decide(self, groups: dict[str, list[Letter]]) -> list[Turn]:
        owned = [self._held[inventory_id] for inventory_id in groups]
        try:
            recorded = await self._recorded([letter for letters in groups.values() for letter in letters])
            turns = [await self._begin(held, groups[held.inventory_id]) for held in owned]
            if not self._clock.trusted:
                raise StoreError("this process's clock is off by more than clock_skew_max_ms")
        except StoreError as error:
            # Nothing was decided: the letters wait as they are, and a claim shows when all is well again.
            self._note("look-up failed", error)
            for held in owned:
                self._activations.drop(held, groups[held.inventory_id])
            return []
        now_ms = self._clock.now_ms()
        for turn, letters in zip(turns, groups.values(), strict=True):
            turn.now_ms = max(now_ms, turn.held.state.last_fact_ms)
            if turn.expire(self.limits.expiries_max_per_append):
                self._mailbox.put_back(letters)
                continue
            for letter in letters:
                turn.take(letter, recorded.get(letter.place))
        return turns

    async def _begin(self, held: Held, letters: list[Letter]) -> Turn:
        turn = Turn(held, 0)
        missing = turn.missing(letters)
        if missing:
            turn.remember(await self._store.ended(held.inventory_id, missing))
        return turn

    async def _commit(self, turns: list[Turn]) -> None:
        entries = [turn.entry() for turn in turns]
        started = time.perf_counter()
        try:
            kept = await self._store.append(entries)
        except OutcomeUnknown as error:
            self._note("append without an answer", error)
            for turn in turns:
                self._activations.drop(turn.held, turn.letters, doubtful=True)
            return
        except Refused as error:
            self._refused(turns, error)
            return
        self._measure(turns, (time.perf_counter() - started) * 1000)
        for turn, entry in zip(turns, entries, strict=True):
            if turn.held.inventory_id not in kept:
                self._meter.count("fences")
                self._activations.drop(turn.held, turn.letters, doubtful=True)
                continue
            turn.settle()
            self._activations.well(turn.held.inventory_id)
            if entry.facts and not turn.held.state.hidden:
                self._publisher.changed(turn.held.inventory_id, turn.held.seq, turn.now_ms, entry.counts)

    def _refused(self, turns: list[Turn], error: Refused) -> None:
        """The database found fault with a batch: nothing of it was done, memory is ahead, try smaller."""
        answer = ANSWERS.get(error.constraint)
        if answer is None:
            self._note("append refused", error)
        # A first refusal may be a request's that is recorded already; alone it is looked up before.
        one = len(turns) == 1
        culprit = one and all(letter.alone for letter in turns[0].letters)
        for turn in turns:
            if culprit:
                if answer is None:
                    self._activations.fault(turn.held.inventory_id)
                for letter in turn.letters:
                    letter.answer(answer or UNAVAILABLE)
                self._activations.drop(turn.held, [])
                continue
            for letter in turn.letters:
                letter.company = None if one else turn.held.inventory_id
            self._activations.drop(turn.held, turn.letters, doubtful=True)

    async def _recorded(self, letters: list[Letter]) -> dict[tuple[str, bytes], Request]:
        """What the request ids that may be retries have done already."""
        wanted = [letter.place for letter in letters if letter.may_be_recorded]
        if not wanted:
            return {}
        return await self._store.recorded(wanted)

    async def _refuse(self, letters: list[Letter]) -> None:
        """No room, or no time left: say so at once, unless the command has been done before."""
        try:
            recorded = await self._recorded(letters)
        except StoreError:
            recorded = None
        for letter in letters:
            earlier = recorded.get(letter.place) if recorded is not None else None
            if earlier is not None:
                same = earlier.fingerprint == letter.ask.fingerprint
                letter.reply = earlier.reply if same else pack_reply(KEY_REUSED)
                letter.deliver()
            else:
                unsure = letter.doubtful or (recorded is None and letter.may_be_recorded)
                letter.answer(UNAVAILABLE if unsure else OVERLOADED)
        self._meter.count("refused_full", len(letters))

    async def _create(self, letter: Letter) -> None:
        """A new inventory needs no state in memory yet: its first command will activate it."""
        now_ms = self._clock.now_ms()
        if letter.ask.deadline_ms <= now_ms or not self._clock.trusted:
            await self._refuse([letter])
            return
        try:
            await create(letter, self._store, now_ms)
        except StoreError as error:
            self._note("creation failed", error)
            letter.answer(UNAVAILABLE)

    # --- figures ----------------------------------------------------------------------------------

    def _rate(self) -> float:
        """Commands a second over the last seconds."""
        now_s = self._clock.now_ms() / 1000
        since_s, before = next((mark for mark in self._marks if now_s - mark[0] <= RATE_WINDOW_S), (now_s, 0))
        return (self._done_commands - before) / max(now_s - since_s, 1.0) if since_s < now_s else 0.0

    def _note(self, what: str, error: Exception) -> None:
        self.last_error = f"{what}: {error}"
        self._meter.count("errors", labels=(("what", what),))
        log.warning(what, extra={"owner": self.name, "error": repr(error)})

    def _measure(self, turns: list[Turn], append_ms: float) -> None:
        self._meter.observe("append_ms", append_ms)
        self._meter.observe("batch_commands", sum(len(turn.letters) for turn in turns))
        self._meter.show("mailbox_commands", len(self._mailbox))
        for turn in turns:
            for (kind, outcome), amount in turn.outcomes.items():
                self._meter.count("commands", amount, (("kind", kind), ("outcome", outcome)))
            if turn.expired:
                self._meter.count("holds_expired", turn.expired)
                self._meter.observe("expired_late_ms", turn.late_ms)
