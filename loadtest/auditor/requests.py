"""I7 in the database: what a request id is on record to have done is what the journal says was done.

A record's reply shows a reservation, or the event, as its command left it. The fold must have passed through
just that state, at least as often as records name it: a record without its fact promises a retry what never
was, and two records of one fact are two requests that share one effect. And what a client was told of with a
key must be on record for as long as keys are kept. States are remembered as hashes, one for each fact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from domain.event_messages import EventReplies, EventReply, Reservation, ReservationReply
from domain.messages import Rejected
from domain.ticket_messages import TicketReply
from loadtest.auditor.claims import EXPIRED, Claim
from loadtest.auditor.findings import Check, Findings
from loadtest.record import Call, View

if TYPE_CHECKING:
    from loadtest.auditor.fold import Book

KEYS_KEPT_MIN_MS = 24 * 3_600_000
_KEYED = ("hold", "confirm", "extend", "cancel")


@dataclass(slots=True, frozen=True)
class RequestRow:
    """What one request id has done: the reply to give again, still encoded."""

    request_id: bytes
    reply: bytes
    of_rejected: bool = False
    """It is the rejection of a submission, which is as final as an effect."""


class Requests:
    """A watcher: every state that a reservation has passed through, to be held against the records."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._passed: Counter[int] = Counter()
        self._recorded: set[int] = set()

    def changed(self, book: Book, reservation_id: str, claim: Claim, at_ms: int) -> None:
        self._passed[hash((reservation_id, claim.view()))] += 1

    def row_ended(self, book: Book, at_ms: int) -> None:
        pass

    def ended(self, book: Book, rows: Iterable[RequestRow], calls: Iterable[Call], now_ms: int) -> None:
        """The records as of `now_ms`, the fold's end; `calls`: what clients were told."""
        for row in rows:
            wrong = self._wrong(book, row)
            named = f"{book.inventory_id}: request {row.request_id.hex()}"
            self._findings.expect(Check.REQUESTS, not wrong, f"{named}: {wrong}")
        for call in calls:
            if _must_be_kept(call, now_ms):
                kept = hash((call.reservation, call.view)) in self._recorded
                told = f"{call.op} of {call.reservation} was acknowledged, no request is on record for it"
                self._findings.expect(Check.REQUESTS, kept, f"{book.inventory_id}: {told}")

    def _wrong(self, book: Book, row: RequestRow) -> str:
        match _decoder.decode(row.reply):
            case ReservationReply(reservation=reservation, currency=currency):
                if book.terms is not None and currency != book.terms.currency:
                    return f"replied in {currency}"
                return self._wrong_reservation(book, reservation)
            case TicketReply() as reply:
                return book.tickets.wrong_reply(reply)
            case EventReply() as reply:
                return _wrong_event(book, reply)
            case Rejected() if row.of_rejected:
                return ""
            case other:
                return f"{type(other).__name__} is no effect"

    def _wrong_reservation(self, book: Book, said: Reservation) -> str:
        state = hash((said.id, _view(said)))
        claim = book.claims.get(said.id)
        if claim is None or claim.customer != said.customer:
            return f"the journal knows no reservation {said.id} of that customer"
        self._recorded.add(state)
        if not self._passed[state]:
            return f"no fact, or no other than another request's, left {said.id} {said.status.value} so"
        self._passed[state] -= 1
        return ""


def _wrong_event(book: Book, reply: EventReply) -> str:
    if reply.id != book.inventory_id or not 1 <= reply.version <= book.version:
        return f"the facts know no version {reply.version} of event {reply.id}"
    folded = book.versions[reply.version - 1]
    return (
        ""
        if (reply.terms, reply.paused, reply.stage) == folded
        else f"version {reply.version} was never that"
    )


def _view(said: Reservation) -> View:
    lines = tuple((line.ticket_type, line.quantity, line.unit_price) for line in said.lines)
    total = sum(quantity * price for _, quantity, price in lines)
    return View(said.status.value, said.expires_at_ms, lines, total, said.created_at_ms)


def _must_be_kept(call: Call, now_ms: int) -> bool:
    """An acknowledged effect of a key that is young enough. That a hold ran out is no request's effect."""
    effect = call.op in _KEYED and call.done and call.view is not None and call.view.status != EXPIRED
    return effect and call.key != "" and call.got_us // 1000 > now_ms - KEYS_KEPT_MIN_MS


_decoder = msgspec.msgpack.Decoder(EventReplies)
