"""I3 by what clients recorded: two who surely had one place at one time are found, and nobody else."""

from __future__ import annotations

from typing import Any

import msgspec

from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.given import check_given
from loadtest.record import Call, Dining, Sitting, View

NEVER_MS = 10_000_000
MINUTE_MS = 60_000
HOUSE = Dining("house", "A house", (("t1", 1, 2), ("t2", 1, 4)), 120, 15, 900, 0)


def call(op: str, who: str, at_us: int, status: int = 200, code: str = "", **more: Any) -> Call:
    fields = {"client": "c", "op": op, "event": "e", "sent_us": at_us, "got_us": at_us + 5}
    return msgspec.convert(
        fields | {"status": status, "code": code, "reservation": who} | more, Call, strict=False
    )


def seat(op: str, who: str, at_us: int, status: str = "held", **more: Any) -> Call:
    view = View(status, more.pop("expires_ms", NEVER_MS), (("A", 1, 1),), 1)
    return call(op, who, at_us, view=view, seats=more.pop("seats", ("S/A/1",)), **more)


def table(op: str, who: str, at_us: int, minute: int, status: str = "confirmed", **more: Any) -> Call:
    start_ms, tables = minute * MINUTE_MS, more.pop("tables", ("t1",))
    end_ms = start_ms + more.pop("minutes", 120) * MINUTE_MS
    sitting = Sitting(status, 0, tables, start_ms, end_ms, 2, 0)
    return call(op, who, at_us, sitting=sitting, kind="tables", **more)


def shared(*calls: Call) -> int:
    findings = Findings()
    check_given(calls, HOUSE, 0, findings)
    assert findings.results[Check.GIVEN].looked_at
    return findings.results[Check.GIVEN].failures


def test_a_seat_that_was_given_to_two_is_found() -> None:
    assert shared(seat("hold", "x", 10), seat("hold", "y", 20)) == 1
    assert shared(seat("hold", "x", 10), seat("hold", "y", 20, seats=("S/A/2", "S/A/1"))) == 1
    assert shared(seat("hold", "x", 10), seat("hold", "y", 20, seats=("S/A/2",))) == 0


def test_a_seat_may_be_given_again_after_anything_that_may_have_given_it_up() -> None:
    x, y = seat("hold", "x", 10), seat("hold", "y", 40)
    assert shared(x, seat("cancel", "x", 20, "released"), y) == 0
    assert shared(x, call("cancel", "x", 20, 0), y) == 0, "without a reply it may have happened"
    assert shared(x, call("cancel", "x", 20, 409, "too_late"), y) == 1
    assert shared(x, seat("change", "x", 20, seats=("S/A/2",)), y) == 0
    assert shared(x, seat("change", "x", 20, seats=("S/A/2",)), seat("hold", "y", 40, seats=("S/A/2",))) == 1


def test_a_hold_has_its_seat_until_its_time_runs_out_and_what_was_confirmed_after_that_too() -> None:
    x, y = seat("hold", "x", 10, expires_ms=1_000), seat("hold", "y", 950_000)
    assert shared(x, y) == 0, "so near to its end clocks may differ"
    assert shared(x, seat("hold", "y", 850_000)) == 1
    assert shared(x, seat("confirm", "x", 500_000, "confirmed", expires_ms=1_000), y) == 1


def test_a_retrys_reply_tells_how_it_was_at_first() -> None:
    x = seat("hold", "x", 10, key="k")
    again = seat("hold", "x", 60, key="k")
    assert shared(x, seat("cancel", "x", 20, "released"), again, seat("hold", "y", 40)) == 0


def test_a_table_that_two_have_at_one_time_is_found_and_the_buffer_counts() -> None:
    x = table("hold", "x", 10, 19 * 60)
    assert shared(x, table("hold", "y", 20, 20 * 60)) == 1
    assert shared(x, table("hold", "y", 20, 21 * 60 + 14)) == 1
    assert shared(x, table("hold", "y", 20, 21 * 60 + 15)) == 0
    assert shared(x, table("hold", "y", 20, 20 * 60, tables=("t2",))) == 0
    assert shared(x, table("hold", "y", 20, 20 * 60, tables=("t2", "t1"))) == 1


def test_who_moved_has_the_new_place_and_no_longer_the_old_one() -> None:
    x, moved = table("hold", "x", 10, 19 * 60), table("move", "x", 20, 13 * 60)
    assert shared(x, moved, table("hold", "y", 40, 19 * 60)) == 0
    assert shared(x, moved, table("hold", "y", 40, 13 * 60)) == 1
    assert shared(x, call("move", "x", 20, 409, "taken"), table("hold", "y", 40, 19 * 60)) == 1


def test_who_was_in_the_way_of_a_party_that_stays_longer_may_sit_elsewhere_now() -> None:
    next_one, late = table("hold", "x", 10, 21 * 60 + 15), table("seat", "y", 20, 19 * 60, "seated")
    longer = table("prolong", "y", 30, 19 * 60, "seated", minutes=180)
    assert shared(next_one, late, longer) == 0
    assert shared(next_one, table("walk-in", "z", 40, 21 * 60, "seated")) == 1
