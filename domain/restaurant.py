"""The rules of one restaurant's tables. They are decided as one, so that what takes two stands or falls.

- A reservation takes its tables in [start, end), and after a buffer they are free for the next. A table is
  free where no live reservation overlaps; joined tables are taken together or not at all. Live is what is
  held, being paid, confirmed or seated. What is confirmed or seated for another answers `taken`; where only
  holds are in the way, `held` with the seconds to their end.
- Who names no table gets the best fit: the smallest single table that takes the party, else joined ones.
- A party of `party_smallest` to `party_largest` comes at a time of the grid that the clocks show, within one
  service for the whole of its stay, at most `days_ahead_max` days ahead, and with notice: one for the same
  day, one for other days. How long it stays depends on its size.
- `covers_per_slot_max` bounds the guests who sit down in one slot of the grid: the kitchen's pace.
- A deposit, where the restaurant wants one, is paid before it is confirmed: `domain.restaurant_deposit`.
- A customer's score is made of visits and no-shows; below `min_score` there is no hold.
- A hold lasts `hold_duration_s` and can be extended so many times. What is confirmed can be cancelled, and
  moved to another time, up to `cancel_until_minutes` before its start.
- Moving keeps the old place until the new one is had: it is one fact, or nothing.
- A party is seated up to `SEAT_EARLY_MAX_MINUTES` early, if its tables are free already, and until its time
  is over. It completes its stay early or late, and with that its tables are free at once. Who has not come
  `no_show_grace_minutes` after the start may be marked a no-show. Walk-ins need a free table, nothing else.
- Who stays longer has what is free up to the next reservation, and that one is warned of, or moved.
- `due` prolongs a stay that is over and that nobody has completed, a slot at a time, and warns of the next.
  12 h after its end, a stay of which nothing was said is completed: in doubt the guest was there.
- Terms change as one. A table that goes or shrinks, and hours that end, refuse with the reservations that
  they affect (`in_use`); asked to, the rules move these to other tables of the same time, all or none.
- A restaurant is a draft, published, closed or cancelled, and can be deleted: `domain.stages` says what of it
  is live then.
- Asking again for what already is (confirm, release, cancel, seat, complete) answers the present state.

`decide(state, command, now)` says what follows and changes nothing; `evolve(state, fact)` is the only
thing that changes a state. Folding a restaurant's facts from the first gives its state.
"""

from __future__ import annotations

import heapq
from typing import assert_never, get_args

from msgspec.structs import replace

from domain.event_messages import (
    BeginPayment,
    CancelReservation,
    ConfirmReservation,
    ExpireDue,
    ExtendHold,
    FailPayment,
    FinishPayment,
    HoldExtended,
    HoldReleased,
    Looked,
    PauseSale,
    ReservationCancelled,
    ResumeSale,
    SalePaused,
    SaleResumed,
    SellReservation,
    Stage,
    Status,
    VoidReservation,
)
from domain.local_time import MINUTE_MS, local_of
from domain.messages import Code, Rejected
from domain.paying import confirm, not_held, payment_due
from domain.restaurant_change import change, create, delete, move_on
from domain.restaurant_choice import candidates, choose, over_pace, stay_from, too_low, wished_stay
from domain.restaurant_deposit import decide_payment, deposit_after
from domain.restaurant_evolve import (
    admit,
    admit_ticket,
    adopt,
    confirmed,
    evolve,
    load,
    loaded,
    moved,
    placed,
    rebuilt,
    restored,
)
from domain.restaurant_floor import (
    complete,
    ended_of,
    mark_no_show,
    overstayed,
    prolong,
    seat,
    stays_on,
    walk_in,
)
from domain.restaurant_messages import (
    CancelRestaurant,
    ChangeRestaurant,
    CloseRestaurant,
    CompleteStay,
    CreateRestaurant,
    DeleteRestaurant,
    HoldTable,
    MarkNoShow,
    MoveReservation,
    ProlongStay,
    PublishRestaurant,
    ReservationMoved,
    RestaurantCommand,
    RestaurantFact,
    SearchTables,
    SeatParty,
    SeatWalkIn,
    TableHeld,
    TableReservation,
)
from domain.restaurant_search import search
from domain.restaurant_state import (
    ENDS_WITH_RESTAURANT,
    Decision,
    State,
    closed,
    counts,
    definition,
    describe,
    find,
    moves,
    next_due_ms,
    shown,
    terms_of,
    ticket_moves,
)
from domain.restaurant_tables import Stay
from domain.stages import drained

__all__ = [
    "COMMANDS",
    "State",
    "admit",
    "admit_ticket",
    "adopt",
    "counts",
    "decide",
    "definition",
    "describe",
    "due",
    "evolve",
    "load",
    "loaded",
    "looks_up",
    "moves",
    "next_due_ms",
    "rebuilt",
    "restored",
    "ticket_moves",
]

COMMANDS = frozenset(get_args(RestaurantCommand))
NO_RESTAURANT = Rejected(Code.NOT_FOUND, "There is no such restaurant.")


