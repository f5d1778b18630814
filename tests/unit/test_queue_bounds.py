"""The queues before a decision: of what is asked together, for the directory, a gateway's outbox, an owner's
mailbox. Each takes as many as its bound says, and refuses one more at once."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import Sequence

import pytest

from actors.gateway import CREATOR, NO_EVENT, Gateway, GatewayLimits
from actors.meter import Meter
from actors.owner import InventoryOwner, OwnerLimits
from actors.wire import OVERLOADED, Ask, Batch, pack_batch, unpack_answers
from domain.event_messages import CreateEvent, ResumeSale, TypeCounts
from domain.kinds import Reply
from persistence import directory, gathering
from persistence.memory import MemoryDatabase
from persistence.store import Overloaded, Unreachable
from tests.unit.sale import event_terms

BOUND = 3
PATIENCE_S = 10.0
"""Refusing takes no time; what is not refused would wait for ever."""


class RealTime:
    """This process's own clock is the store's."""

    trusted = True

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class Silent:
    """A way to an owner that never answers."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    async def call(self, owner: str, payload: bytes) -> bytes:
        self.called.set()
        await asyncio.Future[None]()
        raise AssertionError("it never answers")

    async def check(self, owner: str) -> None:
        """Nobody looks."""

    async def owners(self) -> list[dict[str, object]]:
        return []

    async def reachable(self) -> None:
        return None


class Nobody:
    """Has no copies."""

    def changed(self, event_id: str, sequence: int, at_ms: int, ticket_types: tuple[TypeCounts, ...]) -> None:
        """Thrown away."""


async def test_a_directory_lets_as_many_wait_as_its_bound_says_and_refuses_one_more_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PostgreSQL is frozen: it takes connections, and says nothing."""
    monkeypatch.setattr(directory, "WAITING_MAX_STATEMENTS", BOUND)
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        port = frozen.getsockname()[1]
        asked = directory.PostgresDirectory(f"postgresql://nobody@127.0.0.1:{port}/none", connections_max=1)
        waiting = [asyncio.create_task(asked.owner_of(str(uuid.uuid4()))) for _ in range(1 + BOUND)]
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Overloaded):
                await asked.owner_of(str(uuid.uuid4()))
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


class Slow:
    """Answers, or says that it could not, when it is told to go on."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.goes_on = asyncio.Event()

    async def carry(self, wanted: Sequence[int]) -> Sequence[int]:
        self.asked += wanted
        await self.goes_on.wait()
        return wanted


async def test_of_what_is_asked_together_as_much_waits_as_the_bound_says_and_one_more_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "WAITING_MAX_QUESTIONS", BOUND)
    slow = Slow()
    asked = gathering.Gathering(slow.carry, 1)
    waiting = [asked.ask(0)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the first one is under way, and waits no more
    waiting += [asked.ask(number) for number in range(1, BOUND + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await asked.ask(BOUND + 1)
    slow.goes_on.set()
    assert await asyncio.gather(*waiting) == list(range(BOUND + 1))


async def test_who_has_waited_too_long_for_its_turn_is_not_asked_for_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow()
    asked = gathering.Gathering(slow.carry, 1)
    waiting = [asked.ask(number) for number in range(BOUND)]
    await asyncio.sleep(0.01)  # the first one is under way
    with monkeypatch.context() as impatient:
        impatient.setattr(gathering, "TURN_TIMEOUT_S", 0.001)
        slow.goes_on.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[0] == 0
    assert [type(answer) for answer in answers[1:]] == [Unreachable] * (BOUND - 1)
    assert slow.asked == [0]
    assert await asked.ask(BOUND) == BOUND


async def test_an_outbox_takes_as_many_as_its_bound_and_refuses_one_more_at_once() -> None:
    clock, wire = RealTime(), Silent()
    limits = GatewayLimits(outbox_max_commands=BOUND, batch_max_commands=1)
    gateway = Gateway(wire, MemoryDatabase(clock.now_ms).session(), clock, limits, Meter())

    def asked() -> asyncio.Task[Reply]:
        return asyncio.create_task(gateway.create(CreateEvent(str(uuid.uuid4()), event_terms()), CREATOR))

    waiting = [asked()]
    await wire.called.wait()  # the first one is under way, and waits no more
    waiting += [asked() for _ in range(BOUND)]
    async with asyncio.timeout(PATIENCE_S):
        assert await asked() == OVERLOADED
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()


async def test_a_mailbox_takes_as_many_as_its_bound_and_refuses_one_more_at_once() -> None:
    clock = RealTime()
    store = MemoryDatabase(clock.now_ms).session()
    limits = OwnerLimits(mailbox_max_commands=BOUND)
    owner = InventoryOwner("pool:0", store, clock, Nobody(), Meter(), lambda: None, limits)

    def batch(number: int, size: int) -> bytes:
        until_ms = clock.now_ms() + 60_000
        asks = (Ask(str(uuid.uuid4()), uuid.uuid4().bytes, until_ms, ResumeSale()) for _ in range(size))
        return pack_batch(Batch(b"gateway.", number, (), tuple(asks), 60_000))

    first = asyncio.create_task(owner.handle(batch(1, BOUND)))
    await asyncio.sleep(0)  # it is in the mailbox, and nobody works yet
    assert owner.health()["depth"] == BOUND
    async with asyncio.timeout(PATIENCE_S):
        assert unpack_answers(await owner.handle(batch(2, 1))) == [OVERLOADED]
    work = asyncio.create_task(owner.run())
    assert unpack_answers(await first) == [NO_EVENT] * BOUND
    work.cancel()
