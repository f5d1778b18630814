"""What happens in the dining room: who arrives, leaves, stays longer, never came, or just walks in.

Staff say so; where they do not, the conclusion is drawn when time comes (`due` in `domain.restaurant`).
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from domain.event_messages import HoldExpired, Status
from domain.local_time import MINUTE_MS
from domain.messages import Code, Rejected
from domain.paying import ended_with, not_held
from domain.restaurant_choice import blocked, candidates, choose, moves_of
from domain.restaurant_evolve import moved, placed, prolonged, seated
from domain.restaurant_messages import (
    NoShowMarked,
    PartySeated,
    ProlongStay,
    SeatWalkIn,
    StayCompleted,
    StayProlonged,
    TableReservation,
    WalkInSeated,
)
from domain.restaurant_state import (
    RESTAURANT,
    SETTLE_AFTER_MS,
    Decision,
    State,
    in_the_way,
    shown,
    stay_of,
    terms_of,
)
from domain.restaurant_tables import Stay
from domain.stages import not_on_sale

SEAT_EARLY_MAX_MINUTES = 60
OVERSTAYS_MAX = 8
"""How often a stay is prolonged because nobody has said that it is over."""
STAY_MAX_MINUTES = 720

# --- what the staff say ---------------------------------------------------------------------------


def seat(state: State, found: TableReservation, now_ms: int) -> Decision:
    if found.status is Status.SEATED:
        return shown(state, found), ()
    if found.status is not Status.CONFIRMED:
        return not_held(found), ()
    if now_ms >= found.end_ms:
        return Rejected(Code.TOO_LATE, "The reservation's time is over."), ()
    from_ms = found.start_ms - SEAT_EARLY_MAX_MINUTES * MINUTE_MS
    if now_ms < from_ms:
        return _too_early(found, from_ms, now_ms), ()
    start_ms = min(now_ms, found.start_ms)
    others = in_the_way(state, found.tables, Stay(start_ms, found.end_ms, found.free_at_ms), (found.id,))
    if others:
        return blocked((others,), now_ms), ()
    return shown(state, seated(found, start_ms)), (PartySeated(now_ms, found.id, start_ms),)


def complete(state: State, found: TableReservation, now_ms: int) -> Decision:
    if found.status is Status.COMPLETED:
        return shown(state, found), ()
    came = found.status is Status.CONFIRMED and now_ms >= found.start_ms
    if found.status is not Status.SEATED and not came:
        return not_held(found), ()
    fact = _completed(state, found, now_ms)
    return shown(state, ended_with(found, Status.COMPLETED, fact.kept)), (fact,)


def _completed(state: State, found: TableReservation, now_ms: int) -> StayCompleted:
    """Its deposit is settled with the bill, unless the restaurant returns it."""
    deposit = terms_of(state).deposit
    returned = deposit is not None and deposit.after_visit == "returned"
    return StayCompleted(now_ms, found.id, 0 if returned else found.deposit)


def mark_no_show(state: State, found: TableReservation, now_ms: int) -> Decision:
    if found.status is Status.NO_SHOW:
        return shown(state, found), ()
    if found.status is not Status.CONFIRMED:
        return not_held(found), ()
    from_ms = found.start_ms + terms_of(state).no_show_grace_minutes * MINUTE_MS
    if now_ms < from_ms:
        return _too_early(found, from_ms, now_ms), ()
    after = ended_with(found, Status.NO_SHOW, found.deposit)
    return shown(state, after), (NoShowMarked(now_ms, found.id, found.deposit),)


def walk_in(state: State, command: SeatWalkIn, now_ms: int) -> Decision:
    terms, size = terms_of(state), command.party_size
    minutes = terms.stay_minutes_of(size) if command.stay_minutes is None else command.stay_minutes
    if not 1 <= minutes <= STAY_MAX_MINUTES:
        return _out_of_bounds("stay_minutes"), ()
    options = not_on_sale(state.stage, RESTAURANT) or candidates(
        state, size, command.table_id, command.traits
    )
    if isinstance(options, Rejected):
        return options, ()
    stay = stay_of(terms, now_ms, minutes)
    chosen = choose(state, options, stay, now_ms)
    if isinstance(chosen, Rejected):
        return chosen, ()
    fact = WalkInSeated(
        now_ms, command.reservation_id, command.customer, chosen.tables, *stay, size, command.phone
    )
    return replace(shown(state, placed(fact)), contact=command.contact), (fact,)


def _too_early(found: TableReservation, from_ms: int, now_ms: int) -> Rejected:
    numbers: dict[str, int | str] = {
        "status": found.status.value,
        "retry_after_s": -((now_ms - from_ms) // 1000),
    }
    return Rejected(Code.WRONG_STATE, "It is too early for that.", numbers)


def _out_of_bounds(path: str) -> Rejected:
    error = (path, f"From 1 to {STAY_MAX_MINUTES}.")
    return Rejected(Code.INVALID, "A stay cannot be so long.", errors=(error,))


# --- who stays longer -----------------------------------------------------------------------------


def prolong(state: State, found: TableReservation, command: ProlongStay, now_ms: int) -> Decision:
    """As long as wished, if who is in the way can be moved; else up to the first who cannot."""
    if found.status is not Status.SEATED:
        return not_held(found), ()
    end_ms = max(found.end_ms, now_ms) + command.by_minutes * MINUTE_MS
    if command.by_minutes < 1 or end_ms - found.start_ms > STAY_MAX_MINUTES * MINUTE_MS:
        return _out_of_bounds("by_minutes"), ()
    others = _in_the_way_until(state, found, end_ms)
    moves = (
        moves_of(state, state.options, others, [_until(state, found, end_ms)], now_ms)
        if command.move_next
        else []
    )
    if len(moves) < len(others):
        end_ms = _before(state, found, others[len(moves)])
    kept = _until(state, found, end_ms) if end_ms > found.end_ms else found
    moves = [move for move in moves if move.start_ms < kept.free_at_ms]
    fact = _as_fact(kept, now_ms, tuple(entry.id for entry in others[len(moves) :]))
    reply = shown(state, prolonged(found, fact))
    after = [moved(entry, move) for entry, move in zip(others, moves, strict=False)]
    return replace(reply, moved=tuple(after), warned=fact.warned), (*moves, fact)


def stays_on(found: TableReservation, now_ms: int) -> bool:
    """Of a reservation whose `expires_at_ms` has come: does it go on, as nobody has said that it is over?"""
    return found.status is Status.SEATED and now_ms < found.end_ms + SETTLE_AFTER_MS


def ended_of(state: State, found: TableReservation, now_ms: int) -> HoldExpired | StayCompleted:
    """What becomes of it if it does not."""
    return HoldExpired(now_ms, found.id) if found.status.on_hold else _completed(state, found, now_ms)


def overstayed(state: State, found: TableReservation, now_ms: int, ended: Collection[str]) -> StayProlonged:
    """What becomes of it if it does: it has another slot, or the next one is warned. `ended`: just now."""
    slot_ms = terms_of(state).slot_grid_minutes * MINUTE_MS
    end_ms = found.end_ms + ((now_ms - found.end_ms) // slot_ms + 1) * slot_ms
    others = _in_the_way_until(state, found, end_ms, ended)
    if others or found.overstays >= OVERSTAYS_MAX:
        kept = replace(found, expires_at_ms=found.end_ms + SETTLE_AFTER_MS)
        return _as_fact(kept, now_ms, tuple(entry.id for entry in others[:1]))
    after = _until(state, found, end_ms)
    return _as_fact(replace(after, overstays=found.overstays + 1), now_ms)


def _in_the_way_until(
    state: State, found: TableReservation, end_ms: int, ended: Collection[str] = ()
) -> list[TableReservation]:
    longer = _until(state, found, end_ms)
    stay = Stay(found.start_ms, end_ms, longer.free_at_ms)
    return in_the_way(state, found.tables, stay, (found.id, *ended))


def _until(state: State, found: TableReservation, end_ms: int) -> TableReservation:
    """The same party up to another end, with the buffer after it."""
    free_at_ms = end_ms + terms_of(state).buffer_minutes * MINUTE_MS
    return replace(found, end_ms=end_ms, free_at_ms=free_at_ms, expires_at_ms=end_ms)


def _before(state: State, found: TableReservation, following: TableReservation) -> int:
    """The latest end that leaves the following reservation alone, never earlier than the present one."""
    return max(found.end_ms, following.start_ms - terms_of(state).buffer_minutes * MINUTE_MS)


def _as_fact(after: TableReservation, now_ms: int, warned: tuple[str, ...] = ()) -> StayProlonged:
    return StayProlonged(
        now_ms, after.id, after.end_ms, after.free_at_ms, after.expires_at_ms, after.overstays, warned
    )
