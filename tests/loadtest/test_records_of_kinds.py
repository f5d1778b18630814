"""What the records say of seats and tables, and which answers are right there."""

from __future__ import annotations

import msgspec
import pytest

from loadtest.auditor.answers import check_answers
from loadtest.auditor.audit import Records
from loadtest.auditor.ends import Outages
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.retries import check_replies
from loadtest.exchange import Reply, Request, call_of, ms_of
from loadtest.record import Call, Dining, Operation, Sitting, Wish

SEATED = {
    "id": "r1",
    "status": "held",
    "expires_at": "2026-11-20T12:00:00Z",
    "created_at": "2026-11-20T11:45:00Z",
    "lines": [
        {"ticket_type": "A", "quantity": 2, "unit_price": {"amount": 1}, "seats": ["S/1/1", "S/1/2"]},
        {"ticket_type": "B", "quantity": 1, "unit_price": {"amount": 1}, "seats": ["T/1/1"]},
        {"ticket_type": "standing", "quantity": 1, "unit_price": {"amount": 1}},
    ],
    "total": {"amount": 4},
}
STAY = {
    "id": "s1",
    "status": "confirmed",
    "expires_at": None,
    "tables": ["t1", "t2"],
    "starts_at": "2026-11-20T19:00:00Z",
    "ends_at": "2026-11-20T21:00:00Z",
    "party_size": 6,
    "created_at": "2026-11-20T11:45:00Z",
}


def reply(status: int, body: object) -> Reply:
    return Reply(status, 1, 2, msgspec.json.encode(body))


def answered(op: Operation, status: int, code: str = "", **more: object) -> Call:
    return msgspec.structs.replace(Call("c", op, "e", 1, 2, status, code), **more)  # type: ignore[arg-type]


def wrong_answers(call: Call) -> int:
    findings = Findings()
    check_answers([call], Outages(), 0, findings)
    return findings.results[Check.ANSWERS].failures


def test_a_hold_of_seats_becomes_a_record_with_those_that_were_asked_for_and_those_that_were_given() -> None:
    request = Request("hold", "POST", "/", "e", b"{}", kind="seats", named=("S/1/1",))
    call = call_of("p", request, reply(201, SEATED))
    assert call.named == ("S/1/1",)
    assert call.seats == ("S/1/1", "S/1/2", "T/1/1")
    assert call.view is not None
    assert call.view.lines == (("A", 2, 1), ("B", 1, 1), ("standing", 1, 1))


def test_a_reservation_of_tables_becomes_a_record_with_the_wish_and_what_was_given() -> None:
    wish = Wish(ms_of("2026-11-20T19:00:00Z"), 6)
    request = Request("hold", "POST", "/", "house", b"{}", kind="tables", wish=wish)
    call = call_of("p", request, reply(201, STAY))
    start_ms = ms_of("2026-11-20T19:00:00Z")
    assert (call.reservation, call.wish, call.view) == ("s1", wish, None)
    created_ms = ms_of("2026-11-20T11:45:00Z")
    hours_2_ms = 7_200_000
    assert call.sitting == Sitting(
        "confirmed", 0, ("t1", "t2"), start_ms, start_ms + hours_2_ms, 6, created_ms
    )
    refused = call_of("p", request, reply(409, {"code": "taken"}))
    assert (refused.code, refused.wish, refused.sitting) == ("taken", wish, None)


def test_records_come_back_as_they_were_written() -> None:
    request = Request("walk-in", "POST", "/", "house", b"{}", kind="tables", wish=Wish(0, 2, "t1", 30))
    call = call_of("p", request, reply(201, STAY))
    dining = Dining("house", "The House", (("t1", 1, 4),), 120, 0, 900, 1, witnessed=True)
    encoded = msgspec.json.encode([call, dining])
    assert msgspec.json.decode(encoded, type=list[Call | Dining]) == [call, dining]
    assert Records([dining]).dinings == {"house": dining}


@pytest.mark.parametrize(
    ("op", "status", "code", "kind", "wrong"),
    [
        ("hold", 409, "taken", "tables", 0),
        ("hold", 409, "taken", "tickets", 1),
        ("hold", 409, "no_fitting_seats", "seats", 0),
        ("hold", 409, "no_fitting_seats", "tables", 1),
        ("walk-in", 201, "", "tables", 0),
        ("walk-in", 200, "", "tables", 1),
        ("walk-in", 409, "taken", "tickets", 1),
        ("no-show", 409, "wrong_state", "tables", 0),
        ("no-show", 423, "held", "tables", 1),
        ("list", 304, "", "browse", 0),
        ("hold", 403, "score_too_low", "tables", 0),
        ("hold", 409, "score_too_low", "tables", 1),
    ],
)
def test_what_may_be_answered_depends_on_the_kind(
    op: Operation, status: int, code: str, kind: str, wrong: int
) -> None:
    assert wrong_answers(answered(op, status, code, kind=kind)) == wrong


def test_the_retries_of_a_walk_in_are_one_request_though_only_its_reply_names_the_reservation() -> None:
    first = answered("walk-in", 201, key="k", reservation="s1", sent="body", got="one", kind="tables")
    other = msgspec.structs.replace(first, reservation="s2", got="two", sent_us=3, got_us=4)
    findings = Findings()
    check_replies([first, other], findings)
    assert findings.failed(Check.SAME_REPLY)
