"""What was not working, and when: the only excuse for a hold that ends late (I5).

A hold is ended by its timer, which asks the store what is due and calls the owner, which appends. Whoever
makes trouble for one of them notes it here, with the time when that part is whole again by the scenario's
will, whatever the code makes of it. A part that does not come back as it should is thus no excuse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

LATE_MAX_S = 2.0
"""How long after its end, or after the parts are back, a hold may still be one (I5)."""
SWEEP_S = 0.15
"""Within so long a gateway that is there sees that a command is past its time."""
STORE = "store"


@dataclass(slots=True, eq=False)
class Outage:
    """Of one part, from one moment to another."""

    from_s: float
    back_s: float

    def over(self, at_s: float) -> None:
        """It is whole again sooner than was planned."""
        self.back_s = min(self.back_s, at_s)


class Outages:
    """By part: the store, a timer, an owner's name, the way of one to the other, an inventory."""

    def __init__(self) -> None:
        self._noted: dict[str, list[Outage]] = defaultdict(list)

    def note(self, part: str, from_s: float, back_s: float) -> Outage:
        outage = Outage(from_s, back_s)
        self._noted[part].append(outage)
        return outage

    def deadline_s(self, parts: Iterable[str], end_s: float, skew_s: float = 0.0) -> float:
        """By when a hold that ends at `end_s` and needs these parts must be noted as ended, if their clocks
        may be off by `skew_s`."""
        late_max_s = LATE_MAX_S + skew_s
        deadline_s = end_s + late_max_s
        noted = [outage for part in parts for outage in self._noted.get(part, ())]
        for outage in sorted(noted, key=lambda outage: outage.from_s):
            if outage.from_s <= deadline_s and outage.back_s >= end_s:
                deadline_s = max(deadline_s, outage.back_s + late_max_s)
        return deadline_s

    def resumed_s(self, part: str, from_s: float, for_s: float) -> float:
        """When something that takes so long is done for sure, by a part that may be away meanwhile."""
        until_s = from_s + for_s
        for outage in sorted(self._noted.get(part, ()), key=lambda outage: outage.from_s):
            if outage.from_s <= until_s and outage.back_s >= from_s:
                until_s = max(until_s, outage.back_s + for_s)
        return until_s


def way(caller: str, owner: str) -> str:
    """The part that carries a caller's commands to an owner."""
    return f"{caller}>{owner}"
