"""From what a client gives to a plan of seats: an import, seat by seat, or a generator's figures."""

from __future__ import annotations

import msgspec

from domain.seat_generators import Tier, block, bowl
from domain.seat_plan import SEATS_MAX, Plan, Section, flaws
from server.payloads_venues import NewBlock, NewBowl, NewPlan, NewSection
from server.problems import FieldError, Problem, invalid

_TOO_MANY = f"At most {SEATS_MAX} seats in all."


def plan_of(wanted: NewPlan) -> Plan:
    """The plan, without flaws. Takes a while for a stadium: to be done beside an event loop."""
    given = [way for way in (wanted.sections, wanted.block, wanted.bowl) if way is not None]
    if len(given) != 1:
        raise invalid("plan", "One of sections, block and bowl.")
    if wanted.sections is not None:
        return _imported(wanted.sections)
    return _of_block(wanted.block) if wanted.block is not None else _of_bowl(wanted.bowl)


def _imported(sections: tuple[NewSection, ...]) -> Plan:
    plan = Plan(msgspec.convert(sections, tuple[Section, ...], from_attributes=True))
    errors = flaws(plan)
    if errors:
        raise _flawed([(f"plan.{path}", message) for path, message in errors])
    return plan


def _of_block(wanted: NewBlock) -> Plan:
    if wanted.rows * wanted.seats_per_row > SEATS_MAX:
        raise invalid("plan.block", _TOO_MANY)
    categories = [(rows.category, rows.last_row) for rows in wanted.categories]
    made = block(
        wanted.section, wanted.rows, wanted.seats_per_row, categories, wanted.aisles, wanted.accessible
    )
    return _made(made, "plan.block")


def _of_bowl(wanted: NewBowl | None) -> Plan:
    assert wanted is not None
    tiers = [msgspec.convert(tier, Tier, from_attributes=True) for tier in wanted.tiers]
    if sum(tier.size for tier in tiers) > SEATS_MAX:
        raise invalid("plan.bowl", _TOO_MANY)
    return _made(bowl(tiers, wanted.pitch_length, wanted.pitch_width), "plan.bowl")


def _made(plan: Plan, path: str) -> Plan:
    """Where in a made plan a flaw is says nothing to who has not drawn it; what it is does, once."""
    errors = dict.fromkeys(message for _, message in flaws(plan))
    if errors:
        raise _flawed([(path, message) for message in errors])
    return plan


def _flawed(errors: list[tuple[str, str]]) -> Problem:
    found = [FieldError(path, message) for path, message in errors]
    return Problem("invalid", "The plan has flaws.", errors=found)
