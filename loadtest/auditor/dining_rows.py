"""A restaurant's rows against the fold: reservations, the times of its tables, its guests, and itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.event_messages import Stage
from domain.restaurant_messages import RestaurantTerms
from loadtest.auditor.dining import House
from loadtest.auditor.dining_stay import COUNTED, LIVE, Stay
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.rows import NEXT_DUE_LATE_MAX_MS, InventoryRow

_SAME = ("status", "expires_ms", "customer", "extensions", "created_ms", "payment_id", "hold_ends_ms", "kept")
_IN_WHAT = ("start_ms", "end_ms", "free_at_ms", "party_size", "overstays")


@dataclass(slots=True, frozen=True)
class RestaurantRow:
    """One restaurant, as readers are shown it."""

    version: int
    paused: bool
    stage: str
    deleted: bool
    created_ms: int
    name: str
    city: str | None
    terms: RestaurantTerms


@dataclass(slots=True, frozen=True)
class StayRow:
    """One reservation of tables; `what` is its JSON."""

    id: str
    status: str
    live: bool
    expires_ms: int
    what: dict[str, object]
    customer: bytes
    extensions: int
    created_ms: int
    payment_id: str | None = None
    hold_ends_ms: int | None = None
    kept: int | None = None


@dataclass(slots=True, frozen=True)
class TimeRow:
    """From when until when a reservation has a table."""

    reservation_id: str
    table_id: str
    start_ms: int
    free_at_ms: int


@dataclass(slots=True, frozen=True)
class GuestRow:
    """What a customer has done at this restaurant."""

    customer: bytes
    visits: int
    cancellations: int
    no_shows: int


def check_house(house: House, row: InventoryRow | None, findings: Findings) -> None:
    """The inventory's own row."""
    expected = (house.seq, house.live(), house.live(), None, house.at_ms)
    stored = row and (row.seq, row.live, row.live_reservations, row.capacity, row.last_fact_ms)
    said = f"{house.inventory_id}: the row is {stored}, the facts say {expected}"
    findings.expect(Check.INVENTORY_ROW, stored == expected, said)
    ends = [stay.expires_ms for stay in house.stays.values() if stay.status in LIVE]
    if ends and house.stage is Stage.CANCELLED:
        ends = [house.at_ms]
    if row is not None and ends:
        in_time = row.next_due_ms is not None and row.next_due_ms <= min(ends) + NEXT_DUE_LATE_MAX_MS
        said = f"{house.inventory_id}: next_due_ms is {row.next_due_ms}, something ends at {min(ends)}"
        findings.expect(Check.INVENTORY_ROW, in_time, said)


def check_restaurant(house: House, row: RestaurantRow | None, findings: Findings) -> None:
    terms = house.terms
    if terms is None:
        findings.expect(Check.RESTAURANT_ROW, False, f"{house.inventory_id}: no fact has made it")
        return
    said = (house.version, house.paused, house.stage.value, house.deleted, house.created_ms)
    expected = RestaurantRow(*said, terms.name, terms.city, terms)
    findings.expect(Check.RESTAURANT_ROW, row == expected, f"{house.inventory_id}: the row is {row}")


def check_stays(house: House, rows: Iterable[StayRow], findings: Findings) -> None:
    """Each reservation's row; afterwards every one must have been seen."""
    seen = set()
    for row in rows:
        stay = house.stays.get(row.id)
        wrong = ["no fact has placed it"] if stay is None else _differences(stay, row)
        seen.add(row.id)
        findings.expect(
            Check.RESERVATION_ROWS, not wrong, f"{house.inventory_id}: {row.id}: {'; '.join(wrong)}"
        )
    missing = house.stays.keys() - seen
    if missing:
        findings.fail(
            Check.RESERVATION_ROWS, f"{house.inventory_id}: {len(missing)} reservations have no row"
        )


def _differences(stay: Stay, row: StayRow) -> list[str]:
    pairs = {name: (getattr(row, name), getattr(stay, name)) for name in _SAME}
    pairs |= {name: (row.what.get(name), getattr(stay, name)) for name in _IN_WHAT}
    pairs["deposit"] = (row.what.get("deposit", 0), stay.deposit)
    pairs["currency"] = (row.what.get("currency", ""), stay.currency)
    pairs["warned"] = (row.what.get("warned", []), list(stay.warned))
    pairs["tables"] = (row.what.get("tables"), list(stay.tables))
    pairs["live"] = (row.live, stay.status in LIVE)
    return [
        f"{name} is {stored}, the facts say {fold}"
        for name, (stored, fold) in pairs.items()
        if stored != fold
    ]


def check_times(house: House, rows: Iterable[TimeRow], findings: Findings) -> None:
    """The rows that keep two reservations of a table apart: all that are live, and nothing else."""
    expected = {
        TimeRow(reservation_id, table_id, *times)
        for table_id, by_reservation in house.times.items()
        for reservation_id, times in by_reservation.items()
    }
    unlike = expected ^ set(rows)
    findings.expect(
        Check.TABLE_TIMES, not unlike, f"{house.inventory_id}: {len(unlike)} differ: {list(unlike)[:1]}"
    )


def check_guests(house: House, rows: Iterable[GuestRow], findings: Findings) -> None:
    """What is remembered of each guest."""
    customers = {customer for customer, _ in house.guests}
    expected = {GuestRow(one, *(house.guests[one, status] for status in COUNTED)) for one in customers}
    unlike = expected ^ set(rows)
    findings.expect(
        Check.GUESTS, not unlike, f"{house.inventory_id}: {len(unlike)} differ: {list(unlike)[:1]}"
    )
