"""Drives one inventory through a store as its owner would: decides by the rules, appends what follows."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Sequence

import msgspec

from domain.event import (
    State,
    admit,
    admit_ticket,
    counts,
    decide,
    definition,
    describe,
    due,
    evolve,
    load,
    moves,
    next_due_ms,
    restored,
    ticket_moves,
)
from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    CreateEvent,
    EventCommand,
    EventFact,
    ExtendHold,
    FailPayment,
    FinishPayment,
    HoldPlaced,
    PauseSale,
    PlaceHold,
    PublishEvent,
    ReduceReservation,
    ResumeSale,
    Terms,
    TermsChange,
    TicketType,
    TicketTypeChange,
    VoidReservation,
)
from domain.event_tickets import contact_key
from domain.kinds import contact_of
from domain.messages import Rejected
from persistence.store import Append, Claimed, OwnerStore, Request, Stored

NOW_MS = 1_800_000_000_000
OWNER = "pool:0"
CONTACT = b'{"name":"Ada","email":"ada@example.org"}'
_numbers = itertools.count(1)
_encode = msgspec.msgpack.Encoder().encode


def new_id() -> str:
    """A UUIDv7, larger than those made before."""
    return str(uuid.UUID(int=next(_numbers) << 80 | 7 << 76 | 2 << 62 | random.getrandbits(62)))


def new_request_id() -> bytes:
    return uuid.uuid4().bytes


def terms(*quotas: int, capacity: int | None = None, starts_at_ms: int = NOW_MS + 86_400_000) -> Terms:
    """Ticket types A, B, ... of these quotas."""
    types = tuple(
        TicketType("ABCDEF"[n], f"Type {n}", quota, 100 * (n + 1)) for n, quota in enumerate(quotas)
    )
    return Terms("Concert", starts_at_ms, "EUR", types, capacity=capacity, cancel_until_ms=starts_at_ms)


class Sale:
    """One inventory as its owner has it in memory."""

    def __init__(self, inventory_id: str, epoch: int = 1, seq: int = 0) -> None:
        self.id = inventory_id
        self.epoch = epoch
        self.seq = seq
        self.now_ms = NOW_MS
        self.state = State()

    @classmethod
    async def opened(
        cls,
        store: OwnerStore,
        of: Terms | None = None,
        owner: str = OWNER,
        claim: bool = True,
        at_ms: int = NOW_MS,
    ) -> Sale:
        """A new inventory, claimed by its owner."""
        sale = cls(new_id())
        sale.now_ms = at_ms
        assert await store.create(
            sale.decided(CreateEvent(sale.id, of or terms(100, starts_at_ms=at_ms + 86_400_000))),
            owner,
            "events",
        )
        sale.seq = 1
        if claim:
            sale.epoch = (await claimed(store, sale.id, owner)).epoch
        return sale

    def decided(self, *commands: EventCommand) -> Append:
        """What these commands make of the inventory, as one append. Refused ones leave no trace."""
        entry = Append(self.id, "event", self.epoch, self.seq)
        facts: list[EventFact] = list(due(self.state, self.now_ms, 1_000))
        for fact in facts:
            evolve(self.state, fact)
        for command in commands:
            reply, following = decide(self.state, command, self.now_ms)
            for fact in following:
                evolve(self.state, fact)
            facts += following
            brought = contact_of(command)
            if brought is not None and following:
                self.state.contacts[brought[0]] = brought[1]
            if not isinstance(reply, Rejected):
                entry.requests.append(Request(new_request_id(), b"body", _encode(reply), self.now_ms + 1_000))
        return self._filled(entry, facts)

    def holds(self, *quantities: int, code: str = "A") -> Append:
        """One hold for each quantity."""
        return self.decided(*(place(quantity, code) for quantity in quantities))

    async def append(self, store: OwnerStore, entry: Append) -> bool:
        """Append it; whether the fence held."""
        kept = self.id in await store.append([entry])
        self.seq += kept and bool(entry.facts)
        return kept

    def _filled(self, entry: Append, facts: Sequence[EventFact]) -> Append:
        if not facts:
            return entry
        state = self.state
        entry.at_ms, entry.facts = self.now_ms, _encode(facts)
        entry.next_due_ms, entry.live, entry.counts = next_due_ms(state), state.live, counts(state)
        entry.live_reservations = describe(state).reservations
        entry.moves, entry.tickets = moves(state), ticket_moves(state)
        if any(not hasattr(fact, "reservation_id") for fact in facts):
            entry.definition = definition(state)
        placed = {fact.reservation_id for fact in facts if isinstance(fact, HoldPlaced)}
        for reservation_id in dict.fromkeys(getattr(fact, "reservation_id", "") for fact in facts):
            row = state.reservations.get(reservation_id) or state.ended.get(reservation_id)
            if row is None:
                continue
            if reservation_id in placed:
                entry.placed.append(Stored(row, state.contacts[reservation_id]))
            else:
                entry.changed.append(row)
        return entry


PAYMENT_ID = new_id()


def place(quantity: int = 1, code: str = "A", customer: bytes = b"customer") -> PlaceHold:
    return PlaceHold(new_id(), ((code, quantity),), customer, CONTACT)


def some_command(state: State, dice: random.Random) -> EventCommand:
    """Anything that can be asked, of anything that is there."""
    one = dice.choice([*state.reservations, *state.ended, new_id()])
    codes = list(state.types)
    lines = tuple((code, dice.randint(1, 3)) for code in dice.sample(codes, dice.randint(1, len(codes))))
    hold = PlaceHold(new_id(), lines, b"customer", CONTACT)
    quota = TicketTypeChange(dice.choice(codes), quota=dice.randint(0, 60))
    change = dice.choice(
        [
            TermsChange(ticket_types=(quota,), capacity=dice.choice([None, dice.randint(1, 100)])),
            TermsChange(ticket_types=(TicketTypeChange(dice.choice("XYZ"), name="New", quota=9, price=5),)),
            TermsChange(removed_ticket_types=(dice.choice(codes),)),
            TermsChange(name=f"Concert {dice.random()}", venue=dice.choice([None, "Hall"])),
        ]
    )
    of_one: list[EventCommand] = [
        ConfirmReservation(one),
        CancelReservation(one),
        ChangeHold(one, lines),
        ExtendHold(one),
        BeginPayment(one, PAYMENT_ID, NOW_MS + 86_400_000),
        BeginPayment(one, PAYMENT_ID, NOW_MS + 86_400_000),
        FinishPayment(one, PAYMENT_ID, price_of(state, one)),
        FinishPayment(one, PAYMENT_ID, price_of(state, one)),
        FailPayment(one, PAYMENT_ID),
        ReduceReservation(one, lines, lines_of(state, one)),
        VoidReservation(one),
    ]
    of_all: list[EventCommand] = [PauseSale(), ResumeSale(), ResumeSale(), ChangeEvent(change)]
    of_all += [CloseEvent(), *[PublishEvent()] * 4]
    return dice.choice([hold, hold, hold, hold, *of_one, dice.choice(of_all), dice.choice(of_all)])


def lines_of(state: State, reservation_id: str) -> tuple[tuple[str, int], ...]:
    found = state.reservations.get(reservation_id)
    return tuple((line.ticket_type, line.quantity) for line in found.lines) if found else ()


def price_of(state: State, reservation_id: str) -> int:
    found = state.reservations.get(reservation_id) or state.ended.get(reservation_id)
    return 0 if found is None else found.total


async def claimed(
    store: OwnerStore, inventory_id: str, owner: str = OWNER, held_epoch: int | None = None
) -> Claimed:
    """The claim must succeed."""
    found = await store.claim(inventory_id, owner, held_epoch)
    assert isinstance(found, Claimed), found
    return found


async def loaded(store: OwnerStore, found: Claimed, page: int = 100) -> Sale:
    """The inventory as an owner that has just claimed it loads it."""
    sale = Sale(found.inventory_id, found.epoch, found.seq)
    sale.state = restored(sale.id, found.definition, found.last_fact_ms, found.layout)
    for _ in load(sale.state, found.definition):
        pass
    after = None
    while rows := await store.live(sale.id, after, page):
        for stored in rows:
            admit(sale.state, stored.reservation)
            sale.state.contacts[stored.reservation.id] = stored.contact
        after = rows[-1].reservation.id
    moves(sale.state)
    place = None
    while tickets := await store.tickets(sale.id, place, page) if found.ticketed else []:
        for one in tickets:
            admit_ticket(sale.state, one.reservation_id, one.number, one.ticket)
            if one.contact:
                sale.state.contacts[contact_key(one.reservation_id, one.number)] = one.contact
        place = tickets[-1].reservation_id, tickets[-1].number
    return sale


def folded(journal: Sequence[bytes]) -> State:
    """The state that the facts of these journal rows lead to; what ended is kept in `ended`."""
    state = State()
    for facts in journal:
        for fact in msgspec.msgpack.decode(facts, type=list[EventFact]):
            evolve(state, fact)
    return state
