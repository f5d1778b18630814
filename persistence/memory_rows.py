"""The relations of the memory store, and what each statement does to them: all of it, or nothing.

The constraints are PostgreSQL's, under the same names: `live` never above the capacity, what is held and
confirmed of a type never above its quota nor below 0, ids and request ids once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from domain.event_messages import ENDS_PAID, EventDefinition, TypeCounts
from domain.kinds import Definition
from domain.restaurant_messages import TableReservation
from domain.ticket_messages import ORDINARY
from domain.venue_time import VenueTime, venue_time
from persistence.store import Append, Claimed, Due, Elsewhere, Refused, Request, Stored, StoredTicket


@dataclass(slots=True, frozen=True)
class Journaled:
    """One journal row: the facts of one append."""

    seq: int
    at_ms: int
    facts: bytes


@dataclass(slots=True)
class Inventory:
    """One inventory's row and what hangs on it."""

    id: str
    kind: str
    owner: str
    epoch: int
    seq: int
    definition: Definition
    claimant: int | None = None
    last_fact_ms: int = 0
    next_due_ms: int | None = None
    live: int = 0
    live_reservations: int = 0
    counts: tuple[TypeCounts, ...] = ()
    reservations: dict[str, Stored] = field(default_factory=dict)
    seats: dict[int, str] = field(default_factory=dict)
    tickets: dict[tuple[str, int], StoredTicket] = field(default_factory=dict)
    journal: list[Journaled] = field(default_factory=list)


class Tables:
    """Everything that is committed."""

    def __init__(self) -> None:
        self.inventories: dict[str, Inventory] = {}
        self.requests: dict[tuple[str, bytes], Request] = {}
        self.reservation_ids: set[str] = set()
        self.paid_ends: dict[tuple[str, str], int] = {}
        """How much is kept of what was paid for and is cancelled: by reservation and payment."""

    def claim(
        self, inventory_id: str, owner: str, held_epoch: int | None, claimant: int
    ) -> Claimed | Elsewhere:
        row = self.inventories.get(inventory_id)
        if row is None or row.owner != owner:
            return Elsewhere(inventory_id, row.owner if row else None)
        if held_epoch not in (None, row.epoch) and row.claimant not in (None, claimant):
            return Elsewhere(inventory_id, row.owner)
        row.epoch, row.claimant = row.epoch + 1, claimant
        fence = row.epoch, row.seq, row.last_fact_ms
        return Claimed(row.id, row.kind, *fence, row.definition, ticketed=bool(row.tickets))

    def place(self, inventory_id: str, owner: str) -> bool:
        row = self.inventories.get(inventory_id)
        if row is None:
            return False
        row.owner, row.epoch, row.claimant = owner, row.epoch + 1, None
        return True

    def live(self, inventory_id: str, after: str | None, limit: int) -> list[Stored]:
        row = self.inventories.get(inventory_id)
        rows = row.reservations.values() if row else ()
        living = [stored for stored in rows if stored.reservation.status.live]
        living.sort(key=lambda stored: stored.reservation.id)
        return [stored for stored in living if after is None or stored.reservation.id > after][:limit]

    def tickets(self, inventory_id: str, after: tuple[str, int] | None, limit: int) -> list[StoredTicket]:
        row = self.inventories.get(inventory_id)
        rows = sorted(row.tickets.items()) if row else []
        return [found for place, found in rows if after is None or place > after][:limit]

    def find(self, inventory_id: str, reservation_ids: Iterable[str]) -> list[Stored]:
        row = self.inventories.get(inventory_id)
        rows = row.reservations if row else {}
        return [rows[wanted] for wanted in dict.fromkeys(reservation_ids) if wanted in rows]

    def due(self, until_ms: int, part: int, parts: int, limit: int) -> list[Due]:
        found = [
            (row.next_due_ms, row.id, row.owner)
            for row in self.inventories.values()
            if row.next_due_ms is not None and row.next_due_ms <= until_ms and part_of(row.id, parts) == part
        ]
        return [Due(inventory_id, owner) for _, inventory_id, owner in sorted(found)[:limit]]

    def append(self, batch: list[Append]) -> set[str]:
        held = [entry for entry in batch if self.fence_holds(entry)]
        writing = [entry for entry in held if entry.facts]
        self._check_ids(writing)
        for entry in writing:
            row = self.inventories[entry.inventory_id]
            _check_sums(entry, entry.definition or row.definition)
            if entry.kind == "restaurant":
                _check_times(row, entry)
            _check_seats(entry, row)
            _check_tickets(entry, row)
        self._check_venues(writing)
        for entry in writing:
            self._write(self.inventories[entry.inventory_id], entry, entry.inventory_id)
        return {entry.inventory_id for entry in held}

    def create(self, entry: Append, owner: str, scope: str) -> bool:
        if any((scope, request.request_id) in self.requests for request in entry.requests):
            return False
        if entry.inventory_id in self.inventories:
            raise Refused("there is such an inventory already", "inventories_pkey")
        if entry.definition is None:
            raise Refused("a new inventory needs its definition", None)
        _check_sums(entry, entry.definition)
        self._check_venues([entry])
        row = Inventory(entry.inventory_id, entry.kind, owner, 1, 0, entry.definition)
        self.inventories[row.id] = row
        self._write(row, entry, scope)
        return True

    def fence_holds(self, entry: Append) -> bool:
        """Nobody has claimed it since, and nothing was appended that this entry does not know."""
        row = self.inventories.get(entry.inventory_id)
        return row is not None and row.epoch == entry.epoch and row.seq == entry.seq

    def _check_ids(self, writing: list[Append]) -> None:
        placed = [stored.reservation.id for entry in writing for stored in entry.placed]
        if len(set(placed)) < len(placed) or not self.reservation_ids.isdisjoint(placed):
            raise Refused("a reservation's id is taken", "reservations_pkey")
        requests = [
            (entry.inventory_id, request.request_id) for entry in writing for request in entry.requests
        ]
        if len(set(requests)) < len(requests) or any(key in self.requests for key in requests):
            raise Refused("a request is recorded already", "requests_pkey")

    def _check_venues(self, writing: list[Append]) -> None:
        """No two events of one venue overlap in time."""
        after = {entry.inventory_id: entry.definition for entry in writing if entry.definition is not None}
        if not any(_time_of(definition) for definition in after.values()):
            return
        definitions = {row.id: row.definition for row in self.inventories.values()} | after
        times = sorted(time for definition in definitions.values() if (time := _time_of(definition)))
        for earlier, later in pairwise(times):
            if earlier.venue_id == later.venue_id and later.start_ms < earlier.end_ms:
                raise Refused("two events of one venue overlap", "events_apart")

    def _write(self, row: Inventory, entry: Append, scope: str) -> None:
        row.seq += 1
        row.last_fact_ms = max(row.last_fact_ms, entry.at_ms)
        row.next_due_ms, row.live, row.counts = entry.next_due_ms, entry.live, entry.counts
        row.live_reservations = entry.live_reservations
        row.definition = entry.definition or row.definition
        row.journal.append(Journaled(row.seq, entry.at_ms, entry.facts))
        for stored in entry.placed:
            row.reservations[stored.reservation.id] = stored
            self.reservation_ids.add(stored.reservation.id)
        for after in entry.changed:
            before = row.reservations.get(after.id)
            if before is not None:
                row.reservations[after.id] = msgspec.structs.replace(before, reservation=after)
        for ended in (*(stored.reservation for stored in entry.placed), *entry.changed):
            if ended.status in ENDS_PAID and ended.paid_by:
                self.paid_ends.setdefault((ended.id, ended.paid_by.payment_id), ended.paid_by.kept)
        for move in entry.moves:
            if move.before is not None and row.seats.get(move.seat) == move.before:
                del row.seats[move.seat]
            if move.after is not None:
                row.seats[move.seat] = move.after
        for ticket in entry.tickets:
            place = ticket.reservation_id, ticket.number
            known = row.tickets[place].contact if place in row.tickets else b""
            contact = known if ticket.contact is None else ticket.contact
            row.tickets[place] = StoredTicket(*place, ticket.after, contact)
            if ticket.after == ORDINARY:
                del row.tickets[place]
        for request in entry.requests:
            self.requests[scope, request.request_id] = request


