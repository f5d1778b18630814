"""What befalls whole processes, the database and the placement, at times that the seed chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from persistence.store import StoreError
from tests.simulation.clocks import RATE_OFF, RATE_OFF_MAX_S, STEP_MAX_S
from tests.simulation.loop import Process
from tests.simulation.outages import STORE, Outage

if TYPE_CHECKING:
    from tests.simulation.cluster import Incarnation
    from tests.simulation.world import World


class Nemesis:
    """One troublemaker for each kind of trouble the scenario has."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng("nemesis")
        self._process = Process("nemesis", world.loop)
        self._outages: list[Outage] = []
        self._store = world.new_session("nemesis")

    def start(self) -> None:
        kinds: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "kills": self._kill,
            "frozen": self._freeze,
            "split brain": self._split,
            "moves": self._move,
            "poison": self._poison,
            "lost timers": self._lose_timer,
            "outage": self._cut_database,
            "clocks": self._spoil_clock,
            "store clock": self._step_store_clock,
            "watchdog": self._strike_watchdog,
            "front ends": self._strike_front,
            "new code": self._make_leave,
        }
        for kind, strike in kinds.items():
            if self._world.weather.has(kind):
                self._process.spawn(self._again_and_again(kind, strike))

    def stop(self) -> None:
        """Everything is whole again; what was cut off stays alive, but nobody reaches it any more."""
        self._process.kill()
        world = self._world
        world.weather.calm()
        world.database.poisoned.clear()
        for born in world.cluster.born:
            born.process.fuse = -1
            born.process.thaw()
            born.clock.ticks.run(0.0)
        for transport in world.cluster.transports:
            transport.handles = {
                name: found
                for name, found in transport.handles.items()
                if world.cluster.names.get(name) is found
            }
        for outage in self._outages:
            outage.over(world.loop.now_s)
        for part in (world.cluster.guard, *world.fronts, *world.timers.values()):
            part.process.thaw()
        for timer in world.timers.values():
            timer.clock.ticks.run(0.0)
        world.cluster.keep_guarded()
        world.start_timers()

    async def _again_and_again(self, kind: str, strike: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(self._rng.uniform(0.1, 5.0))
            self._world.note(f"strikes: {kind}")
            await strike()

    def _strike(self, part: str, for_s: float) -> Outage:
        """That part is about to be away for so long, or until all is calm."""
        now_s = self._world.loop.now_s
        self._outages.append(self._world.outages.note(part, now_s, now_s + for_s))
        return self._outages[-1]

    def _victim(self) -> Incarnation | None:
        living = self._living()
        return self._rng.choice(living) if living else None

    def _living(self) -> list[Incarnation]:
        return [born for born in self._world.cluster.born if born.process.alive]

    async def _kill(self) -> None:
        """At once, or after some more of its steps: so at any await of a batch."""
        victim = self._victim()
        if victim is None:
            return
        if self._rng.random() < 0.3:
            victim.process.kill()
        else:
            victim.process.fuse = self._rng.randint(1, 40)

    async def _freeze(self) -> None:
        victim = self._victim()
        if victim is None:
            return
        frozen_s = self._rng.choice((0.2, 1.0, 4.0, 8.0))
        outage = self._strike(victim.name, frozen_s)
        victim.process.deaths.append(lambda: outage.over(self._world.loop.now_s))
        victim.process.freeze()
        await asyncio.sleep(frozen_s)
        victim.process.thaw()

    async def _split(self) -> None:
        """Two incarnations of one name: some gateways go on with the old one."""
        world = self._world
        if not world.cluster.names:
            return
        name = self._rng.choice(list(world.cluster.names))
        old = world.cluster.names[name]
        world.cluster.split(name)
        for transport in world.cluster.transports:
            if self._rng.random() < 0.6:
                transport.handles.pop(name, None)
        await asyncio.sleep(self._rng.uniform(0.2, 4.0))
        if self._rng.random() < 0.5:
            old.process.kill()

    async def _make_leave(self) -> None:
        """As when newer code says hello."""
        victim = self._victim()
        if victim is not None:
            victim.process.spawn(victim.make_room())

    async def _move(self) -> None:
        inventory_id = self._rng.choice(self._world.inventory_ids)
        owner = self._rng.choice(("pool:0", "pool:1", f"event:{inventory_id}"))
        try:
            await self._store.place(inventory_id, owner)
        except StoreError:
            return

    async def _poison(self) -> None:
        inventory_id = self._rng.choice(self._world.inventory_ids)
        poisoned_s = self._rng.uniform(0.1, 3.0)
        self._strike(inventory_id, poisoned_s)
        self._world.database.poisoned.add(inventory_id)
        await asyncio.sleep(poisoned_s)
        self._world.database.poisoned.discard(inventory_id)

    async def _lose_timer(self) -> None:
        timer, lost_s = self._rng.choice(list(self._world.timers.values())), self._rng.uniform(0.5, 6.0)
        self._strike(timer.process.name, lost_s)
        if self._rng.random() < 0.3:
            timer.process.freeze()
            await asyncio.sleep(lost_s)
            timer.process.thaw()
        else:
            timer.process.kill()
            await asyncio.sleep(lost_s)
            self._world.timer_is_back()

    async def _cut_database(self) -> None:
        down_s = self._rng.uniform(0.05, 2.5)
        self._strike(STORE, down_s)
        self._world.weather.outage = True
        await asyncio.sleep(down_s)
        self._world.weather.outage = False

    async def _spoil_clock(self) -> None:
        """It runs too fast or too slow for a while, and nobody tells its process."""
        clocks = [part.clock for part in (*self._world.timers.values(), *self._living())]
        sound = [clock for clock in clocks if not clock.went_wrong]
        if not sound:
            return
        clock = self._rng.choice(sound)
        clock.went_wrong = True
        clock.ticks.run(self._rng.choice((-RATE_OFF, RATE_OFF)))
        await asyncio.sleep(self._rng.uniform(1.0, RATE_OFF_MAX_S))
        clock.ticks.run(0.0)

    async def _step_store_clock(self) -> None:
        """Forward or back; all processes have to find out by themselves."""
        self._world.clocks.step_s = self._rng.choice((0.0, self._rng.uniform(-STEP_MAX_S, STEP_MAX_S)))

    async def _strike_watchdog(self) -> None:
        cluster, away_s = self._world.cluster, self._rng.uniform(0.5, 6.0)
        guard = cluster.guard
        if self._rng.random() < 0.5:
            guard.process.freeze()
            await asyncio.sleep(away_s)
            guard.process.thaw()
        else:
            guard.process.kill()
            await asyncio.sleep(away_s)
            cluster.keep_guarded()

    async def _strike_front(self) -> None:
        """It is frozen, or dies with all that it was asked; its clients hear nothing, and go elsewhere."""
        world, away_s = self._world, self._rng.uniform(0.2, 4.0)
        if len(world.fronts) < 2:
            return
        front = self._rng.choice(world.fronts)
        if self._rng.random() < 0.3:
            self._strike(front.process.name, away_s)
            front.process.freeze()
            await asyncio.sleep(away_s)
            front.process.thaw()
        else:
            world.lose(front)
            await asyncio.sleep(away_s)
            await world.open_front()
