"""Requests of the API and their replies as values, and what becomes of a pair of them in the records.

Behaviours yield requests, drivers send them: Locust's, or the plain asyncio one of the fault runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import msgspec

from loadtest.record import NO_REPLY, Call, Operation, View, Wanted, digest

API = "/api/v1"
RETRY_AFTER_MAX_S = 10.0


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


class Reservation(msgspec.Struct):
    """What a reply says of a reservation."""

    id: str
    status: str
    expires_at: str
    created_at: str
    lines: list[Line]
    total: Money
    token: str = ""

    @property
    def view(self) -> View:
        lines = tuple((line.ticket_type, line.quantity, line.unit_price.amount) for line in self.lines)
        return View(self.status, ms_of(self.expires_at), lines, self.total.amount, ms_of(self.created_at))


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


class _Problem(msgspec.Struct):
    code: str


_reservation = msgspec.json.Decoder(Reservation)
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
    def availability(self) -> Availability:
        return _availability.decode(self.body)


def ms_of(moment: str) -> int:
    """RFC 3339 to whole milliseconds since 1970, without a fraction in a float on the way."""
    parsed = datetime.fromisoformat(moment)
    return int(parsed.timestamp()) * 1000 + parsed.microsecond // 1000


def call_of(client: str, request: Request, reply: Reply) -> Call:
    """The record of it."""
    reservation, view, sequence = request.reservation, None, -1
    counts: tuple[tuple[str, int, int, int], ...] = ()
    if reply.done and request.op == "availability":
        sequence = reply.availability.sequence
        counts = tuple(
            (one.code, one.available, one.held, one.confirmed) for one in reply.availability.ticket_types
        )
    elif reply.done and request.op != "event":
        reservation, view = reply.reservation.id, reply.reservation.view
    return Call(
        client,
        request.op,
        request.event,
        reply.sent_us,
        reply.got_us,
        reply.status,
        reply.code,
        reservation,
        request.key,
        digest(request.body) if request.key or request.body else "",
        digest(reply.body) if request.key else "",
        request.email,
        request.wanted,
        view,
        sequence,
        counts,
    )