def looks_up(state: State, command: RestaurantCommand) -> str | None:
    """The reservation that `command` needs and memory does not hold: ended earlier, or never there."""
    if isinstance(command, HoldTable | SeatWalkIn):
        return None
    wanted: str | None = getattr(command, "reservation_id", None)
    return None if wanted in state.reservations or wanted in state.ended else wanted


def due(state: State, now_ms: int, limit: int) -> list[RestaurantFact]:
    """At most `limit` facts of what time alone has done: holds that have run out, stays that are over, and
    what a cancelled restaurant still has.

    A hold's end itself is already too late; who ends now is in nobody's way any more."""
    if state.stage is Stage.CANCELLED:
        return drained(state.reservations, ENDS_WITH_RESTAURANT, now_ms, limit)
    found: dict[str, TableReservation] = {}
    while len(found) < limit:
        at_ms = next_due_ms(state)
        if at_ms is None or at_ms > now_ms:
            break
        _, reservation_id = heapq.heappop(state.looks)
        found[reservation_id] = state.reservations[reservation_id]
    staying = [one for one in found.values() if stays_on(one, now_ms)]
    ended = found.keys() - {one.id for one in staying}
    facts: list[RestaurantFact] = [ended_of(state, found[one], now_ms) for one in found if one in ended]
    return facts + [overstayed(state, one, now_ms, ended) for one in staying]


def decide(state: State, command: RestaurantCommand, now_ms: int) -> Decision:
    """What follows from `command` at `now_ms`: a reply and facts, or a `Rejected` and none."""
    if isinstance(command, CreateRestaurant):
        return create(state, command, now_ms)
    if state.terms is None or state.deleted:
        return NO_RESTAURANT, ()
    match command:
        case HoldTable() | SearchTables() if command.guest and state.stage is Stage.DRAFT:
            return NO_RESTAURANT, ()
        case HoldTable():
            return _hold(state, command, now_ms)
        case SearchTables():
            return search(state, command, now_ms), ()
        case SeatWalkIn():
            return walk_in(state, command, now_ms)
        case ExpireDue():
            return Looked(), ()
        case ChangeRestaurant():
            return change(state, command, now_ms)
        case PauseSale() | ResumeSale():
            return _pause(state, isinstance(command, PauseSale), now_ms)
        case PublishRestaurant() | CloseRestaurant() | CancelRestaurant():
            return move_on(state, command, now_ms)
        case DeleteRestaurant():
            return delete(state, command, now_ms)
        case _:
            found = find(state, command.reservation_id)
            return (found, ()) if isinstance(found, Rejected) else _of_one(state, found, command, now_ms)


OfOne = (
    ConfirmReservation
    | CancelReservation
    | ExtendHold
    | MoveReservation
    | SeatParty
    | CompleteStay
    | MarkNoShow
    | ProlongStay
    | SellReservation
    | BeginPayment
    | FinishPayment
    | FailPayment
    | VoidReservation
)


def _of_one(state: State, found: TableReservation, command: OfOne, now_ms: int) -> Decision:
    """A command to a reservation that is there."""
    match command:
        case ConfirmReservation():
            return _confirm(state, found, now_ms)
        case CancelReservation():
            return _cancel(state, found, command, now_ms)
        case ExtendHold():
            return _extend(state, found, now_ms)
        case MoveReservation():
            return _move(state, found, command, now_ms)
        case SeatParty():
            return seat(state, found, now_ms)
        case CompleteStay():
            return complete(state, found, now_ms)
        case MarkNoShow():
            return mark_no_show(state, found, now_ms)
        case ProlongStay():
            return prolong(state, found, command, now_ms)
        case SellReservation() | BeginPayment() | FinishPayment() | FailPayment() | VoidReservation():
            return decide_payment(state, found, command, now_ms)
        case _:
            assert_never(command)


# --- holds ----------------------------------------------------------------------------------------


def _hold(state: State, command: HoldTable, now_ms: int) -> Decision:
    terms = terms_of(state)
    if command.guest and not command.signed_in and not terms.guests:
        return Rejected(Code.UNAUTHORIZED, "This restaurant does not take guests' reservations."), ()
    refusal = closed(state) or too_low(terms, command.history.visits, command.history.no_shows)
    if refusal is not None:
        return refusal, ()
    stay = wished_stay(state, command.day, command.minute, command.party_size, now_ms)
    if isinstance(stay, Rejected):
        return stay, ()
    options = candidates(state, command.party_size, command.table_id, command.traits)
    if isinstance(options, Rejected):
        return options, ()
    chosen = over_pace(state, stay.start_ms, command.party_size, (), now_ms) or choose(
        state, options, stay, now_ms
    )
    if isinstance(chosen, Rejected):
        return chosen, ()
    expires_at_ms = now_ms + terms.hold_duration_s * 1000
    fact = TableHeld(
        now_ms,
        command.reservation_id,
        command.customer,
        chosen.tables,
        *stay,
        command.party_size,
        expires_at_ms,
        command.phone,
        *terms.deposit_of(command.party_size),
    )
    return replace(shown(state, placed(fact)), contact=command.contact), (fact,)


