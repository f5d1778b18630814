"""The processes around the owners: front ends and timers, each with a gateway and a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.gateway import CREATIONS, Gateway, Key
from actors.meter import Meter
from actors.timers import ExpiryTimer
from domain.event_messages import TypeCounts
from domain.kinds import Command, Creation, Reply
from persistence.store import StoreError
from tests.simulation.clocks import SimClock
from tests.simulation.cluster import SimTransport
from tests.simulation.history import ATTEMPT, Attempt
from tests.simulation.loop import Process
from tests.simulation.wording import brief

if TYPE_CHECKING:
    from tests.simulation.world import World

START_AGAIN_S = 1.0


class Quiet:
    """A publisher that nobody reads."""

    def changed(self, event_id: str, sequence: int, at_ms: int, ticket_types: tuple[TypeCounts, ...]) -> None:
        """Nothing."""


class SimGateway(Gateway):
    """Request ids from a count, and known to whoever asks."""

    def number(self, number: int) -> None:
        self._prefix = number.to_bytes(8)
        self._count = 0

    def _request_id(self) -> bytes:
        self._count += 1
        return self._prefix + self._count.to_bytes(8)

    def _envelope(self, *parts):  # type: ignore[no-untyped-def]
        ask = super()._envelope(*parts)
        attempt = ATTEMPT.get()
        if attempt is not None:
            attempt.request_id = ask.request_id
        return ask


class Front:
    """A front end's process: a gateway, and the handlers that wait for it."""

    def __init__(self, world: World, number: int) -> None:
        self.process = Process(f"front{number}", world.loop)
        self._world = world
        session = world.new_session(self.process.name)
        self.clock = world.clocks.new(session, self.process.name)
        transport = SimTransport(world.cluster, self.process)
        self.gateway = SimGateway(transport, session, self.clock, world.gateway_limits, Meter())
        self.gateway.number(number)
        self.started = self.process.spawn(_until_started(self.clock))
        """Done when it can be asked."""

    def ask(
        self, client: str, event_id: str, command: Command, key: Key | None
    ) -> tuple[Attempt, asyncio.Task[None]]:
        attempt = self._attempt(client, event_id, command, key, "")
        return attempt, self.process.spawn(
            self._carry(attempt, lambda: self.gateway.ask(event_id, command, key))
        )

    def create(
        self, client: str, command: Creation, owner: str, key: Key | None
    ) -> tuple[Attempt, asyncio.Task[None]]:
        attempt = self._attempt(client, command.id, command, key, CREATIONS)
        return attempt, self.process.spawn(
            self._carry(attempt, lambda: self.gateway.create(command, owner, key))
        )

    def _attempt(self, client: str, event_id: str, command: Command, key: Key | None, scope: str) -> Attempt:
        attempts, now_s = self._world.history.attempts, self._world.loop.now_s
        attempt = Attempt(len(attempts), client, self.process.name, event_id, command, key, scope, now_s)
        attempts.append(attempt)
        self._world.note(f"#{attempt.number} {client} asks {self.process}: {brief(command)}")
        return attempt

    async def _carry(self, attempt: Attempt, ask: Callable[[], object]) -> None:
        ATTEMPT.set(attempt)
        reply: Reply = await ask()  # type: ignore[misc]
        self._world.told(attempt, reply)


def timer_name(part: int) -> str:
    return f"timer:{part}"


class SimTimer:
    """An expiry timer's process, with a gateway of its own."""

    def __init__(self, world: World, part: int, parts: int, number: int) -> None:
        self.process = Process(timer_name(part), world.loop)
        session = world.new_session(self.process.name)
        self.clock = clock = world.clocks.new(session, self.process.name)
        transport, meter = SimTransport(world.cluster, self.process), Meter()
        gateway = SimGateway(transport, session, clock, world.gateway_limits, meter)
        gateway.number(number)
        self._timer = ExpiryTimer(part, parts, session, gateway, clock, meter)
        self.process.spawn(self._run())

    async def _run(self) -> None:
        await _until_started(self.clock)
        await self._timer.run()


async def _until_started(clock: SimClock) -> None:
    """As an actor of `actors.processes` does it."""
    while True:
        try:
            await clock.start()
        except StoreError:
            await asyncio.sleep(START_AGAIN_S)
        else:
            return
