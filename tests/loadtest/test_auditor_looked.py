"""A verdict in which a required check looked at nothing is no verdict."""

from __future__ import annotations

import msgspec
import pytest

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.findings import Check, Findings
from loadtest.auditor.looked import (
    OF_RESTAURANTS,
    REQUIRED_FROM_HOLDS,
    REQUIRED_FROM_TABLES,
    check_looked,
    check_looked_at_tables,
)
from loadtest.record import Call, Dining
from tests.loadtest.sound_sale import SOLD, SoundSale, call, failed

REQUIRED = {check for check in Check if check.invariant in ("I1", "I2", "I5", "I7")} - OF_RESTAURANTS
REQUIRED -= {Check.SUBMISSIONS}


def holds(number: int) -> list[Call]:
    return [call("hold", 1_000, f"buyer {n}") for n in range(number)]


def asked_for(number: int) -> set[Check]:
    """What fails after a run of so many holds in which no check saw anything."""
    findings = Findings()
    check_looked([SOLD], holds(number), findings)
    return {check for check in Check if findings.failed(check)}


def test_every_check_of_i1_i2_i5_and_i7_is_required_and_no_other() -> None:
    assert REQUIRED_FROM_HOLDS.keys() == REQUIRED
    assert asked_for(max(REQUIRED_FROM_HOLDS.values())) == REQUIRED


@pytest.mark.parametrize(("check", "from_holds"), REQUIRED_FROM_HOLDS.items())
def test_a_check_is_required_from_so_many_holds_on(check: Check, from_holds: int) -> None:
    assert check in asked_for(from_holds)
    assert not from_holds or check not in asked_for(from_holds - 1)


@pytest.mark.parametrize(("check", "from_holds"), REQUIRED_FROM_TABLES.items())
def test_a_check_of_a_runs_restaurants_is_required_from_so_many_holds_of_tables_on(
    check: Check, from_holds: int
) -> None:
    dining = Dining("house", "The House", (), 120, 0, 900, 1)

    def required(number: int, opened: list[Dining]) -> set[Check]:
        findings = Findings()
        calls = [msgspec.structs.replace(one, event="house", kind="tables") for one in holds(number)]
        check_looked_at_tables(opened, calls, findings)
        return {one for one in Check if findings.failed(one)}

    assert check in required(from_holds, [dining])
    assert not from_holds or check not in required(from_holds - 1, [dining])
    assert not required(from_holds, [])
    assert check not in required(from_holds, [msgspec.structs.replace(dining, witnessed=True)])


def test_a_check_that_looked_is_content() -> None:
    findings = Findings()
    for check in REQUIRED:
        findings.saw(check)
    check_looked([SOLD], holds(1_000), findings)
    assert findings.sound


def test_a_capacity_is_not_asked_for_where_no_sale_has_one_nor_what_witnesses_never_do() -> None:
    findings = Findings()
    check_looked([msgspec.structs.replace(SOLD, capacity=None)], holds(1), findings)
    assert not findings.failed(Check.CAPACITY)
    findings = Findings()
    check_looked([msgspec.structs.replace(SOLD, witnessed=True)], holds(1_000), findings)
    assert not findings.failed(Check.READS_END)


def test_an_audit_of_nothing_is_not_sound() -> None:
    verdict = Auditor(SoundSale(), Records()).run([])
    assert not verdict.sound
    first = next(result for result in verdict.results if result.failures)
    assert first.examples == ["looked at nothing; 0 holds were acknowledged"]


def test_a_run_of_hundreds_of_holds_in_which_nobody_read_a_reservation_is_not_sound() -> None:
    sale = SoundSale()
    sale.calls = [one for one in sale.calls if one.op != "read"] + holds(200)
    assert Check.READS_END.title in failed(sale.audit())