def _confirm(state: State, found: TableReservation, now_ms: int) -> Decision:
    if found.status is Status.CONFIRMED:
        return shown(state, found), ()
    if found.status is not Status.HELD:
        return not_held(found), ()
    if found.deposit:
        return payment_due(found, found.currency), ()
    after, facts = confirm(found, now_ms)
    return shown(state, confirmed(after)), facts


def _cancel(state: State, found: TableReservation, command: CancelReservation, now_ms: int) -> Decision:
    if found.status is Status.SEATED or found.status is Status.PAYING:
        return not_held(found), ()
    if not found.status.live:
        return shown(state, found), ()
    if found.status is Status.HELD:
        after = replace(found, status=Status.RELEASED)
        return shown(state, after), (HoldReleased(now_ms, found.id),)
    refusal = _too_late(state, found, now_ms)
    if refusal is not None:
        return refusal, ()
    by_operator = command.by_operator
    after = replace(found, status=Status.CANCELLED, excused=by_operator)
    return shown(state, after), (ReservationCancelled(now_ms, found.id, by_operator=by_operator),)


def _too_late(state: State, found: TableReservation, now_ms: int) -> Rejected | None:
    """Past the deadline for cancelling what is confirmed, or moving it to another time."""
    if now_ms <= found.start_ms - terms_of(state).cancel_until_minutes * MINUTE_MS:
        return None
    return Rejected(Code.TOO_LATE, "The time for cancelling has passed.")


def _extend(state: State, found: TableReservation, now_ms: int) -> Decision:
    if found.status is not Status.HELD:
        return not_held(found), ()
    limit = terms_of(state).hold_extensions_max
    if found.extensions >= limit:
        numbers: dict[str, int | str] = {"limit": limit, "requested": found.extensions + 1}
        return Rejected(Code.LIMIT_EXCEEDED, "This hold cannot be extended again.", numbers), ()
    expires_at_ms = max(found.expires_at_ms, now_ms + terms_of(state).hold_duration_s * 1000)
    after = replace(found, expires_at_ms=expires_at_ms, extensions=found.extensions + 1)
    return shown(state, after), (HoldExtended(now_ms, found.id, expires_at_ms),)


# --- moving ---------------------------------------------------------------------------------------


def _move(state: State, found: TableReservation, command: MoveReservation, now_ms: int) -> Decision:
    if not found.status.live or found.status is Status.PAYING:
        return not_held(found), ()
    party_size = found.party_size if command.party_size is None else command.party_size
    stay = _new_stay(state, found, command, party_size, now_ms)
    if isinstance(stay, Rejected):
        return stay, ()
    options = candidates(state, party_size, command.table_id, command.traits)
    if isinstance(options, Rejected):
        return options, ()
    if command.table_id is None:
        options.sort(key=lambda option: option.tables != found.tables)  # its own first, the rest as they are
    more = stay.start_ms != found.start_ms or party_size > found.party_size
    refusal = over_pace(state, stay.start_ms, party_size, (found.id,), now_ms) if more else None
    chosen = refusal or choose(state, options, stay, now_ms, (found.id,))
    if isinstance(chosen, Rejected):
        return chosen, ()
    deposit = deposit_after(state, found, party_size)
    if isinstance(deposit, Rejected):
        return deposit, ()
    fact = ReservationMoved(now_ms, found.id, chosen.tables, *stay, party_size, *deposit)
    after = moved(found, fact)
    return shown(state, after), () if after == found else (fact,)


def _new_stay(
    state: State, found: TableReservation, command: MoveReservation, party_size: int, now_ms: int
) -> Stay | Rejected:
    """The time that is wished for. Another one has to be as a new reservation's would, notice and all; at
    its own time a party that becomes larger or smaller has only to find the restaurant open."""
    shown_as = local_of(terms_of(state).time_zone, found.start_ms)
    day = shown_as[0] if command.day is None else command.day
    minute = shown_as[1] if command.minute is None else command.minute
    same_time = (day, minute) == shown_as
    if same_time and party_size == found.party_size:
        return Stay(found.start_ms, found.end_ms, found.free_at_ms)
    if found.status is Status.SEATED:
        return not_held(found)
    refusal = closed(state) if not same_time or party_size > found.party_size else None
    if same_time:
        return refusal or stay_from(state, found.start_ms, party_size)
    if refusal is None and found.status is Status.CONFIRMED:
        refusal = _too_late(state, found, now_ms)
    return refusal or wished_stay(state, day, minute, party_size, now_ms)


def _pause(state: State, paused: bool, now_ms: int) -> Decision:
    if state.paused == paused:
        return describe(state), ()
    reply = replace(describe(state), version=state.version + 1, paused=paused)
    return reply, (SalePaused(now_ms) if paused else SaleResumed(now_ms),)
