"""Drafts, published, closed and cancelled: what leads where, the same for events and for restaurants.

What each kind takes in which stage, and how what it had ends, is in its own file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from domain import event, restaurant
from domain.event_messages import (
    CancelEvent,
    CloseEvent,
    CreateEvent,
    DeleteEvent,
    PublishEvent,
    Stage,
)
from domain.kinds import Rules
from domain.messages import Code, Rejected
from domain.restaurant_messages import (
    CancelRestaurant,
    CloseRestaurant,
    CreateRestaurant,
    DeleteRestaurant,
    PublishRestaurant,
)
from tests.unit.dining import NOON_MS, Dining, restaurant_terms
from tests.unit.sale import START_MS, Sale, event_terms

DRAFT, PUBLISHED, CLOSED, CANCELLED = Stage


@dataclass(frozen=True)
class Kind:
    """A kind of inventory under test."""

    name: str
    rules: Rules
    describe: Callable[[Any], Any]
    made: Callable[..., Any]
    """A sale or a dining room, with `ask`, `change`, `facts` and `state`."""
    moves: dict[Stage, Any]
    create: Callable[[Stage], Any]
    delete: type
    now_ms: int

    def in_stage(self, stage: Stage) -> Any:
        if stage is DRAFT:
            return self.made(stage=DRAFT)
        under_test = self.made()
        if stage is not PUBLISHED:
            under_test.ask(self.moves[stage])
        return under_test


KINDS = [
    Kind(
        "event",
        event,
        event.describe,
        Sale,
        {PUBLISHED: PublishEvent(), CLOSED: CloseEvent(), CANCELLED: CancelEvent()},
        lambda stage: CreateEvent("x1", event_terms(), stage),
        DeleteEvent,
        START_MS,
    ),
    Kind(
        "restaurant",
        restaurant,
        restaurant.describe,
        Dining,
        {PUBLISHED: PublishRestaurant(), CLOSED: CloseRestaurant(), CANCELLED: CancelRestaurant()},
        lambda stage: CreateRestaurant("x1", restaurant_terms(), stage),
        DeleteRestaurant,
        NOON_MS,
    ),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.mark.parametrize(
    ("stage", "to"),
    [
        (DRAFT, PUBLISHED),
        (DRAFT, CANCELLED),
        (PUBLISHED, CLOSED),
        (PUBLISHED, CANCELLED),
        (CLOSED, PUBLISHED),
        (CLOSED, CANCELLED),
    ],
)
def test_it_moves_on_and_its_version_rises(kind: Kind, stage: Stage, to: Stage) -> None:
    one = kind.in_stage(stage)
    version = one.state.version
    moved = one.ask(kind.moves[to])
    assert (moved.stage, moved.version) == (to, version + 1)
    assert moved == kind.describe(one.state)


@pytest.mark.parametrize(("stage", "to"), [(DRAFT, CLOSED), (CANCELLED, PUBLISHED), (CANCELLED, CLOSED)])
def test_what_a_stage_does_not_allow_is_refused_and_named(kind: Kind, stage: Stage, to: Stage) -> None:
    one = kind.in_stage(stage)
    before = len(one.facts)
    refusal = one.ask(kind.moves[to])
    assert isinstance(refusal, Rejected)
    assert (refusal.code, refusal.facts) == (Code.WRONG_STATE, {f"{kind.name}_status": stage.value})
    assert len(one.facts) == before


@pytest.mark.parametrize("stage", [PUBLISHED, CLOSED, CANCELLED])
def test_asking_for_the_stage_that_is_answers_it_and_changes_nothing(kind: Kind, stage: Stage) -> None:
    one = kind.in_stage(stage)
    before, facts = kind.describe(one.state), len(one.facts)
    assert one.ask(kind.moves[stage]) == before
    assert len(one.facts) == facts


@pytest.mark.parametrize(
    ("stage", "allowed"), [(DRAFT, True), (PUBLISHED, True), (CLOSED, False), (CANCELLED, False)]
)
def test_what_is_new_is_a_draft_or_published(kind: Kind, stage: Stage, allowed: bool) -> None:
    reply, facts = kind.rules.decide(kind.rules.State(), kind.create(stage), kind.now_ms)
    if isinstance(reply, Rejected):
        assert ([path for path, _ in reply.errors], facts) == (["status"], ())
    assert isinstance(reply, Rejected) is not allowed
    assert getattr(reply, "stage", None) == (stage if allowed else None)


def test_terms_can_be_changed_in_every_stage_and_do_not_change_it(kind: Kind) -> None:
    for stage in Stage:
        one = kind.in_stage(stage)
        changed = one.change(name="Another")
        assert changed.stage is stage
        assert changed == kind.describe(one.state)


def test_what_is_stored_brings_the_stage_back(kind: Kind) -> None:
    for stage in Stage:
        one = kind.in_stage(stage)
        state = kind.rules.restored(one.state.id, kind.rules.definition(one.state), kind.now_ms, None)
        assert (state.stage, state.hidden) == (stage, stage is DRAFT)
        assert kind.describe(state) == kind.describe(one.state)


def test_only_the_version_that_is_meant_is_deleted(kind: Kind) -> None:
    one = kind.in_stage(DRAFT)
    one.change(name="Another")
    refusal = one.ask(kind.delete(1))
    assert isinstance(refusal, Rejected)
    assert (refusal.code, refusal.facts) == (Code.STALE, {"version": 2})
    deleted = one.ask(kind.delete(2))
    assert (deleted.stage, deleted.version) == (CANCELLED, 3)
    assert one.state.hidden
