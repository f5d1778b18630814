"""A restaurant's day in `table_times`: where to look, and what the reservations found there have."""

from __future__ import annotations

from domain.event_messages import Status
from domain.local_time import MINUTE_MS, bound_ms
from domain.restaurant_messages import RestaurantTerms, TableReservation
from persistence.append_columns import range_of
from persistence.rows import decoded_stay


def ranges_of(terms: RestaurantTerms, day: int) -> list[str]:
    """Where the day is on each table's stretch: up to the end of a stay that begins at its last minute."""
    from_ms, midnight_ms = (bound_ms(terms.time_zone, one, 0) for one in (day, day + 1))
    if from_ms is None or midnight_ms is None:
        return []
    longest_minutes = max([terms.stay_minutes, *(stay.stay_minutes for stay in terms.stays)])
    until_ms = midnight_ms + (longest_minutes + terms.buffer_minutes) * MINUTE_MS
    return [range_of(table.id, from_ms, until_ms) for table in terms.tables]


def claim_of(reservation_id: str, lines: str) -> TableReservation:
    """Only where and when."""
    stay = decoded_stay(lines)
    times = stay.start_ms, stay.end_ms, stay.free_at_ms
    return TableReservation(reservation_id, Status.CONFIRMED, 0, stay.tables, *times, stay.party_size, b"", 0)
