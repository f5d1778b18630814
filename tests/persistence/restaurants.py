"""Drives one restaurant through a store as its owner would: decides by the rules, appends what follows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.event_messages import Stage
from domain.kinds import PLACED
from domain.messages import Rejected
from domain.restaurant import State, admit, decide, definition, due, evolve, next_due_ms, restored
from domain.restaurant_messages import (
    CreateRestaurant,
    HoldTable,
    Join,
    RestaurantCommand,
    RestaurantFact,
    RestaurantTerms,
    Service,
    Table,
    TableReply,
)
from persistence.store import Append, OwnerStore, Request, Stored
from tests.persistence.sales import CONTACT, NOW_MS, OWNER, claimed, new_id, new_request_id

_encode = msgspec.msgpack.Encoder().encode
DAY = NOW_MS // 86_400_000 + 1
"""Tomorrow, in UTC."""
NINETEEN = 19 * 60


def terms(*largest: int) -> RestaurantTerms:
    """Tables 1, 2, ... for parties of up to these sizes, the first two joined; open day and night."""
    tables = tuple(Table(new_id(), str(n), 1, most) for n, most in enumerate(largest or (4, 4), 1))
    services = tuple(Service(weekday, 0, 1_440) for weekday in range(7))
    joins = (Join((tables[0].id, tables[1].id), 1, 8),) if len(tables) > 1 else ()
    return RestaurantTerms("Corner", "UTC", tables, services, joins=joins)


class House:
    """One restaurant as its owner has it in memory."""

    def __init__(self, restaurant_id: str, epoch: int = 1, seq: int = 0) -> None:
        self.id = restaurant_id
        self.epoch = epoch
        self.seq = seq
        self.now_ms = NOW_MS
        self.state = State()
        self.replies: list[object] = []

    @classmethod
    async def opened(
        cls, store: OwnerStore, of: RestaurantTerms | None = None, stage: Stage = Stage.PUBLISHED
    ) -> House:
        """A new restaurant, claimed by its owner."""
        house = cls(new_id())
        entry = house.decided(CreateRestaurant(house.id, of or terms(), stage))
        assert await store.create(entry, OWNER, "events")
        house.seq = 1
        house.epoch = (await claimed(store, house.id)).epoch
        return house

    @property
    def tables(self) -> list[str]:
        assert self.state.terms is not None
        return [table.id for table in self.state.terms.tables]

    def hold(self, minute: int = NINETEEN, party: int = 2, table_id: str | None = None) -> HoldTable:
        """A command that holds a table tomorrow."""
        return HoldTable(new_id(), DAY, minute, party, b"customer", CONTACT, table_id)

    def decided(self, *commands: RestaurantCommand) -> Append:
        """What these commands make of the restaurant, as one append. Refused ones leave no trace."""
        entry = Append(self.id, "restaurant", self.epoch, self.seq)
        facts: list[RestaurantFact] = list(due(self.state, self.now_ms, 1_000))
        for fact in facts:
            evolve(self.state, fact)
        for command in commands:
            reply, following = decide(self.state, command, self.now_ms)
            self.replies.append(reply)
            for fact in following:
                evolve(self.state, fact)
            facts += following
            if isinstance(reply, TableReply) and following:
                self.state.contacts[reply.reservation.id] = reply.contact
            if not isinstance(reply, Rejected):
                entry.requests.append(Request(new_request_id(), b"body", _encode(reply), self.now_ms + 1_000))
        return self._filled(entry, facts)

    async def does(self, store: OwnerStore, *commands: RestaurantCommand) -> None:
        """Decide, and append what follows: nothing is refused."""
        entry = self.decided(*commands)
        assert not any(isinstance(reply, Rejected) for reply in self.replies), self.replies
        assert await store.append([entry]) == {self.id}
        self.seq += 1

    def _filled(self, entry: Append, facts: Sequence[RestaurantFact]) -> Append:
        state = self.state
        entry.at_ms, entry.facts = self.now_ms, _encode(facts)
        entry.next_due_ms, entry.live = next_due_ms(state), state.live
        entry.live_reservations = len(state.reservations) if state.live else 0
        touched = dict.fromkeys(getattr(fact, "reservation_id", "") for fact in facts)
        if touched.pop("", 0) is None:
            entry.definition = definition(state)
        placed = {fact.reservation_id for fact in facts if isinstance(fact, PLACED)}
        for reservation_id in touched:
            row = state.reservations.get(reservation_id) or state.ended[reservation_id]
            if reservation_id in placed:
                entry.placed.append(Stored(row, state.contacts[reservation_id]))
            else:
                entry.changed.append(row)
        return entry


async def loaded(store: OwnerStore, restaurant_id: str) -> State:
    """The restaurant as an owner that claims it now loads it."""
    found = await claimed(store, restaurant_id)
    assert found.kind == "restaurant"
    state = restored(found.inventory_id, found.definition, found.last_fact_ms)
    for stored in await store.live(restaurant_id, None, 1_000):
        admit(state, stored.reservation)
        state.contacts[stored.reservation.id] = stored.contact
    return state
