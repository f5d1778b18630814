"""The event's terms, held against what is placed, changed, extended and cancelled under them.

When a sale closes, how long a hold lasts and how often it may be extended is worked out here once more, from
the fields that the operator has set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.event_messages import HoldExtended, Line, ReservationCancelled, Stage, Terms
from loadtest.record import Lines

if TYPE_CHECKING:
    from loadtest.auditor.claims import Claim
    from loadtest.auditor.fold import Book


HOLD_DURATION_S = range(10, 86_401)
DAY_MS = 24 * 3_600_000


def unfit(terms: Terms, before: Terms | None) -> list[str]:
    """What cannot stand in an event's terms, or cannot become of those it had."""
    wrong = []
    if terms.hold_duration_s not in HOLD_DURATION_S:
        wrong.append(f"holds of {terms.hold_duration_s} s")
    if terms.sales_start_ms is not None and terms.sales_start_ms >= _closes_ms(terms):
        wrong.append("the sale ends before it begins")
    if len({kind.code for kind in terms.ticket_types}) != len(terms.ticket_types):
        wrong.append("a ticket type twice")
    if before is not None and before.currency != terms.currency:
        wrong.append(f"prices in {before.currency} became prices in {terms.currency}")
    if not 0 <= terms.cancel_keeps_percent <= 100:
        wrong.append(f"{terms.cancel_keeps_percent} % are kept")
    return wrong


def unmoved(terms: Terms, before: Terms | None, at_ms: int) -> list[str]:
    """Whether they say rightly when the start was last changed; facts older than that rule say nothing."""
    if before is None or terms.starts_at_ms == before.starts_at_ms:
        fits = terms.moved_ms == (before.moved_ms if before is not None else None)
    else:
        fits = terms.moved_ms == at_ms or (terms.moved_ms is None and before.moved_ms is None)
    return [] if fits else [f"moved at {at_ms}, says {terms.moved_ms}"]


def breaches_after(terms: Terms, claim: Claim, fact: HoldExtended | ReservationCancelled) -> list[str]:
    """Which of the terms an extension or a cancellation breaks; `claim` as it was before."""
    if isinstance(fact, ReservationCancelled):
        return list(_of_cancelling(terms, claim, fact))
    wrong = []
    if claim.extensions >= terms.hold_extensions_max:
        wrong.append(f"extended more than {terms.hold_extensions_max} times")
    end_ms = max(claim.expires_ms, fact.at_ms + terms.hold_duration_s * 1000)
    if fact.expires_at_ms != end_ms:
        wrong.append(f"extended to {fact.expires_at_ms}, not to {end_ms}")
    return wrong


def _of_cancelling(terms: Terms, claim: Claim, fact: ReservationCancelled) -> Iterator[str]:
    """In time, or within some days of a move of the start that came after it was placed; and what was
    kept."""
    until_ms, moved_ms = terms.cancel_until_ms, terms.moved_ms
    was_moved = False
    if moved_ms is not None and claim.created_ms <= moved_ms and terms.postponed_refund_days > 0:
        after_ms = fact.at_ms - moved_ms
        was_moved = after_ms <= terms.postponed_refund_days * DAY_MS and fact.at_ms < terms.starts_at_ms
    if not was_moved and until_ms is None:
        yield "what is confirmed is final"
    elif not was_moved and until_ms is not None and fact.at_ms > until_ms:
        yield f"cancelled {fact.at_ms - until_ms} ms too late"
    price = sum(quantity * price for _, quantity, price in claim.lines)
    kept = 0 if was_moved or fact.by_operator else price * terms.cancel_keeps_percent // 100
    if fact.kept != kept:
        yield f"{fact.kept} of {price} were kept, not {kept}"


def breaches(
    book: Book, claim: Claim, lines: tuple[Line, ...], before: Lines, at_ms: int, new: bool
) -> list[str]:
    """Which of the event's terms a hold's new lines break."""
    terms = book.terms
    assert terms is not None
    kept = {code: (quantity, price) for code, quantity, price in before}
    grows = new or any(line.quantity > kept.get(line.ticket_type, (0, 0))[0] for line in lines)
    wrong = []
    if grows and (book.paused or book.stage is not Stage.PUBLISHED or not _on_sale(terms, at_ms)):
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
    quantity = sum(line.quantity for line in lines)
    if new and terms.one_per_customer and book.customers.get(claim.customer, 0) > quantity:
        wrong.append("its customer had a reservation already")
    return wrong


def _on_sale(terms: Terms, at_ms: int) -> bool:
    """From the start of sales, up to their end, itself outside."""
    return (terms.sales_start_ms or 0) <= at_ms < _closes_ms(terms)


def _closes_ms(terms: Terms) -> int:
    return terms.starts_at_ms if terms.sales_end_ms is None else terms.sales_end_ms
