"""A scenario without chance: the test says what is asked, and what befalls whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from actors.gateway import GatewayLimits, Key
from actors.owner import OwnerLimits
from domain.event_messages import (
    CreateEvent,
    EventReply,
    PlaceHold,
    Terms,
    TicketType,
)
from domain.kinds import Command, Reply
from domain.messages import Code, Rejected
from tests.simulation.checker import violations
from tests.simulation.cluster import Incarnation
from tests.simulation.world import EPOCH_MS, Parts, World

HOLD_S = 10
Course = Callable[["Stage"], Awaitable[None]]


class Stage(World):
    """Front ends, a timer, and what the course makes of them. Nothing is late or lost by itself."""

    def __init__(self, course: Course, parts: Parts | None = None, seed: int = 0, **limits: Any) -> None:
        self._limits = limits
        self._play = course
        super().__init__(seed, parts)
        self._timer_parts = 1

    def _draw_kinds(self, rng: Random) -> frozenset[str]:
        return frozenset()

    def _draw_limits(self, rng: Random) -> None:
        owner = {name: value for name, value in self._limits.items() if hasattr(OwnerLimits, name)}
        gateway = {name: value for name, value in self._limits.items() if hasattr(GatewayLimits, name)}
        self.owner_limits = replace(OwnerLimits(), **owner)
        self.gateway_limits = replace(GatewayLimits(), **gateway)

    async def _course(self) -> None:
        await self._begin()
        await self._play(self)
        await asyncio.sleep(self._settled_s())

    # --- what a course is made of ---------------------------------------------------------------------

    async def event(self, owner: str = "pool:0", quota: int = 5, **terms: Any) -> str:
        """A new event; its id."""
        plain = Terms("A show", EPOCH_MS + 3_600_000, "EUR", (TicketType("std", "Standard", quota, 10),))
        command = CreateEvent(self.new_id(), replace_terms(plain, **{"hold_duration_s": HOLD_S} | terms))
        attempt, task = self.fronts[0].create("test", command, owner, None)
        await asyncio.wait((task,))
        assert isinstance(attempt.reply, EventReply), attempt.reply
        self.event_ids.append(attempt.reply.id)
        return attempt.reply.id

    async def ask(self, event_id: str, command: Command, key: Key | None = None, front: int = 0) -> Reply:
        reply = await self.begin(event_id, command, key, front)
        assert reply is not None
        return reply

    def begin(
        self, event_id: str, command: Command, key: Key | None = None, front: int = 0
    ) -> asyncio.Task[Reply | None]:
        """Ask without waiting."""
        attempt, task = self.fronts[front].ask("test", event_id, command, key)

        async def reply() -> Reply | None:
            await asyncio.wait((task,))
            return attempt.reply

        return asyncio.create_task(reply())

    def one(self, quantity: int = 1) -> PlaceHold:
        """A hold of so many, under an id of its own."""
        return PlaceHold(self.new_id(), (("std", quantity),), b"ada", b"{}")

    def owner(self, name: str = "pool:0") -> Incarnation:
        return self.cluster.names[name]


def replace_terms(terms: Terms, **changes: Any) -> Terms:
    return msgspec.structs.replace(terms, **changes)


def played(course: Course, parts: Parts | None = None, **limits: Any) -> Stage:
    """The stage after the course, found to be without fault."""
    stage = Stage(course, parts, **limits)
    with stage.play():
        assert violations(stage) == []
    return stage


def refusal(reply: object) -> Code | None:
    return reply.code if isinstance(reply, Rejected) else None


def answered(reply: object) -> bool:
    return not isinstance(reply, Rejected)
