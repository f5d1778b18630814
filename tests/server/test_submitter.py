"""The submitter at its work: woken, bounded, in order, and not to be put off by a store that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from actors.gateway import Key
from actors.meter import Meter
from actors.submitter import Submitter, SubmitterLimits
from domain.event_messages import CreateEvent, PlaceHold, Terms, TicketType
from domain.kinds import Command, Reply
from domain.submission import Done, Final, Standing, Submission, Taken
from persistence.store import OutcomeUnknown, Unreachable
from server.ids import id_bytes, uuid7
from tests.server.direct_gateway import START_MS, DirectGateway, DirectReads
from tests.server.direct_submissions import DirectSubmissions

NEVER_S = 3_600.0
ANSWERED_TIMEOUT_S = 20.0


class WaitingGateway(DirectGateway):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def ask(self, inventory_id: str, command: Command, key: Key | None = None) -> Reply:
        assert isinstance(command, PlaceHold)
        self.asked.append(command.reservation_id)
        await self.answers.wait()
        return await super().ask(inventory_id, command, key)


class FailingSubmissions(DirectSubmissions):
    """Fails as often as it is told to, before it takes, and after it was to settle."""

    takes_fail = settles_fail = 0

    async def take(self, limit: int, lease_ms: int) -> list[Taken]:
        if self.takes_fail:
            self.takes_fail -= 1
            raise Unreachable("away")
        return await super().take(limit, lease_ms)

    async def settle(self, answers: Sequence[tuple[str, Done | Final]]) -> set[str]:
        if self.settles_fail:
            self.settles_fail -= 1
            raise OutcomeUnknown("lost")
        return await super().settle(answers)


class Stage:
    """One event of a thousand places, and its submitter."""

    def __init__(self, limits: SubmitterLimits) -> None:
        self.gateway = WaitingGateway()
        reads = DirectReads(self.gateway)
        self.submissions = FailingSubmissions(self.gateway, reads)
        self.submissions.pending_max = 1_000
        self.meter = Meter()
        self.submitter = Submitter(self.submissions, self.gateway, reads.history, self.meter, limits)
        self.submissions.on_accepted = self.submitter.wake
        self.event_id = uuid7(START_MS)

    async def open(self) -> None:
        kind = TicketType("ga", "Standing", 1_000, 0)
        terms = Terms("A concert", START_MS + 86_400_000, "EUR", (kind,))
        await self.gateway.create(CreateEvent(self.event_id, terms), "pool:0")

    async def accept(self, number: int) -> list[str]:
        ids = [uuid7(START_MS) for _ in range(number)]
        for id_ in ids:
            command = PlaceHold(id_, (("ga", 1),), id_.encode(), b"{}")
            new = Submission(id_, self.event_id, "event", command, id_bytes(id_))
            assert await self.submissions.accept(new) == id_
        return ids

    async def answered(self, ids: list[str]) -> list[Standing]:
        """How they stand when none is pending any more."""
        async with asyncio.timeout(ANSWERED_TIMEOUT_S):
            while Standing.PENDING in (found := await self._standings(ids)):  # noqa: ASYNC110 - rows tell it
                await asyncio.sleep(0.001)
        return found

    async def _standings(self, ids: list[str]) -> list[Standing]:
        found = [await self.submissions.find(id_) for id_ in ids]
        return [one.standing for one in found if one is not None]


async def turns(number: int = 50) -> None:
    """Let everything run that can."""
    for _ in range(number):
        await asyncio.sleep(0)


@asynccontextmanager
async def at_work(limits: SubmitterLimits) -> AsyncIterator[Stage]:
    stage = Stage(limits)
    await stage.open()
    running = asyncio.create_task(stage.submitter.run())
    await turns()
    yield stage
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_accepted_wakes_it_and_is_put_in_that_order() -> None:
    async with at_work(SubmitterLimits(poll_s=NEVER_S)) as stage:
        ids = await stage.accept(20)
        assert await stage.answered(ids) == [Standing.DONE] * 20
        assert stage.gateway.asked == ids


async def test_no_more_are_under_way_than_its_bound_and_the_rest_follow() -> None:
    async with at_work(SubmitterLimits(under_way_max_commands=3, poll_s=NEVER_S)) as stage:
        stage.gateway.answers.clear()
        ids = await stage.accept(10)
        await turns()
        assert stage.gateway.asked == ids[:3]
        stage.gateway.answers.set()
        assert await stage.answered(ids) == [Standing.DONE] * 10
        assert stage.gateway.asked == ids


async def test_what_others_have_left_behind_is_found_without_being_woken() -> None:
    async with at_work(SubmitterLimits(poll_s=0.01)) as stage:
        stage.submissions.on_accepted = lambda: None
        ids = await stage.accept(3)
        assert await stage.answered(ids) == [Standing.DONE] * 3


async def test_a_store_that_fails_is_asked_again() -> None:
    async with at_work(SubmitterLimits(poll_s=0.01)) as stage:
        stage.submissions.takes_fail = 3
        ids = await stage.accept(3)
        assert await stage.answered(ids) == [Standing.DONE] * 3


async def test_an_answer_that_could_not_be_written_is_found_on_record_after_the_lease() -> None:
    async with at_work(SubmitterLimits(poll_s=0.01)) as stage:
        stage.submissions.settles_fail = 1
        (id_,) = await stage.accept(1)
        while stage.submissions.settles_fail:  # noqa: ASYNC110 - it is told by a count
            await asyncio.sleep(0.001)
        stage.submissions.end_leases()
        assert await stage.answered([id_]) == [Standing.DONE]
        assert stage.gateway.asked == [id_, id_]
        assert len(stage.gateway.inventories[stage.event_id].state.reservations) == 1


async def test_what_became_of_them_is_counted() -> None:
    async with at_work(SubmitterLimits(poll_s=NEVER_S)) as stage:
        await stage.answered(await stage.accept(4))
        await stage.submitter.settled()
        counters, _, observed = stage.meter.drain()
        assert counters["submissions_answered", (("outcome", "done"),)] == 4
        assert observed["submission_waited_ms"] == [0, 0, 0, 0]
