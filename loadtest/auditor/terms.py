"""The event's terms, held against each hold that is placed or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.event_messages import Line
from loadtest.record import Lines

if TYPE_CHECKING:
    from loadtest.auditor.claims import Claim
    from loadtest.auditor.fold import Book


def breaches(
    book: Book, claim: Claim, lines: tuple[Line, ...], before: Lines, at_ms: int, new: bool
) -> list[str]:
    """Which of the event's terms a hold's new lines break."""
    terms = book.terms
    assert terms is not None
    kept = {code: (quantity, price) for code, quantity, price in before}
    grows = new or any(line.quantity > kept.get(line.ticket_type, (0, 0))[0] for line in lines)
    wrong = []
    if grows and (book.paused or at_ms >= terms.closes_at_ms or at_ms < (terms.sales_start_ms or 0)):
        wrong.append("the sale is not open")
    if new and claim.expires_ms != at_ms + terms.hold_duration_s * 1000:
        wrong.append("the hold's length is not the event's")
    for line in lines:
        kind = book.types.get(line.ticket_type)
        if kind is None:
            wrong.append(f"{line.ticket_type} is not sold")
            continue
        price = kept[line.ticket_type][1] if line.ticket_type in kept else kind.price
        if line.unit_price != price:
            wrong.append(f"{line.ticket_type} costs {price}, not {line.unit_price}")
        if line.quantity < 1 or (kind.max_per_order is not None and line.quantity > kind.max_per_order):
            wrong.append(f"{line.quantity} of {line.ticket_type} in one order")
    if len({line.ticket_type for line in lines}) != len(lines):
        wrong.append("a ticket type twice")
    most = terms.max_per_customer
    if most is not None and book.customers.get(claim.customer, 0) > most:
        wrong.append(f"more than {most} of one customer are live")
    return wrong
