"""Requests of the API and their replies as values, and what becomes of a pair of them in the records.

Behaviours yield requests, drivers send them: Locust's, or the plain asyncio one of the fault runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from loadtest.record import NO_REPLY, Call, Kind, Operation, Sitting, View, Wanted, Wish, digest

API = "/api/v1"
RETRY_AFTER_MAX_S = 10.0
SAY_NOTHING = ("event", "list", "search")
"""Replies of which nothing is recorded."""


@dataclass(slots=True, frozen=True)
class Request:
    """One request; `event` names the sale it is about, whatever the path says."""

    op: Operation
    method: str
    path: str
    event: str
    body: bytes = b""
    reservation: str = ""
    token: str = ""
    key: str = ""
    email: str = ""
    wanted: Wanted = ()
    kind: Kind = "tickets"
    named: tuple[str, ...] = ()
    wish: Wish | None = None
    staff: bool = False
    """Sent with the operator's token, which the driver has."""

    @property
    def label(self) -> str:
        """What it is called where requests are counted."""
        return self.op if self.kind == "tickets" else f"{self.kind}: {self.op}"

    @property
    def headers(self) -> dict[str, str]:
        found = {"Content-Type": "application/json"} if self.body else {}
        if self.key:
            found["Idempotency-Key"] = self.key
        if self.token:
            found["Reservation-Token"] = self.token
        return found


class Money(msgspec.Struct):
    """An amount in minor units."""

    amount: int


class Line(msgspec.Struct):
    """A line of a reservation."""

    ticket_type: str
    quantity: int
    unit_price: Money
    seats: tuple[str, ...] = ()


class Reservation(msgspec.Struct):
    """What a reply says of a reservation."""

    id: str
    status: str
    expires_at: str
    created_at: str
    lines: list[Line]
    total: Money
    token: str = ""
    code: str = ""

    @property
    def view(self) -> View:
        lines = tuple((line.ticket_type, line.quantity, line.unit_price.amount) for line in self.lines)
        return View(self.status, ms_of(self.expires_at), lines, self.total.amount, ms_of(self.created_at))

    @property
    def seats(self) -> tuple[str, ...]:
        return tuple(name for line in self.lines for name in line.seats)


class Stay(msgspec.Struct):
    """What a reply says of a reservation of tables."""

    id: str
    status: str
    expires_at: str | None
    tables: tuple[str, ...]
    starts_at: str
    ends_at: str
    party_size: int
    created_at: str
    token: str = ""

    @property
    def sitting(self) -> Sitting:
        expires_ms = ms_of(self.expires_at) if self.expires_at else 0
        times = ms_of(self.starts_at), ms_of(self.ends_at)
        return Sitting(self.status, expires_ms, self.tables, *times, self.party_size, ms_of(self.created_at))


class Counts(msgspec.Struct):
    """A ticket type's counts."""

    code: str
    available: int
    held: int
    confirmed: int


class Availability(msgspec.Struct):
    """What a reply says of an event's counts."""

    sequence: int
    ticket_types: list[Counts]


class SeatMap(msgspec.Struct):
    """An event's seats: all of them, or what has changed of them."""

    sequence: int
    states: str = ""
    changes: list[tuple[int, int]] = []


class FreeTime(msgspec.Struct):
    """A time that can be had at a restaurant, as its clocks show it."""

    date: str
    time: str
    tables: tuple[str, ...]

    @property
    def start_ms(self) -> int:
        """Of a restaurant in UTC."""
        return ms_of(f"{self.date}T{self.time}:00Z")


class Search(msgspec.Struct):
    """What a reply says of a restaurant's free times."""

    times: list[FreeTime]
    alternatives: list[FreeTime]


class Stays(msgspec.Struct):
    """A page of a restaurant's reservations."""

    items: list[Stay]


class _Problem(msgspec.Struct):
    code: str


_reservation = msgspec.json.Decoder(Reservation)
_stay = msgspec.json.Decoder(Stay)
_map = msgspec.json.Decoder(SeatMap)
_stays = msgspec.json.Decoder(Stays)
_search = msgspec.json.Decoder(Search)
_availability = msgspec.json.Decoder(Availability)
_problem = msgspec.json.Decoder(_Problem)


@dataclass(frozen=True)
class Reply:
    """What came back. `status` 0: nothing, and `failure` says why."""

    status: int
    sent_us: int
    got_us: int
    body: bytes = field(default=b"", repr=False)
    retry_after: str = ""
    failure: str = ""

    @property
    def done(self) -> bool:
        return 200 <= self.status < 300

    @property
    def asks_again(self) -> bool:
        """The server, or its silence, asks for the same request once more."""
        return self.status in (NO_REPLY, 429, 503)

    @property
    def retry_after_s(self) -> float:
        return min(float(self.retry_after), RETRY_AFTER_MAX_S) if self.retry_after.isdigit() else 1.0

    @cached_property
    def code(self) -> str:
        """A problem's code; for what is no reply at all, why."""
        if self.done or self.status == 304:
            return ""
        try:
            return self.failure or _problem.decode(self.body).code
        except msgspec.MsgspecError:
            return "no problem"

    @cached_property
    def reservation(self) -> Reservation:
        return _reservation.decode(self.body)

    @cached_property
    def stay(self) -> Stay:
        return _stay.decode(self.body)

    @cached_property
    def seat_map(self) -> SeatMap:
        return _map.decode(self.body)

    @cached_property
    def stays(self) -> list[Stay]:
        return _stays.decode(self.body).items

    @cached_property
    def search(self) -> Search:
        return _search.decode(self.body)

    @cached_property
    def availability(self) -> Availability:
        return _availability.decode(self.body)


def ms_of(moment: str) -> int:
    """RFC 3339 to whole milliseconds since 1970, without a fraction in a float on the way."""
    parsed = datetime.fromisoformat(moment)
    return int(parsed.timestamp()) * 1000 + parsed.microsecond // 1000


def call_of(client: str, request: Request, reply: Reply) -> Call:
    """The record of it."""
    call = Call(
        client,
        request.op,
        request.event,
        reply.sent_us,
        reply.got_us,
        reply.status,
        reply.code,
        request.reservation,
        request.key,
        digest(request.body) if request.key or request.body else "",
        digest(reply.body) if request.key else "",
        request.email,
        request.wanted,
        kind=request.kind,
        named=request.named,
        wish=request.wish,
    )
    return msgspec.structs.replace(call, **_told(request, reply)) if reply.done else call


def _told(request: Request, reply: Reply) -> dict[str, Any]:
    """What a reply says, by the fields of a record."""
    if request.op == "availability":
        counts = [
            (one.code, one.available, one.held, one.confirmed) for one in reply.availability.ticket_types
        ]
        return {"sequence": reply.availability.sequence, "counts": tuple(counts)}
    if request.op == "map":
        return {"sequence": reply.seat_map.sequence}
    if request.op in SAY_NOTHING:
        return {}
    if request.kind == "tables":
        return {"reservation": reply.stay.id, "sitting": reply.stay.sitting}
    said = reply.reservation
    return {"reservation": said.id, "view": said.view, "seats": said.seats}
