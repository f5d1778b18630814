"""How many users there are when: pure functions of time, that Locust's shape class asks.

`on-sale`: most of the crowd gathers before the opening, the rest comes all at once with it, and in the last
quarter half of them have gone. `steady`: everybody comes at the spawn rate and stays. `evening`: they come
little by little, are all there for a while, and go again. `waves`: they come and go, three times.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Tick = tuple[int, float]
"""Users there should be now, and how many may come or go in a second."""

GATHER_MAX_S = 10.0
GATHERED_SHARE = 0.6
LEAVING_FROM_SHARE = 0.75
STAYING_SHARE = 0.5
RISEN_AFTER_SHARE = 0.4
QUIET_SHARE = 0.2
WAVES = 3
SALE_LEAD_S = 3.0
"""Between the creation of a sale without a waiting crowd and its opening."""


def opens_after_s(shape: str, length_s: float) -> float:
    """From the start of the run to the opening of the sale."""
    return min(GATHER_MAX_S, length_s / 4) if shape == "on-sale" else SALE_LEAD_S


def on_sale(at_s: float, users: int, rate_per_s: float, length_s: float) -> Tick | None:
    """A crowd, a spike, a tail; None at the end."""
    opens_s = opens_after_s("on-sale", length_s)
    if at_s >= length_s:
        return None
    if at_s < opens_s:
        gathered = max(1, round(users * GATHERED_SHARE))
        return gathered, max(1.0, gathered / opens_s)
    if at_s < length_s * LEAVING_FROM_SHARE:
        return users, max(rate_per_s, float(users))
    return max(1, round(users * STAYING_SHARE)), max(1.0, rate_per_s)


def steady(at_s: float, users: int, rate_per_s: float, length_s: float) -> Tick | None:
    """All of them, all the time; None at the end."""
    return None if at_s >= length_s else (users, rate_per_s)


def evening(at_s: float, users: int, rate_per_s: float, length_s: float) -> Tick | None:
    """A rise, a height, a fall."""
    if at_s >= length_s:
        return None
    passed = at_s / length_s
    risen = min(1.0, passed / RISEN_AFTER_SHARE, (1.0 - passed) / RISEN_AFTER_SHARE)
    return max(1, round(users * max(QUIET_SHARE, risen))), rate_per_s


def waves(at_s: float, users: int, rate_per_s: float, length_s: float) -> Tick | None:
    """From few to all and back."""
    if at_s >= length_s:
        return None
    height = (1 - math.cos(math.tau * WAVES * at_s / length_s)) / 2
    return max(1, round(users * (QUIET_SHARE + (1 - QUIET_SHARE) * height))), rate_per_s


SHAPES: dict[str, Callable[[float, int, float, float], Tick | None]] = {
    "on-sale": on_sale,
    "steady": steady,
    "evening": evening,
    "waves": waves,
}
