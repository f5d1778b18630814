"""Until when its holder may cancel what is confirmed, and how much of its price the event keeps then.

- Up to `cancel_until`, itself inside; the event keeps `cancel_keeps_percent` of the price, rounded down.
- Who had a reservation when the start was moved may cancel it for `postponed_refund_days` from that moment
  on, their end inside, but not once it has begun; of that nothing is kept. The last move is the one that
  counts.
- What the operator cancels, a single reservation or the whole event, goes back in full: that is not said
  here.
"""

from __future__ import annotations

from domain.event_messages import Reservation, Terms

DAY_MS = 86_400_000


def moved_until_ms(terms: Terms, placed_ms: int) -> int | None:
    """Until when what was placed then may be cancelled because the start was moved; itself inside."""
    if terms.moved_ms is None or not terms.postponed_refund_days or placed_ms > terms.moved_ms:
        return None
    return min(terms.moved_ms + terms.postponed_refund_days * DAY_MS, terms.starts_at_ms - 1)


def until_ms(terms: Terms, placed_ms: int) -> int | None:
    """Until when what was placed then may be cancelled, for whichever reason; None: it is final."""
    ends = (terms.cancel_until_ms, moved_until_ms(terms, placed_ms))
    return max((end for end in ends if end is not None), default=None)


def kept_of(terms: Terms, found: Reservation, now_ms: int) -> int:
    """How much the event keeps of it if its holder cancels it now, in minor units."""
    free_until_ms = moved_until_ms(terms, found.created_at_ms)
    if free_until_ms is not None and now_ms <= free_until_ms:
        return 0
    return found.total * terms.cancel_keeps_percent // 100
