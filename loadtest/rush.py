"""What people do when the seats of one event go on sale, all at once.

They look at the map and name seats side by side, or take the best that are left. Seats that another was
quicker to take are answered 423 or 409: then they look what has changed on the map and name others, and at
last take what they are given. Witnesses fight for one row of a few seats and give them back.
"""

from __future__ import annotations

import random
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from loadtest.exchange import API, Reply, Request, SeatMap
from loadtest.visitor import (
    LOCKED,
    OTHER_BODY_SHARE,
    SAME_AGAIN_SHARE,
    THINK_S,
    WAIT_LOOK_S,
    Mine,
    Script,
    Visitor,
    act_request,
    mine_of,
)

NAMING_SHARE = 0.5
NAMED_MAX_TRIES = 4
PARTIES, PARTY_WEIGHTS = (1, 2, 3, 4), (20, 50, 15, 15)
FATES = ("confirm", "extend", "fewer", "give up", "walk away")
FATE_WEIGHTS = (72, 5, 5, 9, 9)
STARTS_LOOKED_AT = 40
"""Places on the map where somebody looks for seats side by side before taking the best."""
FALLBACKS = ("refuse", "gaps", "split")
FREE = 0
CONFLICT = 409


class Rush(msgspec.Struct, frozen=True):
    """One event of seats: a block of `rows` equal rows, and which of them each ticket type has."""

    event: str
    opens_us: int
    section: str
    rows: int
    row_seats: int
    types: tuple[tuple[str, int], ...]
    """(code, its last row)."""
    witness_event: str
    witness_seats: tuple[str, ...]
    witness_type: str

    def type_of(self, row: int) -> str:
        return next(code for code, last in self.types if row <= last)

    def names(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """What the seats of these numbers are called."""
        return tuple(
            f"{self.section}/{number // self.row_seats + 1}/{number % self.row_seats + 1}"
            for number in numbers
        )


class Hall:
    """The map as one client knows it."""

    def __init__(self) -> None:
        self.sequence = -1
        self._states = bytearray()

    def take(self, said: SeatMap) -> None:
        """All seats, or what has changed since the sequence that was known."""
        self.sequence = said.sequence
        if said.states:
            packed = b64decode(said.states)
            self._states = bytearray((byte >> shift) & 3 for byte in packed for shift in (0, 2, 4, 6))
        for number, state in said.changes:
            self._states[number] = state

    def free(self, numbers: range) -> bool:
        return all(self._states[number] == FREE for number in numbers)


class Seatgoer(Visitor):
    """One of the crowd."""

    def __init__(self, name: str, rush: Rush, rng: random.Random) -> None:
        super().__init__(name, rng)
        self.rush = rush
        self._hall = Hall()

    # --- whole behaviours -------------------------------------------------------------------------

    def buy(self) -> Script[None]:
        """From the wait for the opening to the end of one purchase."""
        yield from self.wait_for(self.rush.opens_us, self._availability())
        mine, quantity = yield from self._hold()
        if mine is None:
            yield self._availability()
            yield self.pause(WAIT_LOOK_S)
            return
        yield self.pause(THINK_S)
        fate = self._rng.choices(FATES, FATE_WEIGHTS)[0]
        if fate == "fewer":
            if quantity > 1:
                yield from self._fewer(mine, quantity - 1)
            fate = "confirm"
        yield from self.see_through(mine, fate)

    def witness(self) -> Script[None]:
        """One of a few in front of one row of seats: named ones, or whichever are left."""
        rush, quantity = self.rush, self._rng.choice((1, 1, 2))
        named: tuple[str, ...] = ()
        if self._rng.random() < NAMING_SHARE:
            first = self._rng.randrange(len(rush.witness_seats) - quantity + 1)
            named = rush.witness_seats[first : first + quantity]
        request = self._request(rush.witness_event, rush.witness_type, quantity, named)
        reply = yield from self.insist(request)
        if reply.done:
            mine = mine_of(request, reply)
            if self._rng.random() < 0.5:
                yield from self.insist(act_request(mine, "confirm"))
            yield from self.insist(act_request(mine, "cancel"))
        yield self.pause((0.05, 0.4))

    # --- their parts ------------------------------------------------------------------------------

    def _hold(self) -> Script[tuple[Mine | None, int]]:
        """Named seats where the map shows some, or else the best; and how many."""
        quantity = self._rng.choices(PARTIES, PARTY_WEIGHTS)[0]
        if self._rng.random() < NAMING_SHARE:
            for _ in range(NAMED_MAX_TRIES):
                yield from self._look_at_map()
                request = self._name_some(quantity)
                if request is None:
                    break
                reply = yield from self.insist(request)
                if reply.done:
                    return (yield from self._twice(request, reply)), quantity
                if reply.status not in (LOCKED, CONFLICT):
                    return None, quantity
        code = self._rng.choice(self.rush.types)[0]
        request = self._request(self.rush.event, code, quantity)
        reply = yield from self.come_back(request)
        if not reply.done:
            return None, quantity
        return (yield from self._twice(request, reply)), quantity

    def _twice(self, request: Request, reply: Reply) -> Script[Mine]:
        """A few ask again what was answered: with the same key, and fewer of them with another body."""
        if self._rng.random() < SAME_AGAIN_SHARE:
            yield from self.insist(request)
        if self._rng.random() < OTHER_BODY_SHARE:
            other = self._request(request.event, request.wanted[0][0], 5)
            yield from self.insist(replace(other, key=request.key, email=request.email))
        return mine_of(request, reply)

    def _look_at_map(self) -> Script[None]:
        known = f"?since={self._hall.sequence}" if self._hall.sequence >= 0 else ""
        path = f"{API}/events/{self.rush.event}/seats{known}"
        reply = yield from self.insist(Request("map", "GET", path, self.rush.event, kind="seats"))
        if reply.done:
            self._hall.take(reply.seat_map)

    def _name_some(self, quantity: int) -> Request | None:
        """Free seats side by side, as the map shows them; front rows are more in demand."""
        rush = self.rush
        for _ in range(STARTS_LOOKED_AT if self._hall.sequence >= 0 else 0):
            row = int(rush.rows * self._rng.random() ** 2) + 1
            place = self._rng.randrange(rush.row_seats - quantity + 1)
            first = (row - 1) * rush.row_seats + place
            numbers = range(first, first + quantity)
            if self._hall.free(numbers):
                return self._request(rush.event, rush.type_of(row), quantity, rush.names(numbers))
        return None

    def _fewer(self, mine: Mine, quantity: int) -> Script[None]:
        """Keeps as many of its seats."""
        reply = yield from self.insist(_read(mine))
        if not reply.done:
            return
        code = reply.reservation.lines[0].ticket_type
        body = msgspec.json.encode({"lines": [{"ticket_type": code, "quantity": quantity}]})
        path, wanted = f"{API}/reservations/{mine.id}", ((code, quantity),)
        yield from self.insist(
            Request(
                "change", "PATCH", path, mine.event, body, mine.id, mine.token, wanted=wanted, kind="seats"
            )
        )

    def _availability(self) -> Request:
        event = self.rush.event
        return Request("availability", "GET", f"{API}/events/{event}/availability", event, kind="seats")

    def _request(self, event: str, code: str, quantity: int, named: tuple[str, ...] = ()) -> Request:
        email = self.next_email("seat")
        line: dict[str, object] = {"ticket_type": code, "quantity": quantity}
        body: dict[str, object] = {
            "lines": [{**line, "seats": named} if named else line],
            "customer": {"name": f"Seat {self.name}", "email": email},
        }
        if not named:
            body["best"] = {"fallback": self._rng.choice(FALLBACKS)}
        return Request(
            "hold",
            "POST",
            f"{API}/events/{event}/reservations",
            event,
            msgspec.json.encode(body),
            key=self.key(),
            email=email,
            wanted=((code, quantity),),
            kind="seats",
            named=named,
        )


def _read(mine: Mine) -> Request:
    path = f"{API}/reservations/{mine.id}"
    return Request("read", "GET", path, mine.event, reservation=mine.id, token=mine.token, kind=mine.kind)
