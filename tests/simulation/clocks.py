"""The clocks of a scenario: the store's, which may step, and each process's own, which may run fast or slow.

A process knows store time by `persistence.clock.StoreClock`, as in earnest: nobody tells it that it is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from persistence.clock import ANCHOR_EVERY_S, DRIFT_MAX_PPM, StoreClock

if TYPE_CHECKING:
    from tests.simulation.loop import VirtualLoop
    from tests.simulation.store import SimStore
    from tests.simulation.world import World

SKEW_MAX_MS = 200
"""A process that may be further from store time owns nothing."""
SURE_S = 0.01
"""How well a process knows store time where nothing is slow."""
STEP_MAX_S = 2.0
"""How far the store's clock may step away from true time."""
RATE_OFF = 0.1
RATE_OFF_MAX_S = 4.0
"""For so long a process's clock may run so much too fast or too slow, once."""
WRONG_ANCHOR_EVERY_S = 8.0
"""Where clocks go wrong: so that they are found out within a scenario."""
CAUGHT_UP_S = STEP_MAX_S + 0.5
"""So long after it was found wrong a clock is right again: it stands still, and is asked once more."""
FAULTS = {"clocks", "store clock"}
BLURRED = {"slow clock answers", "frozen", "slow statements"}
"""With these the way to the store's clock may take long."""


class Clocks:
    """All of them."""

    def __init__(self, world: World) -> None:
        self.step_s = 0.0
        """By how much the store's clock is ahead of true time."""
        self._world = world
        self._rng = world.rng("clocks")
        kinds = world.weather.kinds
        self.anchor_every_s = WRONG_ANCHOR_EVERY_S if kinds & FAULTS else ANCHOR_EVERY_S
        self.skew_s = SKEW_MAX_MS / 1000 if kinds & BLURRED else SURE_S
        """How far a process that works may be from true time."""
        self.skew_s += RATE_OFF * RATE_OFF_MAX_S if "clocks" in kinds else 0.0
        self.skew_s += STEP_MAX_S if "store clock" in kinds else 0.0
        self.settled_s = self.anchor_every_s + CAUGHT_UP_S if kinds & FAULTS else 0.0
        """So long after the last fault all of them are right."""

    def store_ms(self) -> int:
        return self._world.ms(self._world.loop.now_s + self.step_s)

    def new(self, session: SimStore, whose: str) -> SimClock:
        drift_ppm = self._rng.uniform(-DRIFT_MAX_PPM, DRIFT_MAX_PPM)
        ticks = Ticks(self._world.loop, self._rng.uniform(0.0, 1e5), drift_ppm)
        return SimClock(self._world, session, whose, ticks)


class Ticks:
    """A process's monotonic clock."""

    def __init__(self, loop: VirtualLoop, shows_s: float, drift_ppm: float) -> None:
        self._loop = loop
        self._shows_s = shows_s
        self._at_s = loop.now_s
        self._sound_rate = self._rate = 1 + drift_ppm / 1e6

    def now_s(self) -> float:
        return self._shows_s + (self._loop.now_s - self._at_s) * self._rate

    def run(self, rate_off: float) -> None:
        """So much too fast, or too slow, from now on."""
        self._shows_s, self._at_s = self.now_s(), self._loop.now_s
        self._rate = self._sound_rate + rate_off

    def jump(self, by_s: float) -> None:
        self._shows_s += by_s


class SimClock(StoreClock):
    """Store time as one process knows it. That it was found wrong is an outage of that process."""

    def __init__(self, world: World, session: SimStore, whose: str, ticks: Ticks) -> None:
        super().__init__(session.now_ms, SKEW_MAX_MS, ticks.now_s)
        self.ticks = ticks
        self.went_wrong = False
        """Once is enough: so it is bounded how far off it may be."""
        self._world = world
        self._whose = whose

    async def anchor(self) -> None:
        if self._anchor is not None:
            shows_ms = max(self._latest_ms, self._anchor.at(self._local_ms()))
            off_ms = abs(shows_ms - self._world.clocks.store_ms())
            if off_ms > SKEW_MAX_MS / 2:
                now_s = self._world.loop.now_s
                self._world.note(f"the clock of {self._whose} is {off_ms:.0f} ms off")
                self._world.outages.note(self._whose, now_s, now_s + CAUGHT_UP_S)
        await super().anchor()
