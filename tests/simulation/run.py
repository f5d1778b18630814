"""Plays scenarios and says what was wrong: one seed, or many on all cores."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.simulation.checker import violations
from tests.simulation.loop import Stalled
from tests.simulation.world import Parts, World

CHUNK = 25
"""Seeds that one process plays before it reports."""
COLLECT_AFTER_OBJECTS = 200_000
"""What some scenarios leave: Python would look for garbage a hundred times in each."""


@dataclass(frozen=True)
class Outcome:
    """One scenario. `wrong` is empty if all is well."""

    seed: int
    wrong: tuple[str, ...]
    trace_hash: str
    steps: int
    attempts: int
    kinds: tuple[str, ...]
    revived: int = 0
    """How often an inventory that had passivated came back while clients asked."""
    trace: tuple[tuple[float, str], ...] = ()
    """What happened when, where it was asked for."""


def play(seed: int, parts: Parts | None = None, traced: bool = False) -> Outcome:
    """The scenario of that seed: always the same."""
    world = World(seed, parts)
    level, thresholds = logging.root.manager.disable, gc.get_threshold()
    logging.disable(logging.CRITICAL)  # owners log what the scenario does to them
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    try:
        with world.play():
            wrong = violations(world)
            digest = world.trace_hash()
    except Stalled as stalled:
        wrong, digest = [f"stalled: {stalled}", *world.loop.wrong], ""
    finally:
        logging.disable(level)
        gc.set_threshold(*thresholds)
    kinds = tuple(sorted(world.weather.kinds))
    trace = tuple(world.trace) if traced else ()
    attempts = len(world.history.attempts)
    return Outcome(seed, tuple(wrong), digest, world.loop.steps, attempts, kinds, world.revived, trace)


def play_all(seeds: Iterable[int], processes: int) -> Iterator[list[Outcome]]:
    """Chunk by chunk, in order."""
    chunks = _chunks(list(seeds))
    if processes <= 1:
        yield from map(_play_chunk, chunks)
        return
    with ProcessPoolExecutor(processes, initializer=gc.freeze) as pool:  # what is there stays there
        yield from pool.map(_play_chunk, chunks)


def _chunks(seeds: list[int]) -> list[list[int]]:
    return [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]


def _play_chunk(seeds: list[int]) -> list[Outcome]:
    return [play(seed) for seed in seeds]
