"""Creating and changing an event, pausing its sale: bounds of every term, both sides."""

from typing import Any

import pytest

from domain.event import State, counts, decide
from domain.event_messages import (
    CreateEvent,
    ExpireDue,
    Looked,
    PauseSale,
    PlaceHold,
    ResumeSale,
    Status,
    TermsChange,
    TicketType,
    TicketTypeChange,
)
from domain.messages import Code
from tests.unit.sale import BOB, HOUR_MS, START_MS, Sale, code, event, event_terms, refused, reservation

STARTS_AT_MS = event_terms().starts_at_ms


def creation(**terms: Any) -> list[str]:
    """The paths of what is wrong with such an event; empty if it can be made."""
    reply, facts = decide(State(), CreateEvent("e1", event_terms(**terms)), START_MS)
    if facts:
        return []
    assert refused(reply).code is Code.INVALID
    return [path for path, _ in refused(reply).errors]


def many_types(number: int) -> tuple[TicketType, ...]:
    return tuple(TicketType(f"t{index}", "T", 1, 1) for index in range(number))


def one_type(**changes: Any) -> tuple[TicketType, ...]:
    plain: dict[str, Any] = {"code": "std", "name": "S", "quota": 1, "price": 1}
    return (TicketType(**(plain | changes)),)


@pytest.mark.parametrize(
    ("terms", "wrong"),
    [
        ({"hold_duration_s": 9}, ["hold_duration_s"]),
        ({"hold_duration_s": 10}, []),
        ({"hold_duration_s": 86_400}, []),
        ({"hold_duration_s": 86_401}, ["hold_duration_s"]),
        ({"ends_at_ms": STARTS_AT_MS}, ["ends_at"]),
        ({"ends_at_ms": STARTS_AT_MS + 1}, []),
        ({"sales_start_ms": STARTS_AT_MS}, ["sales_start"]),
        ({"sales_start_ms": STARTS_AT_MS - 1}, []),
        ({"sales_start_ms": START_MS, "sales_end_ms": START_MS}, ["sales_start"]),
        ({"sales_start_ms": START_MS, "sales_end_ms": START_MS + 1}, []),
        ({"capacity": -1}, ["capacity"]),
        ({"capacity": 0}, []),
        ({"capacity": 10_000_000}, []),
        ({"capacity": 10_000_001}, ["capacity"]),
        ({"max_per_customer": 0}, ["max_per_customer"]),
        ({"max_per_customer": 1}, []),
        ({"hold_extensions_max": -1}, ["hold_extensions_max"]),
        ({"hold_extensions_max": 0}, []),
        ({"hold_extensions_max": 100}, []),
        ({"hold_extensions_max": 101}, ["hold_extensions_max"]),
        ({"ticket_types": ()}, ["ticket_types"]),
        ({"ticket_types": many_types(100)}, []),
        ({"ticket_types": many_types(101)}, ["ticket_types"]),
        ({"ticket_types": one_type() + one_type()}, ["ticket_types"]),
        ({"ticket_types": one_type(quota=-1)}, ["ticket_types[0].quota"]),
        ({"ticket_types": one_type(quota=0)}, []),
        ({"ticket_types": one_type(quota=10_000_000)}, []),
        ({"ticket_types": one_type(quota=10_000_001)}, ["ticket_types[0].quota"]),
        ({"ticket_types": one_type(price=-1)}, ["ticket_types[0].price"]),
        ({"ticket_types": one_type(price=0)}, []),
        ({"ticket_types": one_type(price=1_000_000_000_000)}, []),
        ({"ticket_types": one_type(price=1_000_000_000_001)}, ["ticket_types[0].price"]),
        ({"ticket_types": one_type(max_per_order=0)}, ["ticket_types[0].max_per_order"]),
        ({"ticket_types": one_type(max_per_order=1)}, []),
    ],
)
def test_terms_are_checked_on_both_sides_of_each_bound(terms: dict[str, Any], wrong: list[str]) -> None:
    assert creation(**terms) == wrong


def test_a_new_event_has_all_of_its_tickets() -> None:
    reply, _ = decide(State(), CreateEvent("e1", event_terms(capacity=5)), START_MS)
    made = event(reply)
    assert (made.id, made.version, made.paused) == ("e1", 1, False)
    assert [(count.code, count.available) for count in made.counts] == [("std", 5), ("vip", 2)]


def test_an_event_is_made_once() -> None:
    assert code(Sale().ask(CreateEvent("e1", event_terms()))) is Code.WRONG_STATE


@pytest.mark.parametrize("command", [PauseSale(), ExpireDue(), PlaceHold("r1", (("std", 1),), b"a", b"{}")])
def test_an_event_that_was_never_made_is_not_found(command: Any) -> None:
    reply, facts = decide(State(), command, START_MS)
    assert (code(reply), facts) == (Code.NOT_FOUND, ())


def test_looking_for_what_is_due_answers_and_changes_nothing() -> None:
    assert decide(Sale().state, ExpireDue(), START_MS) == (Looked(), ())


# --- changing -----------------------------------------------------------------------------------------


def quota(type_code: str, number: int) -> dict[str, Any]:
    return {"ticket_types": (TicketTypeChange(type_code, quota=number),)}


def test_a_change_shows_the_event_as_it_will_be_and_raises_its_version() -> None:
    sale = Sale()
    sale.hold((("std", 3),))
    changed = event(sale.change(name="Another show", **quota("std", 5)))
    assert (changed.version, changed.terms.name) == (2, "Another show")
    assert changed.counts == counts(sale.state)
    assert sale.available("std") == 2


