"""The rules of an event once more, small, slow and obvious: a list of reservations, sums made from scratch.

Shares with `domain.event` the messages and nothing else. The property tests compare the two command by
command; the simulation uses it as the sequential object that a linearizable history has to fit.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from domain.event_change import flaws
from domain.event_messages import (
    BeginPayment,
    BlockSeats,
    CancelEvent,
    CancelReservation,
    ChangeEvent,
    ChangeHold,
    CloseEvent,
    ConfirmReservation,
    CopyFromEvent,
    CreateEvent,
    DeleteEvent,
    EventCommand,
    EventReplies,
    EventReply,
    ExpireDue,
    ExtendHold,
    FailPayment,
    FinishPayment,
    Line,
    Looked,
    PaidBy,
    PauseSale,
    PlaceHold,
    PublishEvent,
    ReduceReservation,
    Reservation,
    ReservationReply,
    ResumeSale,
    SeatWish,
    SellReservation,
    Stage,
    Status,
    Terms,
    TermsChange,
    TicketType,
    TypeCounts,
    UnblockSeats,
    VoidReservation,
    Wanted,
)
from domain.messages import Code, Rejected
from domain.seat_plan import Plan
from domain.ticket_messages import ORDINARY, TicketCommand, TicketReply
from tests.properties.reference_seats import Hall, Named, kept_by
from tests.properties.reference_tickets import Known, ask_ticket, keeps, numbered, status_by_tickets

OfOne = ConfirmReservation | CancelReservation | ChangeHold | ExtendHold | TicketCommand
OfMoney = SellReservation | BeginPayment | FinishPayment | FailPayment | ReduceReservation | VoidReservation
ENDED = (Status.RELEASED, Status.EXPIRED, Status.CANCELLED)
ON_HOLD = (Status.HELD, Status.PAYING)


def no(code: Code, **facts: int | str) -> Rejected:
    return Rejected(code, "", facts)


def counts_as(found: Reservation) -> Status:
    """What is checked in counts as confirmed, what is being paid as held."""
    also = {Status.CHECKED_IN: Status.CONFIRMED, Status.PAYING: Status.HELD}
    return also.get(found.status, found.status)


def bare(reply: EventReplies) -> EventReplies:
    """A reply without the words and the personal data, which are no rule's business."""
    if isinstance(reply, Rejected):
        return Rejected(reply.code, "", reply.facts)
    return replace(reply, contact=b"") if isinstance(reply, ReservationReply | TicketReply) else reply


