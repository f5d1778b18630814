"""Which facts are told of by mail, and to whom."""

from __future__ import annotations

from dataclasses import replace as having

import pytest
from msgspec.structs import replace

from domain.event_messages import (
    EventCancelled,
    EventChanged,
    EventCreated,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationPaid,
    ReservationSold,
    ReservationVoided,
    Terms,
)
from domain.kinds import Fact
from domain.mail import Json, MailKind
from domain.news import Known, News, told
from domain.restaurant_messages import (
    ReservationMoved,
    RestaurantCancelled,
    RestaurantChanged,
    RestaurantCreated,
    RestaurantTerms,
)
from domain.ticket_messages import TicketReissued, TicketTransferred

NOW_MS, START_MS = 1_800_000_000_000, 1_800_900_000_000
TERMS = Terms("Concert", START_MS, "EUR", (), venue="Hall", city="Graz")
KNOWN = Known(START_MS, "Hall", "Graz")
CANCELLED = replace(KNOWN, cancelled=True)


def kinds_of(known: Known, fact: Fact) -> list[MailKind]:
    return [one.kind for one in told(known, fact)[1]]


def test_a_confirmation_is_told_of_and_has_a_reminder() -> None:
    _, news = told(KNOWN, ReservationConfirmed(NOW_MS, "r"))
    assert news == (
        News(MailKind.CONFIRMED, NOW_MS, "r"),
        News(MailKind.REMINDER, NOW_MS, "r", starts_at_ms=START_MS),
    )


@pytest.mark.parametrize(
    ("fact", "kinds"),
    [
        (HoldPlaced(NOW_MS, "r", b"c", (), NOW_MS), []),
        (HoldExpired(NOW_MS, "r"), [MailKind.HOLD_EXPIRED]),
        (HoldReleased(NOW_MS, "r"), []),
        (ReservationCancelled(NOW_MS, "r"), [MailKind.CANCELLED]),
    ],
)
def test_how_a_reservation_ends_is_told_unless_its_customer_gave_up_a_hold(
    fact: Fact, kinds: list[MailKind]
) -> None:
    assert kinds_of(KNOWN, fact) == kinds


@pytest.mark.parametrize("cancels", [EventCancelled(NOW_MS), RestaurantCancelled(NOW_MS)])
@pytest.mark.parametrize(
    "fact", [HoldExpired(NOW_MS, "r"), HoldReleased(NOW_MS, "r"), ReservationCancelled(NOW_MS, "r")]
)
def test_what_ends_with_its_event_is_told_so(cancels: Fact, fact: Fact) -> None:
    known, news = told(KNOWN, cancels)
    assert news == ()
    assert kinds_of(known, fact) == [MailKind.EVENT_CANCELLED]


@pytest.mark.parametrize(
    ("terms", "changed"),
    [
        (replace(TERMS, starts_at_ms=START_MS + 1), ["time"]),
        (replace(TERMS, venue="Arena"), ["place"]),
        (replace(TERMS, city="Linz", starts_at_ms=START_MS - 1), ["time", "place"]),
    ],
)
def test_another_time_or_place_is_told_to_all_with_what_it_was(terms: Terms, changed: list[str]) -> None:
    known, news = told(KNOWN, EventChanged(NOW_MS, terms))
    assert news[0].kind is MailKind.EVENT_CHANGED
    assert news[0].reservation_id is None
    assert news[0].parameters == {
        "changed": changed,
        "venue": "Hall",
        "city": "Graz",
        "starts_at_ms": START_MS,
    }
    assert known == Known(terms.starts_at_ms, terms.venue, terms.city)
    reminders = [one for one in news if one.kind is MailKind.REMINDER]
    moved = having(news[0], kind=MailKind.REMINDER, parameters={}, starts_at_ms=terms.starts_at_ms)
    assert reminders == ([moved] if "time" in changed else [])


def test_a_change_of_anything_else_is_nobodys_news() -> None:
    assert kinds_of(KNOWN, EventChanged(NOW_MS, replace(TERMS, name="Encore"))) == []
    assert kinds_of(CANCELLED, EventChanged(NOW_MS, replace(TERMS, venue="Arena"))) == []


def test_a_new_event_is_known_and_told_to_nobody() -> None:
    assert told(Known(), EventCreated(NOW_MS, "e", TERMS)) == (KNOWN, ())


def test_a_moved_table_is_told_of_and_its_reminder_is_of_the_new_time() -> None:
    _, news = told(Known(), ReservationMoved(NOW_MS, "r", ("t",), START_MS, START_MS, START_MS, 2))
    assert [one.kind for one in news] == [MailKind.MOVED, MailKind.REMINDER]
    assert news[1].starts_at_ms == START_MS


@pytest.mark.parametrize(
    "fact", [ReservationPaid(NOW_MS, "r", "p"), ReservationSold(NOW_MS, "r", "cash", "staff")]
)
def test_what_is_paid_is_told_of_as_what_is_confirmed(fact: Fact) -> None:
    assert told(KNOWN, fact) == told(KNOWN, ReservationConfirmed(NOW_MS, "r"))


def test_what_the_operator_cancels_is_told_of_as_what_its_holder_does() -> None:
    assert told(KNOWN, ReservationVoided(NOW_MS, "r")) == told(KNOWN, ReservationCancelled(NOW_MS, "r"))


@pytest.mark.parametrize(
    ("again", "kinds"),
    [
        (False, [MailKind.TICKET_TRANSFERRED, MailKind.TICKET_PASSED_ON, MailKind.REMINDER]),
        (True, [MailKind.TICKET_TRANSFERRED, MailKind.REMINDER]),
    ],
)
def test_a_ticket_passed_on_is_told_of_to_whom_it_goes_and_to_the_buyer_if_it_was_theirs(
    again: bool, kinds: list[MailKind]
) -> None:
    _, news = told(KNOWN, TicketTransferred(NOW_MS, "r", 2, 3, b"bob", again))
    assert [one.kind for one in news] == kinds
    assert all(one.parameters == {"number": 2, "generation": 3} for one in news)
    assert news[-1].starts_at_ms == START_MS


def test_a_ticket_issued_again_is_told_in_the_answer_alone_and_its_reminder_is_of_the_new_one() -> None:
    of: dict[str, Json] = {"number": 2, "generation": 3}
    _, news = told(KNOWN, TicketReissued(NOW_MS, "r", 2, 3))
    assert news == (News(MailKind.REMINDER, NOW_MS, "r", of, START_MS),)


def test_holders_are_told_of_the_event_and_reminded_anew_where_it_moved() -> None:
    moved = told(KNOWN, EventChanged(NOW_MS, replace(TERMS, starts_at_ms=START_MS + 1)))[1]
    confirmed = told(KNOWN, ReservationConfirmed(NOW_MS, "r"))[1]
    assert [one.is_told_to_holders for one in (*moved, *confirmed)] == [True, True, False, False]


def test_whose_it_is_is_known_from_its_beginning_on() -> None:
    owned = replace(TERMS, organiser_id="o")
    known, _ = told(Known(), EventCreated(NOW_MS, "e", owned))
    assert known.organiser_id == "o"
    assert told(known, EventChanged(NOW_MS, replace(owned, venue="Arena")))[0].organiser_id == "o"
    assert told(known, EventCancelled(NOW_MS))[0].organiser_id == "o"
    house = RestaurantTerms("House", "UTC", (), (), organiser_id="o")
    for fact in (RestaurantCreated(NOW_MS, "r", house), RestaurantChanged(NOW_MS, house)):
        assert told(Known(), fact) == (Known(organiser_id="o"), ())
