"""What the follower of the journal is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FollowerLimits:
    poll_s: float = 1.0
    inventories_max: int = 200
    appends_max: int = 40
    """Of one inventory at a time; an append has up to a thousand facts."""
    gather_s: float = 0.1
    """What is new is let gather so long: a look costs as much for one hold as for forty."""
    rest_of_look: float = 20.0
    rest_of_work: float = 1.0
