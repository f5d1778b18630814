"""Ray, simulated: owners made by name when they are called, calls that go astray, deaths heard of late.

An incarnation is one process of an owner. A transport keeps the incarnation it found until a call to it
fails, as a handle does; so with a split brain some gateways go on with the old one while others make a new.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actors.owner import InventoryOwner
from actors.processes import Process as ProcessId
from actors.watchdog import Health
from actors.wire import CallFailed
from tests.simulation.calls import SimCall
from tests.simulation.guard import Guard, asked
from tests.simulation.loop import Process
from tests.simulation.store import SimStore

if TYPE_CHECKING:
    from tests.simulation.world import World

TIDY_S = 1.0
INVENTORIES_MAX = 100
LEAVE_GRACE_S = 0.2
NOTICES_S = (0.02, 0.3, 1.0)
"""How long it may take until a caller hears that an owner has died."""


class Incarnation:
    """An owner in a process of its own, from its start to its end; as `actors.processes.OwnerActor`."""

    def __init__(self, world: World, name: str, number: int, start_s: float) -> None:
        loop = world.loop
        self.name = name
        self.number = number
        self.process = Process(f"{name}#{number}", loop)
        self.ready_s = loop.now_s + start_s
        self.calls: dict[asyncio.Future[bytes], SimCall] = {}
        """By the answers that are awaited."""
        self.session = SimStore(world, name)
        self.clock = world.clocks.new(self.session, name)
        self.owner: InventoryOwner | None = None
        """As soon as its clock is right."""
        self._world = world
        self._starting: asyncio.Task[InventoryOwner] | None = None
        self.id: ProcessId = ("node", number, self.ready_s)
        world.outages.note(name, loop.now_s, self.ready_s)
        self.process.later(start_s, self._begin)

    def __repr__(self) -> str:
        return f"{self.name}#{self.number}"

    async def handle(self, payload: bytes) -> bytes:
        received_s = self._world.loop.now_s
        owner = self.owner or await self._started()
        answers = await owner.handle(payload)
        self._world.answered(self, received_s, payload, answers)
        return answers

    async def health(self) -> dict[str, object]:
        return {"process": self.id} | (self.owner.health() if self.owner else {"starting": True})

    async def make_room(self) -> None:
        if self.owner:
            self.owner.leave("newer code is here")
        else:
            self._leave()

    def _begin(self) -> None:
        self._world.cluster.guard.born(self.name, self.id)
        self._starting = self.process.spawn(self._start())

    async def _started(self) -> InventoryOwner:
        if self._starting is None or (self._starting.done() and self._starting.exception()):
            self._starting = self.process.spawn(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> InventoryOwner:
        await self.clock.start()
        self.owner = self._world.new_owner(self.name, self.session, self.clock, self._leave)
        self.process.spawn(self.owner.run())
        self.process.spawn(self._tidy(self.owner))
        return self.owner

    async def _tidy(self, owner: InventoryOwner) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            before = owner.inventories(INVENTORIES_MAX)
            owner.tidy()
            self._world.resting.update(set(before).difference(owner.inventories(INVENTORIES_MAX)))

    def _leave(self) -> None:
        self._world.note(f"{self} leaves")
        now_s = self._world.loop.now_s
        self._world.outages.note(self.name, now_s, now_s + LEAVE_GRACE_S)
        self.process.later(LEAVE_GRACE_S, self.process.kill)


class Cluster:
    """The living incarnations by name, and the network between them and the gateways."""

    def __init__(self, world: World) -> None:
        self.names: dict[str, Incarnation] = {}
        self.born: list[Incarnation] = []
        self.transports: list[SimTransport] = []
        self.network = Process("network", world.loop)
        self._world = world
        self._rng = world.rng("cluster")
        self.guard = Guard(self, Process("watchdog", world.loop), self.network)

    def find(self, name: str) -> Incarnation:
        """The incarnation of that name; made if there is none."""
        found = self.names.get(name)
        if found is None:
            number = sum(born.name == name for born in self.born) + 1
            found = Incarnation(self._world, name, number, self._rng.uniform(0.05, 0.5))
            found.process.deaths.append(lambda: self._died(found))
            self.names[name] = found
            self.born.append(found)
            self._world.note(f"{found} is born")
        return found

    def split(self, name: str) -> None:
        """Cut the incarnation off: its name is free for another one, though some may still reach it."""
        self.names.pop(name, None)

    def send(self, incarnation: Incarnation, payload: bytes, caller: str) -> asyncio.Future[bytes]:
        call = SimCall(self._world, self.network, caller, incarnation, payload)
        incarnation.calls[call.reply] = call
        return call.send()

    def notice_s(self, died_s: float) -> float:
        """How long it takes to hear of a death; of one that is past for so long everybody has heard."""
        drawn_s = self._rng.choice(NOTICES_S)
        return drawn_s if self._world.loop.now_s < died_s + max(NOTICES_S) else 0.0

    def _died(self, incarnation: Incarnation) -> None:
        self._world.note(f"{incarnation} has died")
        if self.names.get(incarnation.name) is incarnation:
            del self.names[incarnation.name]
        for call in incarnation.calls.values():
            call.fail(self.notice_s(incarnation.process.died_s), "died")

    # --- the watchdog, and what it can reach: `actors.processes.Host` -----------------------------------

    def keep_guarded(self) -> None:
        """A watchdog, if there is none."""
        if not self.guard.process.alive:
            self.guard = Guard(self, Process("watchdog", self._world.loop), self.network)

    async def owner_names(self) -> list[str]:
        return sorted(self.names)

    async def locate(self, owner: str) -> Health:
        incarnation = self.names.get(owner)
        if incarnation is None:
            raise LookupError(owner)

        async def health() -> dict[str, object]:
            answer = asyncio.get_running_loop().create_future()
            return dict(await asked(incarnation.process, incarnation.health(), self.network, answer))

        return health

    async def kill(self, owner: str, process: ProcessId | None) -> None:
        """By its process only: no owner takes so long to be made that the watchdog gives up on knowing it."""
        for incarnation in self.born:
            if incarnation.name == owner and incarnation.id == process and incarnation.process.alive:
                self._world.note(f"watchdog ends {incarnation}")
                incarnation.process.kill()


class SimTransport:
    """A gateway's way into the cluster: `actors.gateway.Transport`."""

    def __init__(self, cluster: Cluster, process: Process) -> None:
        self.process = process
        self.handles: dict[str, Incarnation] = {}
        self._cluster = cluster
        cluster.transports.append(self)

    async def call(self, owner: str, payload: bytes) -> bytes:
        incarnation = self.handles.get(owner)
        if incarnation is None:
            incarnation = self.handles[owner] = self._cluster.find(owner)
        reply = self._cluster.send(incarnation, payload, self.process.name)
        try:
            return await reply
        except CallFailed:
            self.handles.pop(owner, None)
            raise
        finally:
            incarnation.calls.pop(reply, None)

    async def check(self, owner: str) -> None:
        await self._cluster.guard.check(owner)

    async def reachable(self) -> None:
        return None

    async def owners(self) -> list[dict[str, object]]:
        return [await incarnation.health() for incarnation in self._cluster.names.values()]
