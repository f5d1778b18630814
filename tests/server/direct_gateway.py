"""An owner, a store and a clock in one process: the rules themselves behind the gateway's interface.

No mock: commands are decided and recorded exactly as the domain says, one at a time, and reads see what
was decided. It leaves out what the real parts are for: durability, other processes, time-outs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.gateway import NO_EVENT, Gateway, Key
from actors.turn import NOT_OF_THIS_KIND
from domain import restaurant
from domain.catalogue import ListedEvent, Place, RestaurantPage, Wanted, WantedRestaurants
from domain.event import describe
from domain.event_messages import (
    ENDS_PAID,
    EventDefinition,
    EventReply,
    ReservationConfirmed,
    ReservationPaid,
    ReservationReply,
    ReservationRetaken,
    ReservationSold,
    Status,
)
from domain.event_seats import Seats
from domain.event_tickets import contact_key
from domain.kinds import CREATES, DESCRIBED, KINDS, AnyReservation, Command, Creation, Fact, Reply, contact_of
from domain.messages import Code, Rejected
from domain.restaurant_messages import History, RestaurantReply, TableReply, TableReservation
from domain.seat_plan import Layout, Plan
from domain.venue_time import VENUE_TAKEN, VenueTime, venue_time
from domain.views import (
    Availability,
    Dined,
    EventSales,
    FoundGuest,
    FoundReservation,
    FoundTicket,
    FoundTicketed,
    Ranked,
    Ranking,
    ReceivedTicket,
    SeatChanges,
    SeatStates,
    Sold,
    StaySums,
    TableDay,
    TypeSales,
)
from persistence.memory_rows import Tables
from tests.brute_force import Known, KnownRestaurant, listed, restaurant_page
from tests.stay_sums import stay_sums

START_MS = 1_795_000_000_000
CONFIRMING = (ReservationConfirmed, ReservationPaid, ReservationRetaken, ReservationSold)
KEY_REUSED = Rejected(Code.KEY_REUSED, "This key came with another body.")


@dataclass
class Inventory:
    """An inventory's state, the reservations that ended, and how often it changed."""

    kind: str
    state: Any
    sequence: int = 0
    ended: dict[str, AnyReservation] = field(default_factory=dict)
    created_ms: int = 0
    confirmed_ms: dict[str, int] = field(default_factory=dict)

    def sold(self, within_ms: range | None = None, code: str | None = None) -> Sold:
        """What is confirmed, in that time, of that ticket type."""
        lines = [
            line
            for one in self.state.reservations.values()
            if one.status is Status.CONFIRMED
            and (within_ms is None or self.confirmed_ms[one.id] in within_ms)
            for line in one.lines
            if code in (None, line.ticket_type)
        ]
        return Sold(
            sum(line.quantity for line in lines), sum(line.quantity * line.unit_price for line in lines)
        )


