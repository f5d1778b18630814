"""Why an event's inventory says no: one function for each rule that can refuse, None where it does not."""

from __future__ import annotations

from collections.abc import Iterable

from domain.event_messages import (
    Copied,
    Reservation,
    Stage,
    Terms,
    Wanted,
)
from domain.event_seats import Seats
from domain.event_state import State, first_end_of_others
from domain.messages import Code, Rejected
from domain.seat_plan import override_flaws
from domain.stages import not_on_sale


def stale(state: State) -> Rejected:
    return Rejected(Code.STALE, "The event has changed meanwhile.", {"version": state.version})


EVENT = "event"
NO_EVENT = Rejected(Code.NOT_FOUND, "There is no such event.")


def closed(state: State, now_ms: int) -> Rejected | None:
    terms = state.terms
    assert terms is not None
    if state.stage is not Stage.PUBLISHED:
        return not_on_sale(state.stage, EVENT)
    if state.paused:
        return Rejected(Code.SALES_CLOSED, "The sale is paused.")
    if terms.sales_start_ms is not None and now_ms < terms.sales_start_ms:
        return Rejected(Code.SALES_CLOSED, "The sale has not begun.")
    if now_ms >= terms.closes_at_ms:
        return Rejected(Code.SALES_CLOSED, "The sale has ended.")
    return None


def ill_formed(state: State, lines: Wanted) -> Rejected | None:
    errors = []
    seen: set[str] = set()
    for position, (code, quantity) in enumerate(lines):
        if code not in state.types:
            errors.append((f"lines[{position}].ticket_type", "Unknown ticket type."))
        if code in seen:
            errors.append((f"lines[{position}].ticket_type", "Each ticket type once."))
        if quantity < 1:
            errors.append((f"lines[{position}].quantity", "At least 1."))
        seen.add(code)
    if not lines:
        errors.append(("lines", "At least one line."))
    return Rejected(Code.INVALID, "The lines are not valid.", errors=tuple(errors)) if errors else None


def over_limits(state: State, lines: Wanted, customer: bytes, found: Reservation | None) -> Rejected | None:
    """`found`: the hold that the lines replace. What does not grow is within limits, also lowered ones."""
    kept = {line.ticket_type: line.quantity for line in found.lines} if found is not None else {}
    for code, quantity in lines:
        most = state.types[code].max_per_order
        if most is not None and quantity > max(most, kept.get(code, 0)):
            return _limit(f"At most {most} of {code} per order.", most, quantity)
    if state.customers is None:
        return None
    assert state.terms is not None
    if state.terms.one_per_customer and found is None and customer in state.customers:
        return _ALREADY_RESERVED
    most = state.terms.max_per_customer
    if most is None:
        return None
    more = sum(quantity for _, quantity in lines) - sum(kept.values())
    total = state.customers.get(customer, 0) + more
    return _limit(f"At most {most} per customer.", most, total) if more > 0 and total > most else None


_ALREADY_RESERVED = Rejected(Code.ALREADY_RESERVED, "This customer has a reservation already.")


def _limit(detail: str, limit: int, requested: int) -> Rejected:
    return Rejected(Code.LIMIT_EXCEEDED, detail, {"limit": limit, "requested": requested})


def not_enough(state: State, lines: Wanted, found: Reservation | None, now_ms: int) -> Rejected | None:
    """`found`: the reservation that asks, which can have again what it takes already.

    Sold out, if so little is left that even the end of all other holds would not do; else held.
    """
    terms = state.terms
    assert terms is not None
    kept = {line.ticket_type: line.quantity for line in found.lines} if found is not None else {}
    short: list[str] = []
    for code, quantity in lines:
        tally, mine = state.tallies[code], kept.get(code, 0)
        missing = quantity - mine - (state.types[code].quota - tally.held - tally.confirmed)
        if missing > 0 and quantity > mine:
            if tally.held - mine < missing:
                return _SOLD_OUT
            short.append(code)
    if state.seats is not None:
        scarce = _short_of_seats(state, state.seats, lines, kept)
        if scarce is None:
            return _SOLD_OUT
        short += scarce
    if terms.capacity is not None:
        growth = sum(quantity for _, quantity in lines) - sum(kept.values())
        missing = growth - (terms.capacity - state.live)
        if missing > 0 and growth > 0:
            if sum(tally.held for tally in state.tallies.values()) - sum(kept.values()) < missing:
                return _SOLD_OUT
            short = list(state.tallies)
    return _held(state, short, "" if found is None else found.id, now_ms) if short else None


