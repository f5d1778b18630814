"""What goes wrong with calls and statements by itself: drawn for each one, from the seed.

A scenario has a few kinds of trouble, not all at once, so that each meets healthy parts. What befalls whole
processes is the business of `tests.simulation.nemesis`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

KINDS = (
    "lost calls",
    "late calls",
    "doubled calls",
    "stuck calls",
    "slow calls",
    "unknown statements",
    "late statements",
    "doubled statements",
    "refused statements",
    "slow statements",
    "outage",
    "kills",
    "frozen",
    "split brain",
    "moves",
    "poison",
    "lost timers",
    "slow clock answers",
    "clocks",
    "store clock",
    "watchdog",
    "front ends",
    "new code",
    "crowded",
    "drowsy",
)
"""The last two are no faults: bounds so low that they are met, and inventories that passivate soon."""

USUAL_MAX_S = 0.003
CLOCK_ANSWER_MAX_S = 0.0007
"""So quick that a clock is content with one answer."""

CallOutcome = Literal["answered", "request lost", "reply lost", "late", "doubled", "stuck"]
StatementOutcome = Literal["answered", "unreachable", "unanswered", "late", "refused", "doubled"]


@dataclass(slots=True)
class Passage:
    """How one call or statement fares. `notice_s`: when its sender hears that it failed, if it did."""

    outcome: CallOutcome | StatementOutcome
    to_s: float
    back_s: float
    notice_s: float = 0.0
    late_s: float = 0.0


class Weather:
    """The conditions of one scenario; `calm` ends them."""

    def __init__(self, rng: Random, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self.is_calm = False
        self.outage = False
        """The database is down: nothing that is sent to it arrives."""
        self._rng = rng

    def calm(self) -> None:
        self.is_calm = True
        self.outage = False

    def has(self, kind: str) -> bool:
        return not self.is_calm and kind in self.kinds

    def call(self) -> Passage:
        """A gateway's call to an owner."""
        rng = self._rng
        passage = Passage("answered", self._delay_s("slow calls"), self._delay_s("slow calls"))
        if self.is_calm or rng.random() > 0.12:
            return passage
        kind = rng.choice(("lost calls", "late calls", "doubled calls", "stuck calls"))
        if not self.has(kind):
            return passage
        passage.notice_s = rng.choice((0.01, 0.2, 1.0))
        passage.late_s = rng.uniform(0.05, 4.0)
        match kind:
            case "lost calls":
                passage.outcome = rng.choice(("request lost", "reply lost"))
            case "late calls":
                passage.outcome = "late"
            case "doubled calls":
                passage.outcome = "doubled"
            case _:
                passage.outcome = "stuck"
        return passage

    def statement(self, operation: str) -> Passage:
        """A statement on its way to the database."""
        rng = self._rng
        usual_s = CLOCK_ANSWER_MAX_S if operation == "now_ms" else USUAL_MAX_S
        delays_s = [self._delay_s("slow statements", usual_s) for _ in range(2)]
        passage = Passage("answered", *delays_s)
        if operation == "now_ms" and self.has("slow clock answers") and rng.random() < 0.7:
            # Slow one way only, so that the answer was not true in the middle.
            slow_s = rng.uniform(0.05, 3.0)
            passage.to_s, passage.back_s = rng.choice(((slow_s, passage.back_s), (passage.to_s, slow_s)))
        if self.outage:
            passage.outcome, passage.notice_s = rng.choice(("unreachable", "unanswered")), 0.05
            return passage
        if operation == "append" and self.has("doubled statements") and rng.random() < 0.2:
            passage.outcome, passage.late_s = "doubled", rng.choice((0.001, 0.1, 1.0))
            return passage
        if self.is_calm or rng.random() > 0.08:
            return passage
        passage.notice_s = rng.choice((0.01, 0.5))
        passage.late_s = rng.uniform(0.05, 3.0)
        match rng.choice(("unknown", "late", "refused")):
            case "unknown" if self.has("unknown statements"):
                passage.outcome = rng.choice(("unreachable", "unanswered"))
            case "late" if self.has("late statements"):
                passage.outcome = "late"
            case "refused" if self.has("refused statements"):
                passage.outcome = "refused"
            case _:
                pass
        return passage

    def lock_s(self) -> float:
        """How long a statement keeps its locks before it commits."""
        if self.has("slow statements") and self._rng.random() < 0.1:
            return self._rng.uniform(0.01, 0.8)
        return 0.0

    def _delay_s(self, slow: str, usual_s: float = USUAL_MAX_S) -> float:
        rng = self._rng
        if self.has(slow) and rng.random() < 0.08:
            return rng.uniform(0.05, 3.0)
        return 0.0002 + rng.random() * usual_s
