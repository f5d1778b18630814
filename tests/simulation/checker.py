"""Goes through the evidence of a scenario and says what is wrong with it: the invariants I1 to I9.

Looks at the journal, the rows, the recorded requests, what clients were told and what owners answered; asks
neither the rules in `domain` nor an owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import inf

import msgspec

from actors.gateway import CREATIONS
from actors.wire import Ask, Later, Moved, unpack_answers, unpack_batch
from domain.event_messages import ExtendHold, ReservationReply
from domain.kinds import CREATES, DESCRIBED, PLACING, Reply
from domain.messages import Code, Rejected
from domain.restaurant_messages import ProlongStay, TableReply
from domain.ticket_messages import CheckIn, ReissueTicket, TicketReply, TransferTicket
from persistence.store import Request
from tests.simulation.dining_fold import DiningFold
from tests.simulation.fold import LIVE, ON_HOLD, Fold
from tests.simulation.history import Answered, Attempt
from tests.simulation.linear_history import may_have_had, not_linearizable
from tests.simulation.outages import SWEEP_S
from tests.simulation.wording import brief
from tests.simulation.world import World

_reply = msgspec.msgpack.Decoder(Reply)
UNCLEAR = (Code.OVERLOADED, Code.UNAVAILABLE)
TELLING = (ReservationReply, TableReply, TicketReply, *DESCRIBED)
"""Replies that say what has been done."""
ALWAYS_EFFECTS = (
    *PLACING,
    *CREATES,
    ExtendHold,
    ProlongStay,
    CheckIn,
    TransferTicket,
    ReissueTicket,
)
"""Commands that do something whenever they are not refused."""
Folds = Mapping[str, Fold | DiningFold]


def violations(world: World) -> list[str]:
    """Everything that is wrong; empty for a good run."""
    folds: dict[str, Fold | DiningFold] = {one: Fold(one) for one in world.event_ids}
    folds |= {one: DiningFold(one) for one in world.houses}
    found = list(world.wrong)
    for inventory_id, fold in folds.items():
        fold.read(world.database.journal(inventory_id))
        found += fold.wrong or fold.compare(world.database.tables.inventories[inventory_id])
    if found:
        return found
    found += _effects(world, folds)
    found += _told(world)
    found += _retries(world)
    found += _unanswered(world)
    found += _left_over(world)
    found += _expiries(world, folds)
    found += _times(world)
    found += _owners_words(world)
    if not found:
        for fold in folds.values():
            found += not_linearizable(world, fold, recorded_replies(world))
    return found


def recorded_replies(world: World) -> dict[tuple[str, bytes], Reply]:
    """What each request that had an effect is answered for ever."""
    return {place: _reply.decode(request.reply) for place, request in world.database.tables.requests.items()}


# --- one effect for each request, one request for each effect (I7) ------------------------------------


def _effects(world: World, folds: Folds) -> Iterator[str]:
    recorded: dict[str, int] = defaultdict(int)
    for (scope, _), reply in recorded_replies(world).items():
        recorded[scope] += 1 + len(getattr(reply, "moved", ()))  # others whom it gave another table
    for inventory_id, fold in folds.items():
        if fold.effects - 1 != recorded[inventory_id]:
            yield f"I7 {inventory_id}: {fold.effects - 1} effects, {recorded[inventory_id]} are on record"
    made = len(world.database.tables.inventories)
    if made != recorded[CREATIONS]:
        yield f"I7 {made} inventories made by {recorded[CREATIONS]} requests"


# --- what clients were told (I2, I7) ------------------------------------------------------------------


def _told(world: World) -> Iterator[str]:
    replies = recorded_replies(world)
    for attempt in world.history.attempts:
        effect = world.history.effects.get(attempt.place)
        if attempt.reply is None or attempt.answered_s is None:
            continue
        request = world.database.tables.requests.get(attempt.place)
        if isinstance(attempt.reply, Rejected):
            if effect is not None and request is not None:
                yield from _refused_though_recorded(attempt, request, effect.at_s)
        elif effect is None or effect.at_s > attempt.answered_s:
            if isinstance(attempt.reply, TELLING) and _must_be_recorded(attempt):
                yield f"I2 {_said(attempt)} before it was stored"
        elif attempt.reply != replies[attempt.place] and (
            effect.at_s < attempt.invoked_s or _must_be_recorded(attempt)
        ):
            # While the effect was under way another try may have been told, truly, how things stood.
            yield f"I7 {_said(attempt)}, recorded is {brief(replies[attempt.place])}"


def _refused_though_recorded(attempt: Attempt, request: Request, effect_s: float) -> Iterator[str]:
    """After an effect every retry gets its reply."""
    if attempt.refusal in UNCLEAR or effect_s >= attempt.invoked_s:
        return
    same = attempt.key is None or attempt.key.fingerprint == request.fingerprint
    if same or attempt.refusal is not Code.KEY_REUSED:
        yield f"I7 {_said(attempt)}, yet it had had its effect at {effect_s}"


def _must_be_recorded(attempt: Attempt) -> bool:
    """What it says can only be told of as an effect of this very request."""
    return isinstance(attempt.command, ALWAYS_EFFECTS)


def _retries(world: World) -> Iterator[str]:
    """Every effect is that of a try that was not told no, and at the end everything is clear."""
    replies = recorded_replies(world)
    by_place: dict[tuple[str, bytes], list[Attempt]] = defaultdict(list)
    for attempt in world.history.attempts:
        by_place[attempt.place].append(attempt)
    for place, attempts in by_place.items():
        last = attempts[-1]
        if last.client == "retrier" and (last.reply is None or last.refusal in UNCLEAR):
            yield f"I7 {_said(last)} though all is well"
        if place not in replies:
            continue
        effect_s = world.history.effects[place].at_s
        if not any(may_have_had(attempt, replies[place], effect_s) for attempt in attempts):
            yield f"I7 {_said(last)}, like every try, yet it had its effect at {effect_s}"


def _left_over(world: World) -> Iterator[str]:
    """When all is quiet nothing waits anywhere: every letter was answered and counted out again."""
    for born in world.cluster.born:
        health = born.owner.health() if born.owner and born.process.alive else {}
        if health.get("depth") or health.get("activating"):
            yield f"{born} is not empty: {health}"


def _unanswered(world: World) -> Iterator[str]:
    limits = world.gateway_limits
    most_s = (limits.request_deadline_ms + limits.grace_ms) / 1000 + SWEEP_S + world.routing_max_s()
    for attempt in world.history.attempts:
        late_s = world.outages.resumed_s(attempt.gateway, attempt.invoked_s, most_s)
        if attempt.answered_s is None:
            if world.history.deaths.get(attempt.gateway, inf) > late_s:
                yield f"no answer: {_said(attempt)}"
        elif attempt.answered_s > late_s:
            yield f"late answer: {_said(attempt)} after {attempt.answered_s - attempt.invoked_s} s"


# --- holds end in time (I5) ---------------------------------------------------------------------------


def _expiries(world: World, folds: Folds) -> Iterator[str]:
    for inventory_id, fold in folds.items():
        for reservation_id, found in fold.reservations.items():
            end_s = world.true_s(found.expires_at_ms)
            due_s = world.expiry_due_s(inventory_id, end_s)
            if found.status in ON_HOLD and due_s < world.loop.now_s:
                yield f"I5 {inventory_id}: {reservation_id} is {found.status} for ever"
            if found.status == "expired":
                ended_s = world.history.commits[inventory_id, fold.expired[reservation_id]].at_s
                given_back = fold.failed.get(reservation_id)
                if ended_s > due_s and given_back != fold.expired[reservation_id]:
                    late_s = ended_s - end_s
                    yield f"I5 {inventory_id}: {reservation_id} ended {late_s} s late, due by {due_s}"
        yield from _ends_with_it(world, fold)


def _ends_with_it(world: World, fold: Fold | DiningFold) -> Iterator[str]:
    """What a cancelled event or restaurant has ends as soon as a hold whose time has run out."""
    event_id = fold.inventory_id
    if not fold.cancelled_seq:
        return
    cancelled_s, ended_s = (
        world.history.commits[event_id, seq].at_s for seq in (fold.cancelled_seq, fold.last_ended_seq)
    )
    due_s = world.expiry_due_s(event_id, cancelled_s)
    if any(found.status in LIVE for found in fold.reservations.values()) and due_s < world.loop.now_s:
        yield f"I5 {event_id}: cancelled, and has reservations for ever"
    if ended_s > due_s:
        yield f"I5 {event_id}: ended {ended_s - cancelled_s} s after it was cancelled, due by {due_s}"


def _times(world: World) -> Iterator[str]:
    """Facts happen in store time, and so not after they were stored."""
    for (event_id, seq), commit in world.history.commits.items():
        ahead_s = world.true_s(commit.at_ms) - commit.at_s
        if ahead_s > world.clocks.skew_s:
            yield f"{event_id}: seq {seq} happened {ahead_s} s after it was stored"


# --- what owners said (I7, I9) ------------------------------------------------------------------------


def _owners_words(world: World) -> Iterator[str]:
    for call in world.history.answered:
        for ask, answer in zip(unpack_batch(call.payload).asks, unpack_answers(call.answers), strict=True):
            if isinstance(answer, Moved | Later) or ask.scope:
                continue
            effect = world.history.effects.get((ask.inventory_id, ask.request_id))
            if isinstance(answer, Rejected) and answer.code in (*UNCLEAR, Code.KEY_REUSED):
                known = effect is not None and effect.at_s < call.received_s
                if answer.code is Code.OVERLOADED and known and (ask.keyed or ask.attempt):
                    yield f"I7 {call.incarnation} said overloaded of {_asked(ask)} at {call.answered_s}"
            elif effect is not None and effect.at_s <= call.answered_s:
                continue
            elif not _owned(world, call, ask.inventory_id):
                yield f"I9 {call.incarnation} said {brief(answer)} to {_asked(ask)} at {call.answered_s}"


def _owned(world: World, call: Answered, inventory_id: str) -> bool:
    """Was it the last to claim at any time while it had the call?"""
    claims = world.history.claims.get(inventory_id, [])
    at_first = [claim for claim in claims if claim.at_s <= call.received_s][-1:]
    meanwhile = [claim for claim in claims if call.received_s < claim.at_s <= call.answered_s]
    return any(claim.session == call.session for claim in at_first + meanwhile)


def _said(attempt: Attempt) -> str:
    return f"{attempt.client} was told {brief(attempt.reply)} to #{attempt.number} {brief(attempt.command)}"


def _asked(ask: Ask) -> str:
    return f"{brief(ask.command)} (attempt {ask.attempt}, deadline {ask.deadline_ms % 1_000_000})"