class Reference:
    """One event. `ask` answers and changes; `expire` ends what is due, which comes before every command."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.hall = self.bare_hall = Hall(plan) if plan is not None else None
        self.blocked: frozenset[str] = frozenset()
        self.id = ""
        self.terms: Terms | None = None
        self.version = 0
        self.paused = False
        self.stage = Stage.PUBLISHED
        self.deleted = False
        self.reservations: tuple[Reservation, ...] = ()
        self.tickets: Known = {}

    def copy(self) -> Reference:
        twin = Reference()
        twin.__dict__.update(self.__dict__)
        return twin

    def key(self) -> tuple[object, ...]:
        """Equal for equal states."""
        reservations = frozenset(self.reservations)
        tickets = frozenset(item for item in self.tickets.items() if item[1] != ORDINARY)
        return self.terms, self.version, self.paused, self.stage, self.blocked, reservations, tickets

    # --- sums ---------------------------------------------------------------------------------------

    def live(self) -> list[Reservation]:
        return [found for found in self.reservations if found.status not in ENDED]

    def sold(self, code: str, status: Status | None = None, but: str = "") -> int:
        """Held is also what is being paid."""
        return sum(
            line.quantity
            for found in self.live()
            if found.id != but and status in (None, counts_as(found))
            for line in found.lines
            if line.ticket_type == code
        )

    def total(self, but: str = "", status: Status | None = None) -> int:
        return sum(
            line.quantity
            for found in self.live()
            if found.id != but and status in (None, counts_as(found))
            for line in found.lines
        )

    def counts(self) -> tuple[TypeCounts, ...]:
        assert self.terms is not None
        found = []
        for kind in self.terms.ticket_types:
            held = self.sold(kind.code, Status.HELD)
            confirmed = self.sold(kind.code) - held
            left = kind.quota - held - confirmed
            if self.terms.capacity is not None:
                left = min(left, self.terms.capacity - self.total())
            seats = None
            if self.hall is not None and kind.categories:
                seats = self.hall.left(kind, self.free())
                left = min(left, seats)
            if self.stage is Stage.CANCELLED:
                left, seats = 0, None if seats is None else 0
            found.append(TypeCounts(kind.code, kind.quota, held, confirmed, max(left, 0), seats))
        return tuple(found)

    def free(self, but: str = "") -> set[str]:
        assert self.hall is not None
        return self.hall.free(self.live(), self.blocked, but)

    def next_end_ms(self) -> int | None:
        return min((held.expires_at_ms for held in self.live() if held.status in ON_HOLD), default=None)

    # --- what happens -------------------------------------------------------------------------------

    def expire(self, now_ms: int) -> list[str]:
        """End the holds whose end has come; their ids."""
        ended = [
            found.id
            for found in self.reservations
            if found.status in ON_HOLD and found.expires_at_ms <= now_ms
        ]
        for reservation_id in ended:
            self._set(reservation_id, status=Status.EXPIRED)
        return ended

    def expire_one(self, reservation_id: str, end_ms: int) -> list[str]:
        """End this hold, if it is one and that is its end."""
        for found in self.reservations:
            if (found.id, found.expires_at_ms) == (reservation_id, end_ms) and found.status in ON_HOLD:
                self._set(reservation_id, status=Status.EXPIRED)
                return [reservation_id]
        return []

    def ask(self, command: EventCommand, now_ms: int) -> EventReplies:
        if isinstance(command, CreateEvent):
            return self._create(command)
        if self.terms is None or self.deleted:
            return no(Code.NOT_FOUND)
        match command:
            case PlaceHold():
                return self._place(self.terms, command, now_ms)
            case ExpireDue():
                return Looked()
            case PauseSale() | ResumeSale():
                return self._pause(isinstance(command, PauseSale))
            case PublishEvent() | CloseEvent() | CancelEvent():
                return self._move(command)
            case DeleteEvent():
                return self._delete(command)
            case ChangeEvent():
                return self._change(self.terms, command, now_ms)
            case BlockSeats() | UnblockSeats():
                return self._block(command)
            case CopyFromEvent():
                return self._copy(self.terms, command)
        if isinstance(command, OfMoney):
            return self._of_money(self.terms, command, now_ms)
        return self._of_one(self.terms, command, now_ms)

    def _of_one(self, terms: Terms, command: OfOne, now_ms: int) -> EventReplies:
        """A command to one reservation that is there already."""
        found = next((found for found in self.reservations if found.id == command.reservation_id), None)
        if found is None:
            return no(Code.NOT_FOUND)
        if isinstance(command, TicketCommand):
            return self._ticket(found, command, now_ms)
        match command:
            case CancelReservation():
                if command.if_live and found.status in ENDED:
                    return no(Code.NOT_FOUND)
                return self._cancel(terms, found, now_ms)
            case ConfirmReservation() if found.status in (Status.CONFIRMED, Status.CHECKED_IN):
                return self._show(found)
        if found.status is Status.EXPIRED:
            return no(Code.HOLD_EXPIRED)
        if found.status is not Status.HELD:
            return no(Code.WRONG_STATE, status=found.status.value)
        match command:
            case ConfirmReservation() if terms.payment == "required" and found.total:
                return no(Code.PAYMENT_DUE, total=found.total, currency=terms.currency)
            case ConfirmReservation():
                return self._set(found.id, status=Status.CONFIRMED, paid_by=None)
            case ExtendHold():
                return self._extend(terms, found, now_ms)
            case ChangeHold():
                return self._change_hold(terms, found, command, now_ms)
        raise AssertionError(command)

    def _ticket(self, found: Reservation, command: TicketCommand, now_ms: int) -> EventReplies:
        reply, self.tickets = ask_ticket(found, self.tickets, command, now_ms)
        if isinstance(reply, TicketReply):
            self._set(found.id, status=status_by_tickets(found, self.tickets))
        return reply

    # --- holds --------------------------------------------------------------------------------------

    def _place(self, terms: Terms, command: PlaceHold, now_ms: int) -> EventReplies:
        if command.guest and self.stage is Stage.DRAFT:
            return no(Code.NOT_FOUND)
        if command.guest and not terms.guests:
            return no(Code.UNAUTHORIZED)
        refusal = self._refusal(terms, command, command.customer, None, now_ms, opens=True)
        if refusal is not None:
            return refusal
        prices = {kind.code: kind.price for kind in terms.ticket_types}
        lines = self._seated(terms, command, None, prices, now_ms)
        if isinstance(lines, Rejected):
            return lines
        end_ms = now_ms + terms.hold_duration_s * 1000
        total = sum(line.quantity * line.unit_price for line in lines)
        if command.confirm and total > 0:
            return no(Code.PAYMENT_DUE, total=total, currency=terms.currency)
        status = Status.CONFIRMED if command.confirm else Status.HELD
        placed = Reservation(command.reservation_id, status, end_ms, lines, command.customer, now_ms)
        self.reservations += (placed,)
        return self._show(placed)

    def _change_hold(
        self, terms: Terms, found: Reservation, command: ChangeHold, now_ms: int
    ) -> EventReplies:
        wanted = command.lines
        mine = {line.ticket_type: line for line in found.lines}
        grows = any(code not in mine or quantity > mine[code].quantity for code, quantity in wanted)
        refusal = self._refusal(terms, command, found.customer, found, now_ms, opens=grows)
        if refusal is not None:
            return refusal
        prices = {kind.code: kind.price for kind in terms.ticket_types}
        prices |= {code: line.unit_price for code, line in mine.items()}
        lines = self._seated(terms, command, found, prices, now_ms)
        return lines if isinstance(lines, Rejected) else self._set(found.id, lines=lines)

    def _seated(
        self,
        terms: Terms,
        command: PlaceHold | ChangeHold,
        mine: Reservation | None,
        prices: dict[str, int],
        now_ms: int,
    ) -> tuple[Line, ...] | Rejected:
        """The lines with their seats, if the event has any."""
        wanted, wish = command.lines, command.wish or SeatWish()
        seats: Named | Rejected = ((),) * len(wanted)
        if self.hall is not None:
            me = mine.id if mine is not None else ""
            free, others = self.free(but=me), [found for found in self.live() if found.id != me]
            named = kept_by(wanted, wish, mine)
            names = [name for line in named for name in line]
            kinds = {kind.code: kind for kind in terms.ticket_types}
            seats = self.hall.not_free(names, free, others, now_ms) or self.hall.chosen(
                kinds, wanted, named, wish, free
            )
        if isinstance(seats, Rejected):
            return seats
        return tuple(
            Line(code, quantity, prices[code], names)
            for (code, quantity), names in zip(wanted, seats, strict=True)
        )

    def _block(self, command: BlockSeats | UnblockSeats) -> EventReplies:
        named = frozenset(command.seats)
        if self.hall is None or not named <= self.hall.category.keys():
            return no(Code.INVALID)
        if self.stage is Stage.CANCELLED:
            return no(Code.WRONG_STATE, event_status="cancelled")
        if isinstance(command, BlockSeats):
            fresh = [name for name in dict.fromkeys(command.seats) if name not in self.blocked]
            taken = [name for name in fresh if name not in self.free()]
            if taken:
                return no(Code.IN_USE, seat=taken[0], live=len(taken))
            after = self.blocked | named
        else:
            after = self.blocked - named
        if after != self.blocked:
            self.blocked, self.version = after, self.version + 1
        return self.describe()

    def _extend(self, terms: Terms, found: Reservation, now_ms: int) -> EventReplies:
        if found.extensions >= terms.hold_extensions_max:
            return no(Code.LIMIT_EXCEEDED, limit=terms.hold_extensions_max, requested=found.extensions + 1)
        end_ms = max(found.expires_at_ms, now_ms + terms.hold_duration_s * 1000)
        return self._set(found.id, expires_at_ms=end_ms, extensions=found.extensions + 1)

    def _cancel(self, terms: Terms, found: Reservation, now_ms: int) -> EventReplies:
        if found.status in ENDED:
            return self._show(found)
        if found.status is Status.HELD:
            return self._set(found.id, status=Status.RELEASED)
        if keeps(found, self.tickets):
            return no(Code.WRONG_STATE, status=found.status.value)
        if found.status is Status.PAYING:
            return no(Code.WRONG_STATE, status="paying")
        moved = terms.moved_ms is not None and found.created_at_ms <= terms.moved_ms
        days_ms = terms.postponed_refund_days * 24 * 3_600_000
        free = moved and days_ms and now_ms <= terms.moved_ms + days_ms and now_ms < terms.starts_at_ms
        if not free and (terms.cancel_until_ms is None or now_ms > terms.cancel_until_ms):
            return no(Code.TOO_LATE)
        kept = 0 if free else found.total * terms.cancel_keeps_percent // 100
        mark = replace(found.paid_by, kept=kept) if found.paid_by else None
        return self._set(found.id, status=Status.CANCELLED, paid_by=mark)

    def _refusal(
        self,
        terms: Terms,
        command: PlaceHold | ChangeHold,
        customer: bytes,
        mine: Reservation | None,
        now_ms: int,
        opens: bool,
    ) -> Rejected | None:
        wanted = command.lines
        end_ms = terms.starts_at_ms if terms.sales_end_ms is None else terms.sales_end_ms
        if opens and self.stage is not Stage.PUBLISHED:
            return no(Code.SALES_CLOSED)
        if opens and (self.paused or now_ms < (terms.sales_start_ms or 0) or now_ms >= end_ms):
            return no(Code.SALES_CLOSED)
        kinds = {kind.code: kind for kind in terms.ticket_types}
        codes = [code for code, _ in wanted]
        numbers = [quantity for _, quantity in wanted]
        if not wanted or not {*codes} <= {*kinds} or len({*codes}) < len(codes) or min(numbers) < 1:
            return no(Code.INVALID)
        if command.wish is not None and (self.hall is None or self.hall.is_ill(kinds, wanted, command.wish)):
            return no(Code.INVALID)
        for code, quantity in wanted:
            most = kinds[code].max_per_order
            had = sum(line.quantity for line in mine.lines if line.ticket_type == code) if mine else 0
            if most is not None and quantity > most and quantity > had:
                return no(Code.LIMIT_EXCEEDED, limit=most, requested=quantity)
        others = [found for found in self.live() if mine is None or found.id != mine.id]
        if mine is None and terms.one_per_customer and customer in {found.customer for found in others}:
            return no(Code.ALREADY_RESERVED)
        if terms.max_per_customer is not None and (mine is None or sum(numbers) > mine.quantity):
            already = sum(found.quantity for found in others if found.customer == customer)
            if already + sum(numbers) > terms.max_per_customer:
                return no(Code.LIMIT_EXCEEDED, limit=terms.max_per_customer, requested=already + sum(numbers))
        return self._shortage(terms, kinds, wanted, mine, now_ms)

    def _shortage(
        self,
        terms: Terms,
        kinds: dict[str, TicketType],
        wanted: Wanted,
        mine: Reservation | None,
        now_ms: int,
    ) -> Rejected | None:
        """What does not fit beside all others is held if it fits beside the confirmed, else sold out."""
        me = mine.id if mine is not None else ""
        had = {line.ticket_type: line for line in mine.lines} if mine is not None else {}
        grown = [(code, quantity) for code, quantity in wanted if quantity > _quantity(had, code)]
        total = sum(quantity for _, quantity in wanted)
        in_the_way = {
            code for code, quantity in grown if self.sold(code, but=me) + quantity > kinds[code].quota
        }
        grows = total > (mine.quantity if mine is not None else 0)
        if terms.capacity is not None and grows and self.total(but=me) + total > terms.capacity:
            in_the_way = {*kinds}
            if self.total(me, Status.CONFIRMED) + total > terms.capacity:
                return no(Code.SOLD_OUT)
        scarce = self._scarce(kinds, wanted, had, me)
        if scarce is None:
            return no(Code.SOLD_OUT)
        in_the_way |= scarce
        if any(self.sold(code, Status.CONFIRMED, me) + number > kinds[code].quota for code, number in grown):
            return no(Code.SOLD_OUT)
        if not in_the_way:
            return None
        end_ms = min(
            found.expires_at_ms
            for found in self.live()
            if found.status in ON_HOLD
            and found.id != me
            and in_the_way & {line.ticket_type for line in found.lines}
        )
        return no(Code.HELD, retry_after_s=max(1, -(-(end_ms - now_ms) // 1000)))

    def _scarce(
        self, kinds: dict[str, TicketType], wanted: Wanted, had: dict[str, Line], me: str
    ) -> set[str] | None:
        """The types on whose holds the wanted seats are; None where even the end of all would not do."""
        in_the_way: set[str] = set()
        for categories in {kinds[code].categories for code, _ in wanted} - {()}:
            lines = [(code, quantity) for code, quantity in wanted if kinds[code].categories == categories]
            size, own = sum(quantity for _, quantity in lines), sum(_quantity(had, code) for code, _ in lines)
            assert self.hall is not None
            left = self.hall.left(kinds[lines[0][0]], self.free())
            if size <= own + left or size <= own:
                continue
            sharing = {code for code, kind in kinds.items() if {*kind.categories} & {*categories}}
            if sum(self.sold(code, Status.HELD) for code in sharing) - own < size - own - left:
                return None
            in_the_way |= sharing
        return in_the_way

    # --- money --------------------------------------------------------------------------------------

    def _of_money(self, terms: Terms, command: OfMoney, now_ms: int) -> EventReplies:
        found = next((found for found in self.reservations if found.id == command.reservation_id), None)
        if found is None:
            return no(Code.NOT_FOUND)
        wrong = no(Code.WRONG_STATE, status=found.status.value)
        status, paid_by = found.status, found.paid_by
        confirmed = status in (Status.CONFIRMED, Status.CHECKED_IN)
        match command:
            case BeginPayment() if paid_by and paid_by.payment_id == command.payment_id:
                return self._show(found) if confirmed or status is Status.PAYING else wrong
            case BeginPayment() | SellReservation() if status is Status.EXPIRED:
                return no(Code.HOLD_EXPIRED)
            case BeginPayment():
                if status is not Status.HELD or not found.total:
                    return wrong
                if command.deadline_ms <= now_ms:
                    return no(Code.TOO_LATE)
                mark = PaidBy(command.payment_id, found.expires_at_ms)
                return self._set(
                    found.id, status=Status.PAYING, expires_at_ms=command.deadline_ms, paid_by=mark
                )
            case FinishPayment():
                return self._finish(terms, found, command, now_ms, wrong)
            case FailPayment():
                until_ms = found.expires_at_ms if command.deadline_ms is None else command.deadline_ms
                own = paid_by and paid_by.payment_id == command.payment_id
                if status is not Status.PAYING or not own or until_ms < found.expires_at_ms:
                    return self._show(found)
                over = paid_by.hold_ends_ms <= now_ms
                after = Status.EXPIRED if over else Status.HELD
                mark = None if command.may_begin_again else paid_by
                return self._set(found.id, status=after, expires_at_ms=paid_by.hold_ends_ms, paid_by=mark)
            case SellReservation() if confirmed:
                return self._show(found)
            case SellReservation():
                held = status is Status.HELD
                return self._set(found.id, status=Status.CONFIRMED, paid_by=None) if held else wrong
            case VoidReservation():
                gone = (confirmed and not keeps(found, self.tickets)) or status is Status.CANCELLED
                return self._set(found.id, status=Status.CANCELLED) if gone else wrong
            case ReduceReservation():
                touched = any(of == found.id and one != ORDINARY for (of, _), one in self.tickets.items())
                return self._reduce(found, command) if confirmed and not touched else wrong

    def _finish(
        self, terms: Terms, found: Reservation, command: FinishPayment, now_ms: int, wrong: Rejected
    ) -> EventReplies:
        own = found.paid_by is not None and found.paid_by.payment_id == command.payment_id
        if own and found.status in (Status.CONFIRMED, Status.CHECKED_IN, Status.CANCELLED):
            return self._show(found)
        if found.total != command.amount:
            return wrong
        if own and found.status is Status.PAYING:
            return self._set(found.id, status=Status.CONFIRMED)
        if found.status is not Status.EXPIRED or self.stage is Stage.CANCELLED:
            return wrong
        wanted = tuple((line.ticket_type, line.quantity) for line in found.lines)
        names = [name for line in found.lines for name in line.seats]
        again = PlaceHold(found.id, wanted, found.customer, b"")
        refusal = self._refusal(terms, again, found.customer, None, now_ms, opens=False)
        if refusal is not None:
            return refusal
        gone = [name for name in names if self.hall is None or name not in self.free()]
        if gone:
            return no(Code.SOLD_OUT, seat=gone[0])
        ends_ms = found.paid_by.hold_ends_ms if found.paid_by else found.expires_at_ms
        return self._set(found.id, status=Status.CONFIRMED, paid_by=PaidBy(command.payment_id, ends_ms))

    def _reduce(self, found: Reservation, command: ReduceReservation) -> EventReplies:
        mine = {line.ticket_type: line for line in found.lines}
        wanted = dict(command.lines)
        if {code: line.quantity for code, line in mine.items()} != dict(command.before):
            return no(Code.STALE)
        if not wanted or len(wanted) < len(command.lines):
            return no(Code.INVALID)
        if any(not 1 <= number <= _quantity(mine, code) for code, number in wanted.items()):
            return no(Code.INVALID)
        had, lines, last = numbered(found.lines), list[Line](), 0
        for code, line in mine.items():
            first = min(number for number, (kind, _) in had.items() if kind == code)
            if code in wanted:
                seats, skipped = line.seats[: wanted[code]], first - last - 1
                lines.append(replace(line, quantity=wanted[code], seats=seats, skipped=skipped))
                last = first + wanted[code] - 1
        return self._set(found.id, lines=tuple(lines))

    # --- the event ----------------------------------------------------------------------------------

    def _create(self, command: CreateEvent) -> EventReplies:
        if self.terms is not None:
            return no(Code.WRONG_STATE, status="created")
        if flaws(command.terms) or command.stage not in (Stage.DRAFT, Stage.PUBLISHED):
            return no(Code.INVALID)
        self.id, self.terms, self.version, self.stage = command.id, command.terms, 1, command.stage
        return self.describe()

    def _change(self, terms: Terms, command: ChangeEvent, now_ms: int) -> EventReplies:
        if command.if_version not in (None, self.version):
            return no(Code.STALE, version=self.version)
        after = _changed(terms, command.change)
        if after is not None and after.starts_at_ms != terms.starts_at_ms:
            after = replace(after, moved_ms=now_ms)
        if after is None or flaws(after) or not self._has_seats(after, command.change):
            return no(Code.INVALID)
        quotas = {kind.code: kind.quota for kind in after.ticket_types}
        for code in [kind.code for kind in terms.ticket_types]:
            if self.sold(code) > quotas.get(code, 0):
                return no(Code.QUOTA_BELOW_LIVE, live=self.sold(code))
        if after.capacity is not None and self.total() > after.capacity:
            return no(Code.QUOTA_BELOW_LIVE, live=self.total())
        if after != terms:
            self.terms, self.version = after, self.version + 1
        return self.describe()

    def _has_seats(self, after: Terms, change: TermsChange) -> bool:
        """Of the categories that a type is changed to, and as many as its quota is changed to."""
        there = list(self.hall.category.values()) if self.hall is not None else []
        kinds = {kind.code: kind for kind in after.ticket_types}
        return self.hall is None or not any(
            (wanted.categories and not {*kinds[wanted.code].categories} <= {*there})
            or (wanted.quota is not UNSET and self._beyond(kinds[wanted.code], there))
            for wanted in change.ticket_types
        )

    @staticmethod
    def _beyond(kind: TicketType, there: list[str]) -> bool:
        return bool(kind.categories) and kind.quota > sum(category in kind.categories for category in there)

    def _copy(self, terms: Terms, command: CopyFromEvent) -> EventReplies:
        if command.if_version not in (None, self.version):
            return no(Code.STALE, version=self.version)
        copied = command.copied
        if copied is None:
            return no(Code.INVALID)
        if self.stage is Stage.CANCELLED:
            return no(Code.WRONG_STATE, event_status="cancelled")
        if copied.ticket_types and copied.currency != terms.currency:
            return no(Code.INVALID)
        theirs = {kind.code: kind for kind in copied.ticket_types}
        kinds = [
            replace(kind, price=theirs[kind.code].price, categories=theirs[kind.code].categories)
            if kind.code in theirs
            else kind
            for kind in terms.ticket_types
        ]
        mine = {kind.code for kind in kinds}
        after = replace(
            terms, ticket_types=(*kinds, *(kind for kind in copied.ticket_types if kind.code not in mine))
        )
        hall = self.hall
        if copied.overrides is not None and terms.seating is not None and self.bare_hall is not None:
            named = [name for _, names in copied.overrides for name in names]
            if len({*named}) < len(named) or not {*named} <= self.bare_hall.category.keys():
                return no(Code.INVALID)
            after = replace(after, seating=replace(terms.seating, overrides=copied.overrides))
            hall = self.bare_hall.with_own(copied.overrides)
        there = {*hall.category.values()} if hall is not None else set()
        unknown = {category for kind in copied.ticket_types for category in kind.categories} - there
        fresh = [name for name in dict.fromkeys(copied.blocked) if name not in self.blocked]
        if flaws(after) or unknown or (fresh and (hall is None or not {*fresh} <= hall.category.keys())):
            return no(Code.INVALID)
        taken = [name for name in fresh if name not in self.free()]
        if taken:
            return no(Code.IN_USE, seat=taken[0], live=len(taken))
        self.version += (after != terms) + bool(fresh)
        self.terms, self.hall, self.blocked = after, hall, self.blocked | {*fresh}
        return self.describe()

    def _pause(self, paused: bool) -> EventReplies:
        if self.paused != paused:
            self.paused, self.version = paused, self.version + 1
        return self.describe()

    def _delete(self, command: DeleteEvent) -> EventReplies:
        if command.if_version not in (None, self.version):
            return no(Code.STALE, version=self.version)
        if self.live():
            return no(Code.IN_USE, live=len(self.live()))
        self.deleted, self.stage, self.version = True, Stage.CANCELLED, self.version + 1
        return self.describe()

    def _move(self, command: PublishEvent | CloseEvent | CancelEvent) -> EventReplies:
        """A cancelled event has nothing live from that moment on."""
        match command:
            case PublishEvent():
                to, possible = Stage.PUBLISHED, self.stage is not Stage.CANCELLED
            case CloseEvent():
                to, possible = Stage.CLOSED, self.stage in (Stage.PUBLISHED, Stage.CLOSED)
            case CancelEvent():
                to, possible = Stage.CANCELLED, True
        if not possible:
            return no(Code.WRONG_STATE, event_status=self.stage.value)
        if to is not self.stage:
            self.stage, self.version = to, self.version + 1
        for found in self.live() if to is Stage.CANCELLED else ():
            held = found.status in ON_HOLD
            self._set(found.id, status=Status.RELEASED if held else Status.CANCELLED)
        return self.describe()

    def describe(self) -> EventReply:
        assert self.terms is not None
        live = len(self.live())
        return EventReply(self.id, self.terms, self.version, self.paused, self.counts(), self.stage, live)

    # --- parts --------------------------------------------------------------------------------------

    def _set(self, reservation_id: str, **changes: object) -> ReservationReply:
        before = next(found for found in self.reservations if found.id == reservation_id)
        after = replace(before, **changes)
        self.reservations = tuple(after if found is before else found for found in self.reservations)
        return self._show(after)

    def _show(self, found: Reservation) -> ReservationReply:
        assert self.terms is not None
        return ReservationReply(found, self.terms.currency, b"")


def _quantity(lines: dict[str, Line], code: str) -> int:
    return lines[code].quantity if code in lines else 0


def _changed(terms: Terms, change: TermsChange) -> Terms | None:
    """The terms after a change; None if it contradicts itself."""
    names = [kind.code for kind in change.ticket_types] + list(change.removed_ticket_types)
    kinds = {kind.code: kind for kind in terms.ticket_types}
    if len({*names}) < len(names) or not {*change.removed_ticket_types} <= {*kinds}:
        return None
    for code in change.removed_ticket_types:
        del kinds[code]
    for wanted in change.ticket_types:
        given = {f: getattr(wanted, f) for f in wanted.__struct_fields__ if getattr(wanted, f) is not UNSET}
        if wanted.code not in kinds and not {"name", "quota", "price"} <= {*given}:
            return None
        old = kinds.get(wanted.code)
        kinds[wanted.code] = TicketType(**given) if old is None else replace(old, **given)
    plain = {
        name: getattr(change, name)
        for name in change.__struct_fields__
        if name not in ("ticket_types", "removed_ticket_types") and getattr(change, name) is not UNSET
    }
    return replace(terms, **plain, ticket_types=tuple(kinds.values()))
