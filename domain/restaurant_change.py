"""Making a restaurant, changing its terms while reservations stand, and moving it from stage to stage."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from domain.event_messages import Stage, Status
from domain.local_time import local_of
from domain.messages import Code, Rejected
from domain.restaurant_choice import moves_of
from domain.restaurant_evolve import BECOMES, moved
from domain.restaurant_hours import Hours
from domain.restaurant_messages import (
    CancelRestaurant,
    ChangeRestaurant,
    CloseRestaurant,
    CreateRestaurant,
    DeleteRestaurant,
    PublishRestaurant,
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantClosed,
    RestaurantCreated,
    RestaurantDeleted,
    RestaurantPublished,
    RestaurantReply,
    RestaurantTerms,
    TableReservation,
)
from domain.restaurant_state import RESTAURANT, Decision, State, describe, hours_of, terms_of
from domain.restaurant_tables import options_of
from domain.restaurant_terms import changed_terms, flaws
from domain.stages import first_flaws, in_use, no_way

AFFECTED_SHOWN_MAX = 100


def create(state: State, command: CreateRestaurant, now_ms: int) -> Decision:
    if state.terms is not None:
        return Rejected(Code.WRONG_STATE, "The restaurant exists already.", {"status": "created"}), ()
    errors = flaws(command.terms) + first_flaws(command.stage, RESTAURANT)
    if errors:
        return Rejected(Code.INVALID, "The restaurant's terms do not fit together.", errors=errors), ()
    reply = RestaurantReply(command.id, command.terms, 1, False, stage=command.stage)
    return reply, (RestaurantCreated(now_ms, command.id, command.terms, command.stage),)


def change(state: State, command: ChangeRestaurant, now_ms: int) -> Decision:
    if command.if_version not in (None, state.version):
        return _stale(state), ()
    terms = changed_terms(terms_of(state), command.change)
    if isinstance(terms, Rejected):
        return terms, ()
    if terms == state.terms:
        return describe(state), ()
    untimely, homeless = _untimely(state, terms), _homeless(state, terms)
    moves = moves_of(state, options_of(terms), homeless, (), now_ms) if command.move else []
    affected = {entry.id: entry for entry in untimely + homeless[len(moves) :]}
    if affected:
        return _in_use(affected.values()), ()
    after = tuple(moved(entry, move) for entry, move in zip(homeless, moves, strict=True))
    reply = replace(describe(state), terms=terms, version=state.version + 1, moved=after)
    return reply, (RestaurantChanged(now_ms, terms), *moves)


_MOVES: dict[type, type[RestaurantPublished | RestaurantClosed | RestaurantCancelled]] = {
    PublishRestaurant: RestaurantPublished,
    CloseRestaurant: RestaurantClosed,
    CancelRestaurant: RestaurantCancelled,
}


def move_on(
    state: State, command: PublishRestaurant | CloseRestaurant | CancelRestaurant, now_ms: int
) -> Decision:
    fact = _MOVES[type(command)](now_ms)
    to, before = BECOMES[type(fact)], describe(state)
    if to is state.stage:
        return before, ()
    refusal = no_way(state.stage, to, RESTAURANT)
    if refusal is not None:
        return refusal, ()
    return replace(before, version=state.version + 1, stage=to), (fact,)


def delete(state: State, command: DeleteRestaurant, now_ms: int) -> Decision:
    if command.if_version not in (None, state.version):
        return _stale(state), ()
    refusal = in_use(state.reservations, RESTAURANT)
    if refusal is not None:
        return refusal, ()
    after = replace(describe(state), version=state.version + 1, stage=Stage.CANCELLED)
    return after, (RestaurantDeleted(now_ms),)


def _stale(state: State) -> Rejected:
    return Rejected(Code.STALE, "The restaurant has changed meanwhile.", {"version": state.version})


def _untimely(state: State, terms: RestaurantTerms) -> list[TableReservation]:
    """Reservations whose time the new hours do not allow, or the new time zone calls otherwise, by time.

    Not those that were outside of the hours before; and who sits, sits."""
    present, new = hours_of(state), Hours(terms)
    return _by_time(
        entry
        for entry in state.reservations.values()
        if entry.status is not Status.SEATED
        and present.open_during(entry.start_ms, entry.end_ms)
        and not (
            new.open_during(entry.start_ms, entry.end_ms)
            and local_of(new.zone, entry.start_ms) == local_of(present.zone, entry.start_ms)
        )
    )


def _homeless(state: State, terms: RestaurantTerms) -> list[TableReservation]:
    """Reservations at a table that there will not be, or that will be too small for them alone, by time."""
    largest = {table.id: table.largest for table in terms.tables if table.active}
    before = {table.id: table.largest for table in terms_of(state).tables if table.active}
    return _by_time(
        entry
        for entry in state.reservations.values()
        if any(table_id in before and table_id not in largest for table_id in entry.tables)
        or _outgrows(entry, before, largest)
    )


def _outgrows(entry: TableReservation, before: dict[str, int], largest: dict[str, int]) -> bool:
    """Of joined tables the join says how many they take, and tables that are pushed together stay so."""
    if len(entry.tables) > 1:
        return False
    had = before.get(entry.tables[0], 0)
    return largest.get(entry.tables[0], 0) < entry.party_size <= had


def _by_time(entries: Iterable[TableReservation]) -> list[TableReservation]:
    return sorted(entries, key=lambda entry: (entry.start_ms, entry.id))


def _in_use(affected: Iterable[TableReservation]) -> Rejected:
    ids = tuple(entry.id for entry in _by_time(affected))
    return Rejected(
        Code.IN_USE,
        f"{len(ids)} reservations stand in the way.",
        {"live": len(ids)},
        reservations=ids[:AFFECTED_SHOWN_MAX],
    )