class DirectGateway(Gateway):
    """Decides at once. `now_ms` is set by hand; `failing` makes every part unreachable."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.inventories: dict[str, Inventory] = {}
        self.deleted: dict[str, Inventory] = {}
        self.recorded: dict[bytes, tuple[bytes, Reply]] = {}
        self.placements: dict[str, str] = {}
        self.plans: dict[str, Plan] = {}
        """By venue."""
        self.tables = Tables()
        """Only for what was paid for and has ended."""
        self.answer_with: Reply | None = None
        self.failing: Exception | None = None
        self.on_change: list[Callable[[], None]] = []

    async def ask(self, inventory_id: str, command: Command, key: Key | None = None) -> Reply:
        self._check()
        inventory = self.inventories.get(inventory_id)
        if self.answer_with is not None:
            return self.answer_with
        if inventory is None:
            return NO_EVENT
        reply = self._recorded(key) or self._decide(inventory, command, key)
        if inventory.state.deleted and inventory_id in self.inventories:
            self.deleted[inventory_id] = self.inventories.pop(inventory_id)
        return reply

    async def create(self, command: Creation, owner: str, key: Key | None = None) -> Reply:
        self._check()
        found = self._recorded(key)
        if found is not None:
            return found
        kind = CREATES[type(command)]
        inventory = Inventory(kind, KINDS[kind].State(), created_ms=self.now_ms)
        reply = self._decide(inventory, command, key)
        if isinstance(reply, DESCRIBED):
            self.inventories[reply.id] = inventory
            seating = reply.terms.seating if isinstance(reply, EventReply) else None
            if seating is not None:
                inventory.state.seats = Seats(Layout(self.plans[seating.venue_id], seating.overrides))
            self.placements[reply.id] = owner
        return reply

    async def owner_of(self, inventory_id: str) -> str | None:
        self._check()
        return self.placements.get(inventory_id)

    async def place(self, inventory_id: str, owner: str) -> bool:
        self._check()
        self.placements[inventory_id] = owner
        return True

    async def owners(self) -> list[dict[str, object]]:
        return [{"name": name, "inventories": 1} for name in sorted(set(self.placements.values()))]

    async def reachable(self) -> None:
        self._check()

    async def ready(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing

    def _recorded(self, key: Key | None) -> Reply | None:
        if key is None or key.request_id not in self.recorded:
            return None
        fingerprint, reply = self.recorded[key.request_id]
        return reply if fingerprint == key.fingerprint else KEY_REUSED

    def _decide(self, inventory: Inventory, command: Command, key: Key | None) -> Reply:
        state, rules = inventory.state, KINDS[inventory.kind]
        if type(command) not in rules.COMMANDS:
            return NOT_OF_THIS_KIND
        for expired in rules.due(state, self.now_ms, limit=1_000_000):
            rules.evolve(state, expired)
        inventory.ended |= state.ended
        state.ended = dict(inventory.ended)
        reply, facts = rules.decide(state, command, self.now_ms)
        if facts and isinstance(reply, EventReply) and self._venue_is_taken(inventory, reply):
            return VENUE_TAKEN
        for fact in facts:
            rules.evolve(state, fact)
        if facts:
            inventory.sequence += 1
        for fact in facts:
            if isinstance(fact, CONFIRMING):
                inventory.confirmed_ms[fact.reservation_id] = fact.at_ms
        self._note_paid_ends(state, facts)
        inventory.ended |= state.ended
        brought = contact_of(command)
        if brought is not None and facts:
            state.contacts[brought[0]] = brought[1]
        if key is not None and facts:
            self.recorded[key.request_id] = (key.fingerprint, reply)
        if facts:
            for tell in tuple(self.on_change):
                tell()
        return reply

    def _note_paid_ends(self, state: Any, facts: Sequence[Fact]) -> None:
        """As the append leaves word of them."""
        for fact in facts:
            ended = state.ended.get(getattr(fact, "reservation_id", ""))
            if ended is not None and ended.status in ENDS_PAID and ended.paid_by is not None:
                self.tables.paid_ends.setdefault((ended.id, ended.paid_by.payment_id), ended.paid_by.kept)

    def _venue_is_taken(self, inventory: Inventory, after: EventReply) -> bool:
        """What the database excludes: another event of the venue at that time."""
        mine = _venue_time(after)
        others = [
            _venue_time(describe(one.state))
            for one in self.inventories.values()
            if one is not inventory and one.kind == "event"
        ]
        return mine is not None and any(
            mine.venue_id == other.venue_id and mine.start_ms < other.end_ms and other.start_ms < mine.end_ms
            for other in others
            if other is not None
        )


def _venue_time(event: EventReply) -> VenueTime | None:
    return venue_time(EventDefinition(event.terms, event.version, event.paused, event.stage))


class DirectReads:
    """Reads over the same states."""

    def __init__(self, gateway: DirectGateway) -> None:
        self.gateway = gateway
        self.old_copies: dict[str, Availability] = {}
        """Given out to who has not seen something newer."""
        self.pages_exported = 0
        self.pending: Callable[[], Iterable[str]] = tuple
        """The submissions that are."""

    async def event(self, event_id: str) -> EventReply | None:
        self.gateway._check()
        inventory = self._of_kind("event").get(event_id)
        return None if inventory is None else describe(inventory.state)

    async def events(self, wanted: Wanted, after: Place | None, limit: int) -> list[ListedEvent]:
        self.gateway._check()
        known = [Known(describe(one.state), one.created_ms) for one in self._of_kind("event").values()]
        return listed(known, wanted, after, self.gateway.now_ms)[:limit]

    async def reservation(self, reservation_id: str) -> FoundReservation | None:
        self.gateway._check()
        for event_id, inventory in (self.gateway.inventories | self.gateway.deleted).items():
            found = inventory.state.reservations.get(reservation_id) or inventory.ended.get(reservation_id)
            if found is not None:
                return self._found(event_id, found)
        return None

    async def reservations(
        self, event_id: str, status: Status | None, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        inventory = self.gateway.inventories[event_id]
        everything = sorted((inventory.state.reservations | inventory.ended).values(), key=lambda one: one.id)
        wanted = [
            one for one in everything if status in (None, _shown(one, now_ms)) and one.id > (after or "")
        ]
        return [self._found(event_id, one) for one in wanted[:limit]]

    async def tickets(self, event_id: str, reservation_id: str) -> list[FoundTicket]:
        self.gateway._check()
        state = self.gateway.inventories[event_id].state
        return [
            FoundTicket(number, one, state.contacts.get(contact_key(reservation_id, number), b""))
            for number, one in state.tickets.of(reservation_id).items()
        ]

    async def received(
        self, customer: bytes, before: tuple[str, int] | None, limit: int
    ) -> list[ReceivedTicket]:
        self.gateway._check()
        found = [
            ReceivedTicket(event_id, reservation_id, ticket)
            for event_id, inventory in self._of_kind("event").items()
            for reservation_id in inventory.state.reservations | inventory.ended
            for ticket in await self.tickets(event_id, reservation_id)
            if ticket.ticket.holder == customer
        ]
        fitting = [one for one in found if before is None or one.key < before]
        return sorted(fitting, key=lambda one: one.key, reverse=True)[:limit]

    async def door(self, event_id: str, after: str | None, limit: int) -> list[FoundTicketed]:
        self.gateway._check()
        state = self.gateway.inventories[event_id].state
        sold = [one for one in state.reservations.values() if one.status is not Status.HELD]
        page = sorted((one for one in sold if one.id > (after or "")), key=lambda one: one.id)[:limit]
        return [
            FoundTicketed(one, state.contacts[one.id], tuple(await self.tickets(event_id, one.id)))
            for one in page
        ]

    async def on_hold(self, reservation_ids: Sequence[str]) -> Mapping[str, bool]:
        self.gateway._check()
        everything = [
            one
            for inventory in (self.gateway.inventories | self.gateway.deleted).values()
            for one in (inventory.state.reservations | inventory.ended).values()
        ]
        now_ms = self.gateway.now_ms
        return {
            one.id: one.status.on_hold and now_ms < one.expires_at_ms
            for one in everything
            if one.id in reservation_ids
        } | {one: True for one in self.pending() if one in reservation_ids}

    async def is_known(self, inventory_id: str, request_id: bytes) -> bool:
        self.gateway._check()
        return request_id in self.gateway.recorded

    async def of_customer(self, customer: bytes, before: str | None, limit: int) -> list[FoundReservation]:
        everything = [
            self._found(name, one)
            for name, inventory in (self.gateway.inventories | self.gateway.deleted).items()
            for one in (inventory.state.reservations | inventory.ended).values()
            if one.customer == customer and (before is None or one.id < before)
        ]
        return sorted(everything, key=lambda found: found.reply.reservation.id, reverse=True)[:limit]

    async def made_at(self, event_id: str, customer: bytes, at_ms: int) -> list[str]:
        inventory = self.gateway.inventories.get(event_id)
        everything = inventory.state.reservations | inventory.ended if inventory else {}
        time = f"{at_ms:012x}"
        return [
            one.id
            for one in everything.values()
            if one.customer == customer and one.id.replace("-", "").startswith(time)
        ]

    async def exported(
        self, inventory_id: str, after: str | None, limit: int, now_ms: int
    ) -> list[FoundReservation]:
        self.pages_exported += 1
        return await self.reservations(inventory_id, None, after, limit, now_ms)

    async def stay_sums(self, restaurant_id: str, begins_ms: Sequence[int]) -> StaySums | None:
        inventory = self._of_kind("restaurant").get(restaurant_id)
        if inventory is None:
            return None
        known = (inventory.state.reservations | inventory.ended).values()
        return stay_sums(restaurant_id, inventory.sequence, known, begins_ms)

    async def sales(self, event_id: str, since_ms: int, width_ms: int) -> EventSales | None:
        inventory = self._of_kind("event").get(event_id)
        if inventory is None:
            return None
        terms = describe(inventory.state).terms
        types = tuple(
            TypeSales(kind.code, inventory.state.tallies[kind.code].held, inventory.sold(code=kind.code))
            for kind in terms.ticket_types
        )
        spans = {
            at_ms // width_ms * width_ms for at_ms in inventory.confirmed_ms.values() if at_ms >= since_ms
        }
        over_time = {span: inventory.sold(range(span, span + width_ms)) for span in sorted(spans)}
        return EventSales(event_id, inventory.sequence, terms.currency, types, over_time)

    async def ranking(self, since_ms: int) -> Ranking:
        ranked = []
        for event_id, inventory in self._of_kind("event").items():
            terms, sold = describe(inventory.state).terms, inventory.sold()
            lately = inventory.sold(range(since_ms, self.now_ms() + 1)).tickets
            if sold.tickets:
                ranked.append(Ranked(event_id, terms.name, terms.currency, sold, lately))
        by_sales = sorted(ranked, key=lambda one: -one.sold.tickets)
        by_revenue = sorted(ranked, key=lambda one: (one.currency, -one.sold.revenue))
        by_speed = sorted((one for one in ranked if one.lately), key=lambda one: -one.lately)
        return Ranking(tuple(by_sales[:5]), tuple(by_revenue[:5]), tuple(by_speed[:5]))

    async def availability(self, event_id: str, at_least: int = 0) -> Availability | None:
        self.gateway._check()
        copy = self.old_copies.get(event_id)
        if copy is not None and copy.sequence >= at_least:
            return copy
        return self._availability(event_id) if event_id in self._of_kind("event") else None

    def watch(self, event_id: str, tell: Callable[[Availability | None], None]) -> Callable[[], None]:
        def told() -> None:
            inventory = self.gateway.inventories.get(event_id)
            gone = inventory is None or (inventory.kind == "event" and inventory.state.deleted)
            tell(None if gone else self._availability(event_id))

        self.gateway.on_change.append(told)
        return lambda: self.gateway.on_change.remove(told)

    async def belongs(self, inventory_id: str) -> tuple[str, str | None] | None:
        self.gateway._check()
        inventory = (self.gateway.inventories | self.gateway.deleted).get(inventory_id)
        return inventory and (inventory.kind, inventory.state.terms.organiser_id)

    async def present_plan(self, venue_id: str) -> tuple[str, Plan] | None:
        plan = self.gateway.plans.get(venue_id)
        return plan and (venue_id, plan)

    async def seats(self, event_id: str) -> SeatStates | None:
        self.gateway._check()
        inventory = self._of_kind("event").get(event_id)
        if inventory is None or inventory.state.seats is None or inventory.state.terms is None:
            return None
        state, seats = inventory.state, inventory.state.seats
        names = map(seats.layout.name_of, range(seats.layout.size))
        looks = bytes(seats.look(name, state.reservations) for name in names)
        return SeatStates(event_id, inventory.sequence, "plan", looks, state.hidden)

    async def blocked_seats(self, event_id: str) -> tuple[str, ...]:
        inventory = self._of_kind("event").get(event_id)
        seats = inventory.state.seats if inventory is not None else None
        return tuple(sorted(seats.blocked)) if seats is not None else ()

    async def seat_changes(self, known: SeatStates) -> SeatChanges | None:
        """By comparing, so that what is told of changes is held against the whole."""
        found = await self.seats(known.event_id)
        if found is None:
            return None
        both = enumerate(zip(known.states, found.states, strict=True))
        looks = {number: new for number, (old, new) in both if old != new}
        return SeatChanges(found.sequence, found.at_ms, looks, found.hidden)

    async def table_day(self, restaurant_id: str, day: int) -> TableDay | None:
        self.gateway._check()
        inventory = self._of_kind("restaurant").get(restaurant_id)
        if inventory is None or inventory.state.deleted:
            return None
        state = inventory.state
        live = tuple(state.reservations.values())
        at = inventory.sequence, self.gateway.now_ms
        return TableDay(restaurant_id, *at, state.terms, state.version, state.paused, state.stage, day, live)

    async def restaurant(self, restaurant_id: str) -> RestaurantReply | None:
        self.gateway._check()
        inventory = self._of_kind("restaurant").get(restaurant_id)
        return None if inventory is None else restaurant.describe(inventory.state)

    async def restaurants(self, wanted: WantedRestaurants, after: Place | None, limit: int) -> RestaurantPage:
        self.gateway._check()
        known = [
            KnownRestaurant(restaurant.describe(one.state), one.created_ms, one.state)
            for one in self._of_kind("restaurant").values()
        ]
        return restaurant_page(known, wanted, after, limit, self.gateway.now_ms)

    async def table_reservations(
        self,
        restaurant_id: str,
        status: Status | None,
        within_ms: tuple[int, int] | None,
        after: str | None,
        limit: int,
        now_ms: int,
        key: bytes | None = None,
        table_id: str | None = None,
    ) -> list[FoundReservation]:
        found = await self.reservations(restaurant_id, status, after, 1_000_000, now_ms)
        return [
            one
            for one in found
            if isinstance(one.reply, TableReply)
            and (within_ms is None or one.reply.reservation.start_ms in range(*within_ms))
            and key in (None, one.reply.reservation.customer, one.reply.reservation.phone)
            and (table_id is None or table_id in one.reply.reservation.tables)
        ][:limit]

    async def guests(self, restaurant_id: str, key: bytes, limit: int) -> list[FoundGuest]:
        all_ = await self.table_reservations(restaurant_id, None, (0, 2**63), None, 1_000_000, 0, key)
        last = {one.reply.reservation.customer: one.reply.contact for one in all_}
        return [
            FoundGuest(contact, await self.history(restaurant_id, customer))
            for customer, contact in sorted(last.items())
        ][:limit]

    async def dined(self, customer: bytes) -> list[Dined]:
        shown = [await self.restaurant(id_) for id_ in sorted(self._of_kind("restaurant"))]
        counted = [Dined(one.id, one.terms, await self.history(one.id, customer)) for one in shown if one]
        return [one for one in counted if one.history != History()]

    async def history(self, restaurant_id: str, customer: bytes) -> History:
        inventory = self.gateway.inventories.get(restaurant_id)
        ended = (
            [
                one.status
                for one in inventory.ended.values()
                if isinstance(one, TableReservation) and one.customer == customer and not one.excused
            ]
            if inventory
            else []
        )
        counted = (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW)
        return History(*(ended.count(status) for status in counted))

    async def secret(self, name: str) -> bytes:
        return name.encode().ljust(32, b"-")

    def now_ms(self) -> int:
        return self.gateway.now_ms

    async def ping(self) -> None:
        self.gateway._check()

    def _availability(self, event_id: str) -> Availability:
        inventory = self.gateway.inventories[event_id]
        state = inventory.state
        counts = KINDS[inventory.kind].counts(state)
        return Availability(event_id, inventory.sequence, self.gateway.now_ms, counts, state.hidden)

    def _of_kind(self, kind: str) -> dict[str, Inventory]:
        return {id_: found for id_, found in self.gateway.inventories.items() if found.kind == kind}

    def _found(self, inventory_id: str, reservation: AnyReservation) -> FoundReservation:
        state = (self.gateway.inventories | self.gateway.deleted)[inventory_id].state
        contact = state.contacts.get(reservation.id, b"")
        if isinstance(reservation, TableReservation):
            return FoundReservation(inventory_id, TableReply(reservation, contact), state.stage)
        reply = ReservationReply(reservation, state.terms.currency, contact)
        return FoundReservation(inventory_id, reply, state.stage)


def _shown(reservation: AnyReservation, now_ms: int) -> Status:
    over = reservation.status is Status.HELD and now_ms >= reservation.expires_at_ms
    return Status.EXPIRED if over else reservation.status
