"""The virtual loop itself: order within a process, processes that die and freeze, time that jumps."""

import asyncio
from random import Random

import pytest

from tests.simulation.loop import Process, Stalled, VirtualLoop


@pytest.fixture
def loop():
    made = VirtualLoop(Random(1))
    yield made
    made.finish()


def play(loop: VirtualLoop, main) -> None:
    loop.run_until_complete(loop.main.spawn(main()))


def test_an_hour_passes_at_once(loop: VirtualLoop) -> None:
    async def main() -> None:
        await asyncio.sleep(3_600)

    play(loop, main)
    assert loop.time() == 3_600
    assert loop.steps < 10


def test_callbacks_of_one_process_run_in_the_order_they_were_set(loop: VirtualLoop) -> None:
    seen: list[int] = []

    async def main() -> None:
        for number in range(50):
            asyncio.get_running_loop().call_soon(seen.append, number)
        await asyncio.sleep(0)

    play(loop, main)
    assert seen == list(range(50))


def order_of_two(seed: int) -> str:
    loop = VirtualLoop(Random(seed))
    seen: list[str] = []

    async def work(name: str) -> None:
        for _ in range(10):
            seen.append(name)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(Process(name, loop).spawn(work(name)) for name in "ab"))

    play(loop, main)
    loop.finish()
    return "".join(seen)


def test_processes_take_turns_as_the_seed_says() -> None:
    assert order_of_two(1) == order_of_two(1)
    assert len({order_of_two(seed) for seed in range(20)}) > 10


def test_a_killed_process_stops_between_two_steps_and_runs_no_finally(loop: VirtualLoop) -> None:
    seen: list[str] = []

    async def victim() -> None:
        try:
            for number in range(10):
                seen.append(str(number))
                await asyncio.sleep(1)
        finally:
            seen.append("finally")

    async def main() -> None:
        process = Process("victim", loop)
        process.spawn(victim())
        process.fuse = 5
        await asyncio.sleep(20)
        assert not process.alive

    play(loop, main)
    assert seen[:3] == ["0", "1", "2"]
    assert "finally" not in seen


def test_a_frozen_process_goes_on_where_it_stood(loop: VirtualLoop) -> None:
    seen: list[float] = []

    async def sleeper() -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            seen.append(loop.time())

    async def main() -> None:
        process = Process("sleeper", loop)
        task = process.spawn(sleeper())
        await asyncio.sleep(1.5)
        process.freeze()
        await asyncio.sleep(8.5)
        process.thaw()
        await asyncio.wait((task,))

    play(loop, main)
    assert seen == [1, 10, 11]


def test_waiting_for_what_nobody_will_do_is_noticed(loop: VirtualLoop) -> None:
    async def main() -> None:
        await loop.create_future()

    with pytest.raises(Stalled):
        play(loop, main)


def test_going_round_in_circles_is_noticed(loop: VirtualLoop) -> None:
    async def main() -> None:
        loop.call_soon(again)
        await asyncio.sleep(1)

    def again() -> None:
        loop.call_soon(again)

    with pytest.raises(Stalled):
        play(loop, main)


def test_an_exception_that_nobody_catches_is_kept(loop: VirtualLoop) -> None:
    async def main() -> None:
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    play(loop, main)
    assert "ZeroDivisionError" in loop.wrong[0]