@pytest.mark.parametrize(("number", "allowed"), [(5, True), (4, False)])
def test_a_quota_goes_down_to_what_is_live_and_no_further(number: int, allowed: bool) -> None:
    sale = Sale()
    sale.buy((("std", 2),))
    sale.hold((("std", 3),))
    reply = sale.change(**quota("std", number))
    if allowed:
        assert event(reply).counts[0].available == 0
    else:
        assert refused(reply).code is Code.QUOTA_BELOW_LIVE
        assert refused(reply).facts == {"live": 5}


@pytest.mark.parametrize(("number", "allowed"), [(5, True), (4, False)])
def test_the_capacity_goes_down_to_what_is_live_and_no_further(number: int, allowed: bool) -> None:
    sale = Sale()
    sale.hold((("std", 4), ("vip", 1)))
    reply = sale.change(capacity=number)
    if allowed:
        assert event(reply).terms.capacity == number
    else:
        assert refused(reply).code is Code.QUOTA_BELOW_LIVE
        assert refused(reply).facts == {"live": 5}


def test_a_hold_whose_time_ran_out_does_not_keep_a_quota_up() -> None:
    sale = Sale()
    held = sale.hold((("std", 5),))
    sale.now_ms = held.expires_at_ms
    assert event(sale.change(**quota("std", 0)))


def test_a_bigger_quota_sells_at_once() -> None:
    sale = Sale()
    sale.buy((("vip", 2),))
    sale.change(**quota("vip", 3))
    assert reservation(sale.place((("vip", 1),)))


def test_a_type_in_use_is_not_removed() -> None:
    sale = Sale()
    held = sale.hold((("vip", 1),))
    assert code(sale.change(removed_ticket_types=("vip",))) is Code.QUOTA_BELOW_LIVE
    sale.cancel(held.id)
    assert [count.code for count in event(sale.change(removed_ticket_types=("vip",))).counts] == ["std"]
    assert code(sale.place((("vip", 1),))) is Code.INVALID


def test_a_removed_type_that_comes_back_is_empty() -> None:
    sale = Sale()
    held = sale.hold((("vip", 2),))
    sale.cancel(held.id)
    sale.change(removed_ticket_types=("vip",))
    sale.change(ticket_types=(TicketTypeChange("vip", name="Premium", quota=1, price=1),))
    assert sale.available("vip") == 1
    sale.now_ms = held.expires_at_ms
    assert sale.expire() == []


@pytest.mark.parametrize(
    "change",
    [
        {"removed_ticket_types": ("none",)},
        {"removed_ticket_types": ("std", "vip")},
        {"ticket_types": (TicketTypeChange("new", name="N", quota=1),)},
        {"ticket_types": (TicketTypeChange("std", quota=1),), "removed_ticket_types": ("std",)},
        {"ticket_types": (TicketTypeChange("std", quota=1), TicketTypeChange("std", quota=2))},
        {"hold_duration_s": 9},
        {"ticket_types": (TicketTypeChange("std", quota=-1),)},
    ],
)
def test_changes_that_do_not_fit_are_invalid_and_change_nothing(change: dict[str, Any]) -> None:
    sale = Sale()
    before = sale.state.terms
    assert code(sale.change(**change)) is Code.INVALID
    assert sale.state.terms == before


def test_a_change_of_an_older_version_is_stale() -> None:
    sale = Sale()
    sale.change(if_version=1, name="First")
    refusal = refused(sale.change(if_version=1, name="Second"))
    assert refusal.code is Code.STALE
    assert refusal.facts == {"version": 2}
    assert event(sale.change(if_version=2, name="Second")).version == 3


def test_a_change_to_what_already_is_changes_nothing() -> None:
    sale = Sale()
    before = len(sale.facts)
    assert event(sale.change(name="A show")).version == 1
    assert len(sale.facts) == before


def test_a_changed_window_holds_for_the_next_command() -> None:
    sale = Sale()
    sale.change(sales_end_ms=START_MS)
    assert code(sale.place()) is Code.SALES_CLOSED
    sale.change(sales_end_ms=None)
    assert reservation(sale.place())


def test_every_term_but_currency_plan_of_seats_and_whose_it_is_can_be_changed() -> None:
    changeable = {*TermsChange.__struct_fields__} - {"removed_ticket_types"}
    fixed = {"currency", "seating", "moved_ms", "organiser_id"}
    assert changeable == {*event_terms().__struct_fields__} - fixed


# --- pausing ------------------------------------------------------------------------------------------


def test_a_paused_sale_takes_no_new_holds_and_keeps_those_that_are() -> None:
    sale = Sale()
    held = sale.hold((("std", 2),))
    assert event(sale.ask(PauseSale())).paused
    assert code(sale.place(customer=BOB)) is Code.SALES_CLOSED
    assert code(sale.change_lines(held.id, (("std", 3),))) is Code.SALES_CLOSED
    assert reservation(sale.change_lines(held.id, (("std", 1),)))
    assert reservation(sale.extend(held.id))
    assert reservation(sale.confirm(held.id)).status is Status.CONFIRMED


def test_a_resumed_sale_sells_again() -> None:
    sale = Sale()
    sale.ask(PauseSale())
    assert not event(sale.ask(ResumeSale())).paused
    assert reservation(sale.place())


def test_pausing_twice_happens_once_and_each_change_raises_the_version() -> None:
    sale = Sale()
    first = event(sale.ask(PauseSale()))
    assert event(sale.ask(PauseSale())) == first
    assert first.version == 2
    assert event(sale.ask(ResumeSale())).version == 3
    assert event(sale.ask(ResumeSale())).version == 3


def test_holds_expire_while_the_sale_is_paused() -> None:
    sale = Sale()
    held = sale.hold()
    sale.ask(PauseSale())
    sale.now_ms += HOUR_MS
    assert code(sale.confirm(held.id)) is Code.HOLD_EXPIRED
