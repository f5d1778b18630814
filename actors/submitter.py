"""The submitter: takes pending submissions and puts them through the gateway, each under its own request id.

One lives in every front end, because there a gateway is and there it hears at once of what was accepted; it
looks once a second for what others left behind. It remembers nothing that matters: whoever dies between the
acceptance and the answer leaves a row whose lease runs out, and the next one that asks is given the effect
that the request id has had. What it takes it takes in order, and puts it into the gateway in that order; only
what has to be put again may be overtaken.

How much it has under way is bounded, so that those who wait for their answers keep most of an owner's time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from actors.gateway import Gateway, Key
from actors.meter import Meter
from domain.kinds import Reply
from domain.restaurant_messages import History, HoldTable
from domain.submission import Again, Done, Final, Outcome, Submitted, Taken, outcome, pause_ms
from persistence.store import StoreError

log = logging.getLogger(__name__)
HistoryOf = Callable[[str, bytes], Awaitable[History]]


class SubmissionStore(Protocol):
    """What is pending, and for how long nobody else is given it (`persistence.submissions`)."""

    async def take(self, limit: int, lease_ms: int) -> list[Taken]: ...
    async def settle(self, answers: Sequence[tuple[str, Done | Final]]) -> set[str]: ...
    async def postpone(self, pauses_ms: Sequence[tuple[str, int]]) -> None: ...


@dataclass(frozen=True)
class SubmitterLimits:
    """`lease_ms` is longer than a command may take; else a second submitter does the same work again."""

    under_way_max_commands: int = 400
    lease_ms: int = 10_000
    poll_s: float = 1.0
    patience_ms: int = 60_000
    """So old is a submission that is given up, once it has been tried."""


class Submitter:
    """See the module. `history_of`: what a customer has done at a restaurant by now."""

    def __init__(
        self,
        store: SubmissionStore,
        gateway: Gateway,
        history_of: HistoryOf,
        meter: Meter,
        limits: SubmitterLimits | None = None,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._history_of = history_of
        self._meter = meter
        self._limits = limits or SubmitterLimits()
        self._under_way: set[asyncio.Task[None]] = set()
        self._outcomes: list[tuple[Taken, Outcome]] = []
        self._writing: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """There is something to take, or room for it."""
        self._bell.set()

    async def run(self) -> None:
        """For ever; a store that does not answer is asked again a moment later."""
        while True:
            self._bell.clear()
            try:
                more = await self.take()
            except StoreError as error:
                log.warning("submissions cannot be taken", extra={"error": repr(error)})
                more = False
                await asyncio.sleep(self._limits.poll_s)
            except Exception:
                log.exception("taking submissions failed")
                more = False
                await asyncio.sleep(self._limits.poll_s)
            if not more:
                await self._rest()

    async def take(self) -> bool:
        """Begin with as many as there is room for; True if there may be more."""
        room = self._limits.under_way_max_commands - len(self._under_way)
        if room <= 0:
            return False
        taken = await self._store.take(room, self._limits.lease_ms)
        for one in taken:
            task = asyncio.create_task(self._put(one))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(taken) == room

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way or self._writing is not None:
            waited = (*self._under_way, *([self._writing] if self._writing else ()))
            await asyncio.wait(waited)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._limits.poll_s):
                await self._bell.wait()
        except TimeoutError:
            return

    def _ended(self, task: asyncio.Task[None]) -> None:
        full = len(self._under_way) >= self._limits.under_way_max_commands
        self._under_way.discard(task)
        if full:
            self.wake()

    # --- one submission ---------------------------------------------------------------------------

    async def _put(self, taken: Taken) -> None:
        answer = await self._answer(taken)
        follows = outcome(answer, taken.attempts, taken.age_ms, self._limits.patience_ms)
        self._outcomes.append((taken, follows))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _answer(self, taken: Taken) -> Reply | None:
        """The owner's; None where it could not be asked."""
        try:
            if taken.command is None:
                log.error("a submission is of another version", extra={"submission": taken.id})
                return None
            command = await self._as_of_now(taken.inventory_id, taken.command)
            return await self._gateway.ask(
                taken.inventory_id, command, Key(taken.request_id, taken.fingerprint)
            )
        except StoreError as error:
            log.warning("a submission cannot be put", extra={"error": repr(error)})
        except Exception:
            log.exception("putting a submission failed", extra={"submission": taken.id})
        return None

    async def _as_of_now(self, inventory_id: str, command: Submitted) -> Submitted:
        """What has been going on since it was asked for counts too."""
        if isinstance(command, HoldTable):
            return replace(command, history=await self._history_of(inventory_id, command.customer))
        return command

    # --- what became of them ----------------------------------------------------------------------

    async def _write(self) -> None:
        """Statement after statement, each with all that has gathered. What cannot be written is taken again
        when its lease has run out, and answered from the records."""
        while self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            try:
                await self._write_down(outcomes)
            except StoreError as error:
                log.warning("answers cannot be written", extra={"error": repr(error)})
            except Exception:
                log.exception("writing answers failed")
        self._writing = None

    async def _write_down(self, outcomes: list[tuple[Taken, Outcome]]) -> None:
        answered = [(one, follows) for one, follows in outcomes if not isinstance(follows, Again)]
        ended = await self._store.settle([(one.id, follows) for one, follows in answered]) if answered else ()
        pauses = [(one.id, follows.pause_ms) for one, follows in outcomes if isinstance(follows, Again)]
        pauses += [(one.id, pause_ms(one.attempts)) for one, _ in answered if one.id not in ended]
        if pauses:
            self._meter.count("submissions_put_again", len(pauses))
            await self._store.postpone(pauses)
        for one, follows in answered:
            if one.id in ended:
                said = "done" if isinstance(follows, Done) else follows.rejection.code.value
                self._meter.count("submissions_answered", labels=(("outcome", said),))
                self._meter.observe("submission_waited_ms", one.age_ms)
