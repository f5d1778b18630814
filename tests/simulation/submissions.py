"""Submissions on virtual time: a submitter in every front end, killed at random between any two steps.

What must hold (`violations_of`): what was accepted has an answer in the end, whoever died; a reservation or a
rejection, never both; one reservation for each that is done, and none beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

from actors.meter import Meter
from actors.submitter import Submitter
from actors.wire import pack_reply
from domain.event_messages import PlaceHold
from domain.restaurant_messages import History
from domain.submission import Done, Final, Found, Standing, Taken
from persistence.store import Request
from tests.simulation.fold import Fold
from tests.simulation.fronts import Front
from tests.simulation.stage import Stage

QUOTA = 4
SUBMISSIONS = 10
KILLS = 6
COURSE_S = 3.0
ANSWERED_WITHIN_S = 120.0
"""A few leases, one after the other."""
LONGEST_STATEMENT_S = 0.05


@dataclass
class Kept:
    """The row of a submission."""

    command: PlaceHold
    request_id: bytes
    found: Found
    accepted_ms: int
    leased_until_ms: int = 0
    attempts: int = 0


class SimSubmissions:
    """What is committed; a statement takes a while before and after it has had its effect."""

    def __init__(self, stage: Stage, dice: Random) -> None:
        self.rows: dict[str, Kept] = {}
        self.all_answered = asyncio.Event()
        self._stage = stage
        self._dice = dice

    async def accept(self, event_id: str, command: PlaceHold) -> None:
        """Durable when it returns."""
        await self._under_way()
        found = Found(command.reservation_id, event_id, Standing.PENDING)
        request_id = self._stage.new_key().request_id
        self.rows[found.id] = Kept(command, request_id, found, self._stage.true_ms())
        self.all_answered.clear()

    async def take(self, limit: int, lease_ms: int) -> list[Taken]:
        await self._under_way()
        now_ms = self._stage.true_ms()
        free = [one for one in self.pending() if one.leased_until_ms <= now_ms][:limit]
        for one in free:
            one.leased_until_ms, one.attempts = now_ms + lease_ms, one.attempts + 1
        taken = [self._taken(one, now_ms) for one in free]
        await self._under_way()
        return taken

    async def settle(self, answers: Sequence[tuple[str, Done | Final]]) -> set[str]:
        await self._under_way()
        ended = {id_ for id_, answer in answers if self._settled(self.rows[id_], answer)}
        if not self.pending():
            self.all_answered.set()
        await self._under_way()
        return ended

    async def postpone(self, pauses_ms: Sequence[tuple[str, int]]) -> None:
        await self._under_way()
        for id_, pause_ms in pauses_ms:
            self.rows[id_].leased_until_ms = self._stage.true_ms() + pause_ms

    def pending(self) -> list[Kept]:
        return [one for one in self.rows.values() if one.found.standing is Standing.PENDING]

    def _taken(self, one: Kept, now_ms: int) -> Taken:
        named = one.found.id, one.found.inventory_id, one.command, one.request_id, b""
        return Taken(*named, one.attempts, now_ms - one.accepted_ms)

    def _settled(self, one: Kept, answer: Done | Final) -> bool:
        """As the statement does it: an effect and a rejection exclude each other by the key of `requests`."""
        if one.found.standing is not Standing.PENDING:
            return False
        if isinstance(answer, Done):
            one.found = replace(one.found, standing=Standing.DONE, reservation_id=answer.reservation_id)
            return True
        place = one.found.inventory_id, one.request_id
        requests = self._stage.database.tables.requests
        if answer.recorded and place in requests:
            return False
        if answer.recorded:
            requests[place] = Request(one.request_id, b"", pack_reply(answer.rejection), 2**62)
        one.found = replace(one.found, standing=Standing.REJECTED, rejection=answer.rejection)
        return True

    async def _under_way(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.0, LONGEST_STATEMENT_S))


async def _no_history(restaurant_id: str, customer: bytes) -> History:
    return History()


class Rush(Stage):
    """One event, more submissions than it has places, front ends and owners that die; and what is left."""

    def __init__(self, seed: int) -> None:
        super().__init__(Rush.course, seed=seed)
        self.dice = self.rng("submissions")
        self.submissions = SimSubmissions(self, self.dice)
        self.submitters: dict[Front, Submitter] = {}

    async def course(self) -> None:
        event_id = await self.event(quota=QUOTA, hold_duration_s=600)
        for front in self.fronts:
            self._put_to_work(front)
        asking = [asyncio.create_task(self._submit(event_id)) for _ in range(SUBMISSIONS)]
        for _ in range(KILLS):
            await asyncio.sleep(self.dice.uniform(0.0, COURSE_S / KILLS))
            await self._strike()
        await asyncio.gather(*asking)
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await self.submissions.all_answered.wait()

    def _settled_s(self) -> float:
        """Whether holds end in time is looked at elsewhere."""
        return 1.0

    def _put_to_work(self, front: Front) -> None:
        submitter = Submitter(self.submissions, front.gateway, _no_history, Meter())
        self.submitters[front] = submitter
        front.process.spawn(submitter.run())

    async def _submit(self, event_id: str) -> None:
        await asyncio.sleep(self.dice.uniform(0.0, COURSE_S))
        await self.submissions.accept(event_id, self.one())
        if self.fronts:
            self.submitters[self.dice.choice(self.fronts)].wake()

    async def _strike(self) -> None:
        if self.dice.random() < 0.5 and self.fronts:
            self.lose(self.dice.choice(self.fronts))
            await self.open_front()
            self._put_to_work(self.fronts[-1])
        elif "pool:0" in self.cluster.names:
            self.owner().process.kill()


def violations_of(rush: Rush) -> Iterator[str]:
    """See the module."""
    [event_id] = rush.event_ids
    fold = Fold(event_id).read(rush.database.journal(event_id))
    yield from fold.wrong
    if len(rush.submissions.rows) != SUBMISSIONS:
        yield f"{len(rush.submissions.rows)} of {SUBMISSIONS} were accepted"
    for id_, one in rush.submissions.rows.items():
        if one.found.standing is Standing.PENDING:
            yield f"{id_} was accepted and never answered, after {one.attempts} attempts"
        if (one.found.standing is Standing.DONE) != (id_ in fold.reservations):
            yield f"{id_} is {one.found.standing}, and its reservation says otherwise"
    if not fold.reservations.keys() <= rush.submissions.rows.keys():
        yield "there are reservations that nobody submitted"


def wrong_in(seed: int) -> list[str]:
    """The scenario of that seed: what was wrong."""
    rush = Rush(seed)
    with rush.play():
        return [*rush.wrong, *violations_of(rush)]