def part_of(inventory_id: str, parts: int) -> int:
    """The part an inventory belongs to: by its id's last 32 bits, which are random in a UUIDv7."""
    return int(inventory_id.replace("-", "")[-8:], 16) % parts


def _time_of(definition: Definition) -> VenueTime | None:
    return venue_time(definition) if isinstance(definition, EventDefinition) else None


def _check_sums(entry: Append, definition: Definition) -> None:
    capacity = definition.capacity
    if entry.live < 0 or (capacity is not None and entry.live > capacity):
        raise Refused("more is live than the capacity allows", "inventories_capacity")
    if not isinstance(definition, EventDefinition):
        return
    quotas = {kind.code: kind.quota for kind in definition.terms.ticket_types}
    for count in entry.counts:
        if count.held < 0 or count.confirmed < 0 or count.held + count.confirmed > quotas.get(count.code, 0):
            raise Refused(f"more of {count.code} is live than its quota allows", "ticket_types_quota")


def _check_times(row: Inventory, entry: Append) -> None:
    """At no table do two live reservations overlap."""
    after = {found.reservation.id: found.reservation for found in row.reservations.values()}
    after |= {stored.reservation.id: stored.reservation for stored in entry.placed}
    after |= {changed.id: changed for changed in entry.changed}
    times = sorted(
        (table_id, found.start_ms, found.free_at_ms)
        for found in after.values()
        if isinstance(found, TableReservation) and found.status.live
        for table_id in found.tables
        if found.start_ms < found.free_at_ms
    )
    for (table_id, _, free_at_ms), (following, start_ms, _) in pairwise(times):
        if table_id == following and start_ms < free_at_ms:
            raise Refused("two reservations of one table overlap", "table_times_apart")


def _check_seats(entry: Append, row: Inventory) -> None:
    for move in entry.moves:
        if move.before is None and move.after is not None and move.seat in row.seats:
            raise Refused(f"seat {move.seat} has been taken already", "live_seats_pkey")


def _check_tickets(entry: Append, row: Inventory) -> None:
    for move in entry.tickets:
        if move.before == ORDINARY and (move.reservation_id, move.number) in row.tickets:
            raise Refused(f"something has happened to {move.reservation_id}/{move.number}", "tickets_pkey")
