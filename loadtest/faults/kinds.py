"""The kinds of faults, how each is made, and when the part is back.

An owner is back when an effect on each of its events is acknowledged again; another part, when it has a new
process (the supervisor names it, or for the other actors Ray shows it) and effects on all events are
acknowledged. What a timer is for shows only where nobody asks: after each of its faults holds are placed in
sales that are otherwise left alone (`quiet`), and have to end.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from loadtest.faults.processes import NotOurs, Target, actors, target
from loadtest.faults.quiet import holds_end
from loadtest.faults.stage import Stage, until
from loadtest.record import Fault, now_us

BACK_WITHIN_S = 90.0
STEADY_EFFECTS = 20
"""So many effects on each event before the next strike."""
STEADY_WITHIN_S = 60.0
BETWEEN_STRIKES_S = 2.0
STOPPED_S = 15.0
FIND_ATTEMPTS_MAX = 20
FIND_PAUSE_S = 1.0


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `part`: its name among the supervisor's processes; an actor has none there. `actor`:
    what Ray shows as its process's title; an owner is found by asking for it."""

    name: str
    title: str
    part: str
    signal: signal.Signals
    actor: str = ""
    stops_sales: bool = True
    cuts_connections: bool = False
    delays_ends: bool = False
    gap_max_s: float | None = None
    """The longest time without a success that is accepted."""
    stopped_s: float = 0.0
    """After it the victim is continued."""


KILL, STOP = signal.SIGKILL, signal.SIGSTOP
IMMEDIATE = signal.SIGQUIT
"""What PostgreSQL calls an immediate shutdown."""
KINDS = {
    kind.name: kind
    for kind in (
        Kind("owners", "owner killed", "", KILL, gap_max_s=3.0),
        Kind("postgres", "PostgreSQL stopped at once", "postgres", IMMEDIATE),
        Kind("postgres-kills", "PostgreSQL killed", "postgres", KILL),
        Kind("valkey", "Valkey killed", "valkey", KILL, stops_sales=False),
        Kind("front-ends", "front end killed", "worker-1", KILL, cuts_connections=True),
        Kind(
            "timers",
            "expiry timer killed",
            "",
            KILL,
            actor="TimerActor",
            stops_sales=False,
            delays_ends=True,
        ),
        Kind("watchdog", "watchdog killed", "", KILL, actor="WatchdogActor", stops_sales=False),
        Kind("stops", f"owner stopped for {STOPPED_S:.0f} s", "", STOP, gap_max_s=10.0, stopped_s=STOPPED_S),
    )
}


class Struck(msgspec.Struct):
    """One fault and what it did to sales."""

    kind: str
    what: str
    from_us: int
    back_us: int
    gap_s: float
    """The longest time without an acknowledged effect on the events concerned."""
    note: str = ""


async def strike(stage: Stage, kind: Kind, rng: random.Random) -> Struck:
    """One fault, from the blow to the time when sales are steady again. Raises `TooSlow`, `NotOurs`."""
    before = _actors(stage, kind)
    victim, events, from_us = await _blow(stage, kind, rng)
    note = ""
    if kind.stopped_s:
        await asyncio.sleep(kind.stopped_s)
        note = "ended by the watchdog" if not victim.alive else "was not ended"
        victim.send(signal.SIGCONT)
    if kind.actor:
        what = f"{kind.title}: it runs again"
        await until(lambda: len(_actors(stage, kind)) >= len(before), BACK_WITHIN_S, what)
    back_us = await _until_back(stage, kind, victim, events, from_us)
    await _until_steady(stage, events, back_us)
    excuses = (kind.stops_sales, kind.cuts_connections, kind.delays_ends)
    stage.recorder.write(Fault(kind.title, from_us, back_us, *excuses))
    if kind.delays_ends:
        await holds_end(stage, rng)
    successes = stage.clients.successes
    gap_s = max(longest_gap_s(successes[event], from_us, back_us) for event in events)
    return Struck(kind.name, victim.name, from_us, back_us, gap_s, note)


async def _blow(stage: Stage, kind: Kind, rng: random.Random) -> tuple[Target, list[str], int]:
    """Who was struck, which events feel it, and when. One who has gone by himself meanwhile is no victim."""
    why: Exception = NotOurs("no owner says that it owns one of the sales")
    for _ in range(FIND_ATTEMPTS_MAX):
        try:
            victim, events = await _victim(stage, kind, rng)
            from_us = now_us()
            if victim.send(kind.signal):
                return victim, events, from_us
        except NotOurs as problem:
            why = problem
        await asyncio.sleep(FIND_PAUSE_S)
    raise why


async def _victim(stage: Stage, kind: Kind, rng: random.Random) -> tuple[Target, list[str]]:
    """The process to strike, and the events that feel it. Raises `NotOurs` where there is none now."""
    everything = [sale.event for sale in stage.sales]
    if kind.actor:
        for oldest in _actors(stage, kind):
            return oldest, everything
        raise NotOurs(f"no process of Ray's is a {kind.actor}")
    if kind.part:
        return target(kind.title, stage.pid_of(kind.part), stage.supervisor_pid), everything
    owners = [(one, events) for one in await stage.owners() if (events := _owned(one, everything))]
    found = [(owner, events) for owner, events in owners if owner.get("pid")]
    if not found:
        raise NotOurs("no owner says that it owns one of the sales")
    owner, events = rng.choice(found)
    return target(str(owner["name"]), int(owner["pid"]), stage.supervisor_pid), events


def _actors(stage: Stage, kind: Kind) -> list[Target]:
    return actors(kind.actor, stage.supervisor_pid) if kind.actor else []


def _owned(owner: dict[str, object], events: list[str]) -> list[str]:
    owns = owner.get("owns")
    return [event for event in events if isinstance(owns, list) and event in owns]


async def _until_back(stage: Stage, kind: Kind, victim: Target, events: list[str], from_us: int) -> int:
    """When an effect on each event was acknowledged that was asked for after the blow.

    Of a part also after its new process was there: PostgreSQL's old ones may go on for a moment.
    """
    if kind.part:
        what = f"{kind.part} runs again"
        await until(lambda: stage.pid_of(kind.part) not in (0, victim.pid), BACK_WITHIN_S, what)
    if kind.part or kind.actor:
        from_us = now_us()
    return max([await _first_effect(stage, event, from_us) for event in events])


async def _first_effect(stage: Stage, event: str, from_us: int) -> int:
    what = f"an effect on {event} is acknowledged again"
    found = await until(lambda: stage.clients.since(event, from_us), BACK_WITHIN_S, what)
    return min(got_us for got_us, _ in found)


async def _until_steady(stage: Stage, events: list[str], back_us: int) -> None:
    def steady() -> bool:
        return all(len(stage.clients.since(event, back_us)) >= STEADY_EFFECTS for event in events)

    await until(steady, STEADY_WITHIN_S, f"{STEADY_EFFECTS} more effects on each event")


def longest_gap_s(successes: Sequence[tuple[int, int]], from_us: int, back_us: int) -> float:
    """Of the gaps between two acknowledged effects, those that overlap the time of the fault."""
    pairs = itertools.pairwise(got_us for got_us, _ in successes)
    gaps_us = [later - earlier for earlier, later in pairs if later > from_us and earlier < back_us]
    return max(gaps_us, default=0) / 1e6
