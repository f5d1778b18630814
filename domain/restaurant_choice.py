"""Whether a party may come at a time, and which tables it gets then.

Both answer with a `Rejected` where it may not: `sales_closed` where the time is no time to come, `taken`
where confirmed or seated parties are in the way, `held` where only holds are, with the seconds to their end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domain.event_messages import Status
from domain.local_time import MINUTE_MS, local_of, moment_ms
from domain.messages import Code, Rejected
from domain.restaurant_evolve import moved
from domain.restaurant_messages import ReservationMoved, RestaurantTerms, TableReservation
from domain.restaurant_state import State, hours_of, in_the_way, stay_of, terms_of
from domain.restaurant_tables import Option, Stay, fitting

# --- when -----------------------------------------------------------------------------------------


def wished_stay(state: State, day: int, minute: int, party_size: int, now_ms: int) -> Stay | Rejected:
    """The stay of a party that wants to come at a local time, if it may by the house rules."""
    terms = terms_of(state)
    start_ms = moment_ms(terms.time_zone, day, minute) if minute >= 0 else None
    if start_ms is None:
        return _wrong("time", "The restaurant's clocks never show this time.")
    if minute % terms.slot_grid_minutes:
        return _wrong("time", f"Every {terms.slot_grid_minutes} minutes.")
    first_ms = first_start_ms(state, day, now_ms)
    if first_ms is None:
        return _closed(f"At most {terms.days_ahead_max} days ahead.")
    if start_ms < first_ms:
        return _closed("This is past." if start_ms < now_ms else "This is too short a notice.")
    return stay_from(state, start_ms, party_size)


def stay_from(state: State, start_ms: int, party_size: int) -> Stay | Rejected:
    """The stay of a party from a moment on, if the restaurant takes such parties and is open."""
    terms = terms_of(state)
    if not terms.party_smallest <= party_size <= terms.party_largest:
        return _wrong("party_size", f"From {terms.party_smallest} to {terms.party_largest}.")
    stay = stay_of(terms, start_ms, terms.stay_minutes_of(party_size))
    if not hours_of(state).open_during(stay.start_ms, stay.end_ms):
        return _closed("The restaurant is not open for the whole stay.")
    return stay


def first_start_ms(state: State, day: int, now_ms: int) -> int | None:
    """The first moment at which a stay of that day may begin, by the notice; None: too far ahead."""
    terms = terms_of(state)
    today, _ = local_of(terms.time_zone, now_ms)
    if day > today + terms.days_ahead_max:
        return None
    notice_minutes = terms.notice_same_day_minutes if day == today else terms.notice_minutes
    return now_ms + notice_minutes * MINUTE_MS


# --- the kitchen's pace ---------------------------------------------------------------------------


def beginning(state: State, start_ms: int) -> list[TableReservation]:
    """The live reservations whose stay begins in the slot of the grid that begins then."""
    until_ms = start_ms + terms_of(state).slot_grid_minutes * MINUTE_MS
    return [
        entry
        for table_id, diary in state.diaries.items()
        for entry in diary.starting(start_ms, until_ms)
        if entry.tables[0] == table_id
    ]


def over_pace(
    state: State, start_ms: int, party_size: int, ignoring: Collection[str], now_ms: int
) -> Rejected | None:
    """Whether the kitchen cannot serve so many more who sit down then."""
    most = terms_of(state).covers_per_slot_max
    if most is None:
        return None
    if party_size > most:
        return _limit(f"At most {most} covers at one time.", most, party_size)
    others = [entry for entry in beginning(state, start_ms) if entry.id not in ignoring]
    over = sum(entry.party_size for entry in others) + party_size - most
    if over <= 0:
        return None
    for entry in sorted(_holds(others), key=lambda entry: entry.expires_at_ms):
        over -= entry.party_size
        if over <= 0:
            return held(entry.expires_at_ms, now_ms)
    return Rejected(Code.TAKEN, f"At most {most} covers at one time; they are taken.")


# --- which tables ---------------------------------------------------------------------------------


def candidates(
    state: State, party_size: int, table_id: str | None, traits: Sequence[str]
) -> list[Option] | Rejected:
    """What takes the party, best fit first; of one given table only that, alone."""
    options: Sequence[Option] = state.options
    if table_id is not None:
        options = [option for option in options if option.tables == (table_id,)]
        if not options:
            return _wrong("table_id", "There is no such table to be had.")
    taking = fitting(options, party_size)
    if not taking:
        return _wrong("party_size", "No table takes so many." if table_id is None else _bounds(options[0]))
    found = fitting(taking, party_size, traits)
    return found or _wrong("traits", "No table for the party is like that.")


def choose(
    state: State,
    options: Sequence[Option],
    stay: Stay,
    now_ms: int,
    ignoring: Collection[str] = (),
    planned: Sequence[TableReservation] = (),
) -> Option | Rejected:
    """The first of the options that is free. `ignoring`: reservations that are to leave their place;
    `planned`: such as shall have one that they have not yet."""
    blocking = []
    for option in options:
        if any(_overlap(one, option, stay) for one in planned):
            continue
        others = in_the_way(state, option.tables, stay, ignoring)
        if not others:
            return option
        blocking.append(others)
    return blocked(blocking, now_ms)


def moves_of(
    state: State,
    options: Sequence[Option],
    entries: Sequence[TableReservation],
    stays: Sequence[TableReservation],
    now_ms: int,
) -> list[ReservationMoved]:
    """Other tables of the same time for these, one after the other, up to the first that has to stay.

    `stays`: places that others shall have, and that are none for these."""
    moves: list[ReservationMoved] = []
    planned = list(stays)
    for entry in entries:
        if entry.status is Status.SEATED:
            break
        stay = Stay(entry.start_ms, entry.end_ms, entry.free_at_ms)
        chosen = choose(state, fitting(options, entry.party_size), stay, now_ms, (entry.id,), planned)
        if isinstance(chosen, Rejected):
            break
        moves.append(ReservationMoved(now_ms, entry.id, chosen.tables, *stay, entry.party_size))
        planned.append(moved(entry, moves[-1]))
    return moves


def blocked(blocking: Sequence[Sequence[TableReservation]], now_ms: int) -> Rejected:
    """`blocking`: for each way there is, the reservations in it. Held, if for one of them all are holds."""
    ends = [
        max(entry.expires_at_ms for entry in others)
        for others in blocking
        if len(_holds(others)) == len(others)
    ]
    return held(min(ends), now_ms) if ends else TAKEN


TAKEN = Rejected(Code.TAKEN, "It is taken for this time.")


def held(end_ms: int, now_ms: int) -> Rejected:
    """To be asked again when the holds that are in the way have ended."""
    seconds = max(1, -((now_ms - end_ms) // 1000))
    return Rejected(Code.HELD, "It is on hold for others.", {"retry_after_s": seconds})


def _overlap(one: TableReservation, option: Option, stay: Stay) -> bool:
    apart = one.free_at_ms <= stay.start_ms or stay.free_at_ms <= one.start_ms
    return not apart and not set(one.tables).isdisjoint(option.tables)


def _holds(entries: Sequence[TableReservation]) -> list[TableReservation]:
    return [entry for entry in entries if entry.status.on_hold]


def _bounds(option: Option) -> str:
    return f"This table takes from {option.smallest} to {option.largest}."


def _wrong(path: str, message: str) -> Rejected:
    return Rejected(Code.INVALID, "This cannot be reserved so.", errors=((path, message),))


def _closed(detail: str) -> Rejected:
    return Rejected(Code.SALES_CLOSED, detail)


def _limit(detail: str, limit: int, requested: int) -> Rejected:
    return Rejected(Code.LIMIT_EXCEEDED, detail, {"limit": limit, "requested": requested})


def too_low(terms: RestaurantTerms, visits: int, no_shows: int) -> Rejected | None:
    """Who has let the restaurant wait too often gets no table for now."""
    score = score_of(terms, visits, no_shows)
    if score >= terms.min_score:
        return None
    return Rejected(Code.SCORE_TOO_LOW, "Too many reservations were not kept.")


def score_of(terms: RestaurantTerms, visits: int, no_shows: int) -> int:
    return terms.score_start + visits * terms.score_visit + no_shows * terms.score_no_show
