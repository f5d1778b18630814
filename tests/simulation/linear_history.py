"""Makes of the evidence the operations of one inventory, for the search for an order (I8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from domain.event_messages import (
    BeginPayment,
    CreateEvent,
    EventCreated,
    ExtendHold,
    FailPayment,
    ReservationReply,
    Status,
)
from domain.kinds import PLACING, Fact, Reply
from domain.messages import Code
from domain.restaurant_messages import (
    CreateRestaurant,
    ProlongStay,
    RestaurantCreated,
    SeatParty,
    TableReply,
)
from tests.properties.reference import Reference
from tests.properties.sequential_restaurant import SequentialRestaurant
from tests.simulation.dining_fold import DiningFold
from tests.simulation.fold import HALL, Fold
from tests.simulation.history import Attempt
from tests.simulation.linearizability import UNACKNOWLEDGED_S, Model, Operation, Search
from tests.simulation.wording import brief

if TYPE_CHECKING:
    from tests.simulation.world import World

_facts = msgspec.msgpack.Decoder(list[Fact])
NO_WORD = (Code.OVERLOADED, Code.UNAVAILABLE, Code.KEY_REUSED, Code.VENUE_TAKEN)
"""Answers that say nothing of the event's own state; the last is about another event's."""
GIVING = (*PLACING, ExtendHold, BeginPayment, FailPayment, SeatParty, ProlongStay)
"""Commands that give a reservation its end: of a hold, or of a stay. A payment that fails gives again the end
that there was before."""
ROUNDING_S = 0.002


def not_linearizable(
    world: World, fold: Fold | DiningFold, replies: dict[tuple[str, bytes], Reply]
) -> Iterator[str]:
    """What is wrong with the inventory's history; nothing if there is an order that explains it."""
    created = _facts.decode(world.database.journal(fold.inventory_id)[0].facts)[0]
    search = Search(operations(world, fold, replies))
    if not search.fits(_made(created)):
        way = " | ".join(operation.name for operation in search.best[-6:])
        stuck = " | ".join(search.stuck)
        yield f"I8 {fold.inventory_id}: after [{way}] nothing fits of [{stuck}] ({search.steps} steps)"


def _made(created: Fact) -> Model:
    """The sequential object as it was made."""
    if isinstance(created, EventCreated):
        event = Reference(HALL)
        event.ask(CreateEvent(created.id, created.terms, created.stage), created.at_ms)
        return event
    assert isinstance(created, RestaurantCreated)
    restaurant = SequentialRestaurant()
    restaurant.ask(CreateRestaurant(created.id, created.terms, created.stage), created.at_ms)
    return restaurant


def operations(
    world: World, fold: Fold | DiningFold, replies: dict[tuple[str, bytes], Reply]
) -> list[Operation]:
    """Effects once for each request id, however often it was sent; words as often as they were said."""
    attempts: dict[tuple[str, bytes], list[Attempt]] = {}
    for attempt in world.history.attempts:
        if attempt.inventory_id == fold.inventory_id and not attempt.scope:
            attempts.setdefault(attempt.place, []).append(attempt)
    found: list[Operation] = []
    for place, tries in attempts.items():
        effect = _effect(world, tries, replies[place]) if place in world.history.effects else None
        found += [effect] if effect else []
        found += [_word(world, attempt, effect) for attempt in tries if _tells(attempt, effect)]
    return found + list(_ends(world, fold, found))


def _effect(world: World, tries: list[Attempt], reply: Reply) -> Operation:
    """From the first try that may have had it to the first that was told of it."""
    commit = world.history.effects[tries[0].place]
    own = [attempt for attempt in tries if may_have_had(attempt, reply, commit.at_s)]
    # One that was told before may have been told how things were then, in the same words.
    ends = [
        attempt.answered_s
        for attempt in tries
        if attempt.reply == reply and attempt.answered_s is not None and attempt.answered_s >= commit.at_s
    ]
    first = own[0]
    return Operation(
        f"#{first.number} {brief(first.command)}: {brief(reply)}",
        first.invoked_s,
        min(ends, default=UNACKNOWLEDGED_S),
        first.command,
        reply,
        changes=True,
        at_ms=commit.at_ms,
        order=(commit.seq, 1, commit.position),
    )


def may_have_had(attempt: Attempt, reply: Reply, effect_s: float) -> bool:
    """May the effect that has this reply be this try's? Not if it was told no; `unavailable` is no such word.

    A reservation is placed under the id that one of the tries brought.
    """
    if attempt.refusal not in (None, Code.UNAVAILABLE) or attempt.invoked_s > effect_s:
        return False
    if isinstance(attempt.command, PLACING) and isinstance(reply, ReservationReply | TableReply):
        return attempt.command.reservation_id == reply.reservation.id
    return True


def _tells(attempt: Attempt, effect: Operation | None) -> bool:
    """Words about the event's state: no replays, and nothing that only says that nothing is known."""
    if attempt.answered_s is None or attempt.refusal in NO_WORD:
        return False
    return effect is None or attempt.reply != effect.reply


def _word(world: World, attempt: Attempt, effect: Operation | None) -> Operation:
    assert attempt.answered_s is not None
    early_ms = world.ms(attempt.invoked_s - world.clocks.skew_s - ROUNDING_S)
    late_ms = world.ms(attempt.answered_s + world.clocks.skew_s + ROUNDING_S)
    return Operation(
        f"#{attempt.number} {brief(attempt.command)}: {brief(attempt.reply)}",
        attempt.invoked_s,
        attempt.answered_s,
        attempt.command,
        attempt.reply,
        window_ms=(early_ms, late_ms),
        before=effect,
    )


def _ends(world: World, fold: Fold | DiningFold, effects: list[Operation]) -> Iterator[Operation]:
    """The end of every hold, and of every stay that was over, as an operation of its own."""
    before: dict[str, Operation] = {}
    times: Counter[tuple[str, int]] = Counter()
    in_order = sorted(effects, key=lambda found: found.order)
    for reservation_id, end_ms in fold.ends:
        end_s, slack_s = world.true_s(end_ms), world.clocks.skew_s + ROUNDING_S
        seq = fold.looked.get((reservation_id, end_ms))
        givers = [found for found in in_order if _gave(found, reservation_id, end_ms)]
        given = givers[min(times[reservation_id, end_ms], len(givers) - 1)] if givers else None
        times[reservation_id, end_ms] += 1
        late_s = end_s + slack_s
        if seq is not None and fold.expired.get(reservation_id) != seq:
            # A stay that is over goes on until somebody looks, and goes on by how things are then.
            late_s = max(late_s, world.history.commits[fold.inventory_id, seq].at_s)
        before[reservation_id] = Operation(
            f"end of {reservation_id[:4]} at {end_ms % 1_000_000}",
            end_s - slack_s,
            late_s,
            order=(1 << 59,) if seq is None else (seq, 0),
            hold=(reservation_id, end_ms),
            after=given or before.get(reservation_id),
        )
        yield before[reservation_id]


def _gave(operation: Operation, reservation_id: str, end_ms: int) -> bool:
    """Was it this that gave the reservation this end?"""
    if not operation.changes or not isinstance(operation.command, GIVING):
        return False
    reply = operation.reply
    if not isinstance(reply, ReservationReply | TableReply) or reply.reservation.status is Status.EXPIRED:
        return False
    return (reply.reservation.id, reply.reservation.expires_at_ms) == (reservation_id, end_ms)
