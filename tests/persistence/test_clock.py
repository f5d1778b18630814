"""Store time as a process knows it: anchored, never falling, and honest about how wrong it may be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from persistence import clock as clock_module
from persistence.clock import DRIFT_MAX_PPM, StoreClock
from persistence.store import OutcomeUnknown
from tests.persistence.worlds import PostgresWorld

START_MS = 1_800_000_000_000


class Times:
    """Two clocks set by hand: the store's, and this process's own."""

    def __init__(self) -> None:
        self.store_ms = float(START_MS)
        self.local_s = 50.0
        self.there_ms = 0.2
        self.back_ms = 0.2
        self.fails = False

    def pass_ms(self, ms: float, store_ms: float | None = None) -> None:
        self.local_s += ms / 1000
        self.store_ms += ms if store_ms is None else store_ms

    async def ask(self) -> int:
        if self.fails:
            raise OutcomeUnknown("down")
        self.pass_ms(self.there_ms)
        answer = int(self.store_ms)
        self.pass_ms(self.back_ms)
        return answer

    def clock(self, skew_max_ms: float = 500) -> StoreClock:
        return StoreClock(self.ask, skew_max_ms, lambda: self.local_s)


async def test_it_shows_store_time_and_follows_it_without_asking() -> None:
    times = Times()
    clock = times.clock()
    await clock.anchor()
    times.pass_ms(12_345)
    times.fails = True
    assert abs(clock.now_ms() - times.store_ms) <= 2
    assert clock.trusted


async def test_before_its_first_anchor_it_shows_nothing_and_is_not_trusted() -> None:
    clock = Times().clock()
    assert not clock.trusted
    with pytest.raises(RuntimeError):
        clock.now_ms()


@pytest.mark.parametrize(("there_ms", "back_ms"), [(100, 0), (0, 100), (50, 50)])
async def test_a_slow_answer_is_wrong_by_half_of_its_way_at_most_and_says_so(
    there_ms: float, back_ms: float
) -> None:
    times = Times()
    times.there_ms, times.back_ms = there_ms, back_ms
    clock = times.clock()
    await clock.anchor()
    assert abs(clock.now_ms() - times.store_ms) <= clock.error_ms
    assert 50 <= clock.error_ms <= 52
    assert clock.trusted
    assert not StoreClock(times.ask, 49, lambda: times.local_s).trusted


async def test_it_never_falls_and_stands_still_until_the_store_has_caught_up() -> None:
    times = Times()
    clock = times.clock(skew_max_ms=10_000)
    await clock.anchor()
    shown = [clock.now_ms()]
    times.store_ms -= 3_000
    await clock.anchor()
    for _ in range(8):
        times.pass_ms(500)
        shown.append(clock.now_ms())
    assert shown == sorted(shown)
    assert shown[1] == shown[0]
    assert abs(shown[-1] - times.store_ms) <= 2


async def test_a_clock_that_runs_wrong_is_found_out_and_must_first_run_right_again() -> None:
    times = Times()
    clock = times.clock()
    await clock.anchor()
    times.pass_ms(20_000, store_ms=20_600)
    await clock.anchor()
    assert clock.found_skew_ms > 590
    assert abs(clock.now_ms() - times.store_ms) <= 2
    assert not clock.trusted
    times.pass_ms(1_000)
    await clock.anchor()
    assert clock.trusted


async def test_standing_still_for_too_long_is_not_trusted() -> None:
    times = Times()
    clock = times.clock()
    await clock.anchor()
    clock.now_ms()
    times.store_ms -= 3_000
    await clock.anchor()
    await clock.anchor()
    clock.now_ms()
    assert not clock.trusted
    times.pass_ms(2_700)
    clock.now_ms()
    assert clock.trusted


async def test_unanchored_for_long_it_trusts_itself_no_more() -> None:
    times = Times()
    clock = times.clock()
    await clock.anchor()
    times.pass_ms(500e6 / DRIFT_MAX_PPM - 60_000)
    assert clock.trusted
    times.pass_ms(60_000)
    assert not clock.trusted


async def test_a_worse_anchor_does_not_replace_a_better_one() -> None:
    times = Times()
    clock = times.clock()
    await clock.anchor()
    before_ms = clock.error_ms
    times.there_ms = times.back_ms = 100
    await clock.anchor()
    assert clock.error_ms < before_ms + 1


async def test_it_is_anchored_again_by_itself_and_outlives_a_store_that_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_module, "ANCHOR_EVERY_S", 0.01)
    times = Times()
    clock = times.clock()
    await clock.start()
    times.fails = True
    await asyncio.sleep(0.05)
    times.fails = False
    times.pass_ms(1_000, store_ms=1_100)
    await _until(lambda: abs(clock.now_ms() - times.store_ms) <= 2)
    await clock.stop()
    times.pass_ms(1_000, store_ms=1_100)
    await asyncio.sleep(0.05)
    assert abs(clock.now_ms() - times.store_ms) > 90


async def test_one_that_is_barely_trusted_is_anchored_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a long pause it would drift out of what is trusted, and stay there until the pause is over."""
    monkeypatch.setattr(clock_module, "ANCHOR_AGAIN_S", 0.01)
    times = Times()
    times.there_ms = times.back_ms = 490
    clock = times.clock()
    await clock.start()
    assert clock.trusted
    assert clock.error_ms > 480
    times.there_ms = times.back_ms = 0.2
    await _until(lambda: clock.error_ms < 10)
    await clock.stop()


async def test_processes_agree_on_the_time_of_postgresql(postgres: PostgresWorld) -> None:
    clocks = []
    asks: list[Callable[[], Awaitable[int]]] = [postgres.store().now_ms, postgres.directory().now_ms]
    for ask in asks:
        clock = StoreClock(ask, 500)
        await clock.start()
        clocks.append(clock)
    first, second = clocks
    assert abs(first.now_ms() - second.now_ms()) <= first.error_ms + second.error_ms + 1
    assert abs(first.now_ms() - await asks[0]()) <= first.error_ms + 1_000
    assert first.error_ms < 500
    for clock in clocks:
        await clock.stop()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what changes it has no event
            await asyncio.sleep(0.005)