def _short_of_seats(state: State, seats: Seats, lines: Wanted, kept: dict[str, int]) -> list[str] | None:
    """The types on whose holds the wanted seats are; None where even the end of all of them would not do."""
    wanted: dict[tuple[str, ...], list[int]] = {}
    for code, quantity in lines:
        group = wanted.setdefault(state.types[code].categories, [0, 0])
        group[0] += quantity
        group[1] += kept.get(code, 0)
    wanted.pop((), None)
    short: list[str] = []
    for categories, (quantity, mine) in wanted.items():
        missing = quantity - mine - seats.left(categories)
        if missing <= 0 or quantity <= mine:
            continue
        sharing = [
            code for code, kind in state.types.items() if not set(categories).isdisjoint(kind.categories)
        ]
        if sum(state.tallies[code].held for code in sharing) - mine < missing:
            return None
        short += sharing
    return short


_SOLD_OUT = Rejected(Code.SOLD_OUT, "Not enough tickets are left.")


def _held(state: State, codes: list[str], asking: str, now_ms: int) -> Rejected:
    """To be asked again when the first of the others' holds ends."""
    ends = [end for end in (first_end_of_others(state, code, asking) for code in codes) if end is not None]
    seconds = max(1, -((now_ms - min(ends)) // 1000))
    return Rejected(Code.HELD, "What is left is on hold for others.", {"retry_after_s": seconds})


def unknown_seats(state: State, names: tuple[str, ...]) -> Rejected | None:
    layout = state.seats.layout if state.seats is not None else None
    errors = tuple(
        [
            (f"seats[{position}]", f"{name}: There is no such seat.")
            for position, name in enumerate(names)
            if layout is None or layout.number_of(name) is None
        ]
    )
    return Rejected(Code.INVALID, "The event has no such seats.", errors=errors) if errors else None


def taken_seats(seats: Seats, names: Iterable[str]) -> Rejected | None:
    taken = [name for name in names if not seats.is_free(name)]
    if not taken:
        return None
    numbers: dict[str, int | str] = {"seat": taken[0], "live": len(taken)}
    return Rejected(Code.IN_USE, f"{len(taken)} of the seats are taken.", numbers)


def unknown_own_seats(seats: Seats | None, copied: Copied) -> Rejected | None:
    """Seats with categories of their own at the other event, which this one's plan does not have."""
    if seats is None or copied.overrides is None:
        return None
    errors = override_flaws(seats.layout, copied.overrides)
    found = tuple([(f"seating.categories{path}", message) for path, message in errors])
    return Rejected(Code.INVALID, "The event has no such seats.", errors=found) if found else None


def unknown_categories(seats: Seats | None, terms: Terms, codes: Iterable[str]) -> Rejected | None:
    """Of these ticket types: one that is for seats of a category that no seat has."""
    if seats is None:
        return None
    known, asked = seats.layout.categories, frozenset(codes)
    errors = tuple(
        [
            (f"ticket_types[{position}].categories", f"There are no seats of category {category}.")
            for position, kind in enumerate(terms.ticket_types)
            for category in kind.categories
            if kind.code in asked and category not in known
        ]
    )
    return Rejected(Code.INVALID, "The event has no such seats.", errors=errors) if errors else None


def beyond_seats(seats: Seats | None, terms: Terms, codes: Iterable[str]) -> Rejected | None:
    """Of these ticket types: one with a quota that is more than all seats of its categories."""
    if seats is None:
        return None
    known, asked, errors = seats.layout.categories, frozenset(codes), []
    for position, kind in enumerate(terms.ticket_types):
        most = sum(known.get(category, 0) for category in kind.categories)
        if kind.code in asked and kind.categories and kind.quota > most:
            message = f"There are {most} seats of these categories."
            errors.append((f"ticket_types[{position}].quota", message))
    detail = "The event has no such seats."
    return Rejected(Code.INVALID, detail, errors=tuple(errors)) if errors else None


def over(state: State) -> Rejected | None:
    if state.stage is not Stage.CANCELLED:
        return None
    return Rejected(Code.WRONG_STATE, "The event is cancelled.", {"event_status": state.stage.value})


def below_live(state: State, terms: Terms) -> Rejected | None:
    """A quota, a capacity, or a removal (a quota of nothing) that would fall below what is live."""
    quotas = {kind.code: kind.quota for kind in terms.ticket_types}
    for code, tally in state.tallies.items():
        live = tally.held + tally.confirmed
        if quotas.get(code, 0) < live:
            return Rejected(Code.QUOTA_BELOW_LIVE, f"{live} of {code} are live.", {"live": live})
    if terms.capacity is not None and terms.capacity < state.live:
        return Rejected(Code.QUOTA_BELOW_LIVE, f"{state.live} are live.", {"live": state.live})
    return None
