"""Each reservation of tables, and each extension, was asked for by a client, or the audit is red."""

from __future__ import annotations

import pytest

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.dining import House
from loadtest.auditor.dining_asked import check_asked_for_stays
from loadtest.auditor.ends import Outages
from loadtest.auditor.findings import Check, Findings
from loadtest.record import Call, Dining, Operation
from tests.loadtest.sound_sale import failed
from tests.loadtest.test_auditor_dining import SoundDining


def folded() -> House:
    house = House("x1", Findings(), Outages())
    for row in SoundDining().journal("x1", 0):
        house.add(row)
    return house


HOUSE = folded()
PLACED = sorted(HOUSE.stays)
EXTENDED = next(reservation for reservation, stay in HOUSE.stays.items() if stay.extensions)


def asked(op: Operation, reservation: str, key: str, status: int = 201, code: str = "") -> Call:
    return Call("c", op, "x1", 1, 2, status, code, reservation, key, kind="tables")


def all_of_it() -> list[Call]:
    holds = [asked("hold", reservation, f"key of {reservation}") for reservation in PLACED]
    return [*holds, asked("extend", EXTENDED, "longer", 200)]


def found(calls: list[Call]) -> Findings:
    findings = Findings()
    check_asked_for_stays(HOUSE, calls, findings)
    return findings


def test_what_clients_asked_for_is_sound() -> None:
    findings = found(all_of_it())
    assert findings.sound
    assert findings.results[Check.ASKED_FOR].looked_at == len(PLACED) + 1


@pytest.mark.parametrize("gone", [0, -1])
def test_a_reservation_or_an_extension_that_nobody_asked_for_is_found(gone: int) -> None:
    calls = all_of_it()
    del calls[gone]
    assert found(calls).failed(Check.ASKED_FOR)


def test_a_hold_whose_end_nobody_knows_may_be_the_one() -> None:
    calls = all_of_it()[1:]
    assert found([*calls, asked("hold", "", "k", 503, "unavailable")]).sound
    assert found([*calls, asked("walk-in", "", "k", 0, "interrupted")]).sound
    assert found([*calls, asked("hold", "", "k", 503, "overloaded")]).failed(Check.ASKED_FOR)
    answered = [asked("hold", "", "k", 503, "unavailable"), asked("hold", "", "k", 409, "taken")]
    assert found([*calls, *answered]).sound, "it may have been placed and cancelled before the second answer"


def test_retries_with_one_key_excuse_one_reservation_only() -> None:
    calls = all_of_it()[2:]
    retries = [asked("hold", "", "k", 503, "unavailable")] * 2
    assert found([*calls, *retries]).failed(Check.ASKED_FOR)


def test_only_what_the_run_has_opened_is_held_against_what_its_clients_asked() -> None:
    other = Auditor(SoundDining(), Records(all_of_it()[1:])).run()
    assert Check.ASKED_FOR.title not in failed(other)
    dining = Dining("x1", "The House", (), 120, 15, 900, 1)
    own = Auditor(SoundDining(), Records([dining, *all_of_it()[1:]])).run()
    assert Check.ASKED_FOR.title in failed(own)


def test_a_run_whose_restaurants_were_not_looked_at_is_not_sound() -> None:
    dining = Dining("x1", "The House", (), 120, 15, 900, 1)
    assert Check.RESTAURANT_ROW.title in failed(Auditor(SoundDining(), Records([dining])).run([]))
