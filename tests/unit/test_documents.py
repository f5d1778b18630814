"""What documents say of tests and of settings is true, and their tables are whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.payloads import EventPatch, NewEvent

ROOT = Path(__file__).parents[2]
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("document", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_each_test_that_a_document_names_is_there(document: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", document.read_text()))
    assert named <= TESTS, named - TESTS


@pytest.mark.parametrize("document", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_no_table_of_a_document_is_broken_and_each_heading_stands_alone(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip("\n").split("\n")
        assert not any(line.startswith("#") for line in lines[1:]), lines
        rows = [line for line in lines if line.startswith("|")]
        assert not rows or any(re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", row) for row in rows), rows[0]


def test_the_rules_name_each_setting_of_an_event_that_cannot_be_changed() -> None:
    fixed = {*NewEvent.__struct_fields__} - {*EventPatch.__struct_fields__}
    said = re.search(r"but for (.*?), of its\s+`PATCH`", (ROOT / "docs/rules.md").read_text(), re.DOTALL)
    assert said is not None
    assert {*re.findall(r"`(\w+)`", said[1])} == fixed


def test_security_names_a_test_for_nearly_each_risk() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("| API")]
    assert len(rows) == 10
    assert sum("`test_" in row for row in rows) >= 9


def test_each_call_and_each_break_of_the_five_systems_names_its_test() -> None:
    systems = (ROOT / "docs/five-systems.md").read_text().split("\n## ")[1:]
    assert len(systems) == 5
    named: set[str] = set()
    for system in systems:
        calls, breaks = re.findall(
            r"^\| (?:its call|how it broke) .*?\n\|[-|]+\n((?:\|.*\n?)+)", system, re.MULTILINE
        )
        for row in calls.splitlines():
            assert "`test_" in row or "| not here" in row, row
        for row in breaks.splitlines():
            assert re.search(r"\| `test_\w+` \|$", row), row
            named |= {*re.findall(r"`(test_\w+)`", row)}
    broken = re.findall(r"def (test_\w+)", (ROOT / "tests/e2e/test_how_it_broke.py").read_text())
    assert {*broken} < named <= TESTS
