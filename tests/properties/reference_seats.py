"""The rules of seats for the reference model: sets of names, made from the reservations for each question."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from domain.event_messages import Line, Reservation, SeatWish, Status, TicketType, Wanted
from domain.messages import Code, Rejected
from domain.seat_map import BEST_MAX_SEATS
from domain.seat_plan import Overrides, Plan, Row
from tests.properties.seat_reference import SlowMap, Wish

Named = tuple[tuple[str, ...], ...]


class Hall:
    """A plan, and what was asked of it; whose a seat is, is said by the reservations alone."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.category = {place.name: place.category for place in SlowMap(plan).places}

    def with_own(self, overrides: Overrides) -> Hall:
        """The plan itself with these categories written into it."""
        own = {name: category for category, names in overrides for name in names}
        return Hall(
            Plan(
                tuple(
                    replace(
                        section,
                        rows=tuple(
                            _with_own(row, f"{section.label}/{row.label}", own) for row in section.rows
                        ),
                    )
                    for section in self.plan.sections
                )
            )
        )

    def free(self, live: Iterable[Reservation], blocked: frozenset[str], but: str = "") -> set[str]:
        taken = {name for found in live if found.id != but for line in found.lines for name in line.seats}
        return set(self.category) - taken - blocked

    def left(self, kind: TicketType, free: set[str]) -> int:
        return sum(self.category[name] in kind.categories for name in free)

    def is_ill(self, kinds: dict[str, TicketType], wanted: Wanted, wish: SeatWish) -> bool:
        names = [name for line in wish.named for name in line]
        if (wish.named and len(wish.named) != len(wanted)) or len(set(names)) < len(names):
            return True
        if wish.accessible > sum(quantity for _, quantity in wanted):
            return True
        return any(
            len(line) != quantity
            or any(self.category.get(name) not in kinds[code].categories for name in line)
            for (code, quantity), line in zip(wanted, wish.named, strict=False)
            if line
        )

    def not_free(
        self, names: Iterable[str], free: set[str], others: list[Reservation], now_ms: int
    ) -> Rejected | None:
        """Sold if one of them is, else held until the first of the holds ends."""
        ends = []
        for name in names:
            if name in free:
                continue
            of = [found for found in others for line in found.lines if name in line.seats]
            if not of or of[0].status not in (Status.HELD, Status.PAYING):
                return Rejected(Code.SOLD_OUT, "", {"seat": name})
            ends.append((of[0].expires_at_ms, name))
        if not ends:
            return None
        end_ms, name = min(ends)
        return Rejected(Code.HELD, "", {"seat": name, "retry_after_s": max(1, -(-(end_ms - now_ms) // 1000))})

    def chosen(
        self, kinds: dict[str, TicketType], wanted: Wanted, named: Named, wish: SeatWish, free: set[str]
    ) -> Named | Rejected:
        """Seats for the lines that name none, group by group, out of what the others leave."""
        free = free - {name for line in named for name in line}
        seats = list(named)
        accessible = wish.accessible
        waiting = [n for n, (code, _) in enumerate(wanted) if kinds[code].categories and not named[n]]
        for categories in dict.fromkeys(kinds[wanted[n][0]].categories for n in waiting):
            group = [n for n in waiting if kinds[wanted[n][0]].categories == categories]
            size = sum(wanted[n][1] for n in group)
            if size > BEST_MAX_SEATS:
                return Rejected(Code.LIMIT_EXCEEDED, "", {"limit": BEST_MAX_SEATS, "requested": size})
            slow = SlowMap(self.plan)
            slow.free = {place for place in slow.places if place.name in free}
            found = slow.best(Wish(categories, size, accessible, wish.fallback, wish.orphans))
            if found is None:
                return Rejected(Code.NO_FITTING_SEATS, "")
            names = [slow.places[number].name for number in found]
            accessible, free = 0, free - set(names)
            for n in group:
                seats[n], names = tuple(names[: wanted[n][1]]), names[wanted[n][1] :]
        return tuple(seats)


def _with_own(row: Row, name: str, own: dict[str, str]) -> Row:
    seats = [replace(seat, category=own.get(f"{name}/{seat.label}", seat.category)) for seat in row.seats]
    return replace(row, seats=tuple(seats))


def kept_by(wanted: Wanted, wish: SeatWish, mine: Reservation | None) -> Named:
    """The seats that are named, or that a line which does not grow keeps."""
    named = wish.named or ((),) * len(wanted)
    if mine is None:
        return named
    own: dict[str, Line] = {line.ticket_type: line for line in mine.lines}
    return tuple(
        names or (own[code].seats[:quantity] if code in own and quantity <= len(own[code].seats) else ())
        for (code, quantity), names in zip(wanted, named, strict=True)
    )
