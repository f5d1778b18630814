"""The audit of dependencies tells what is vulnerable from what could not be asked."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.tools.dependency_audit import FOUND, NONE, NOT_ASKED, main


def says(out: str, error: str, code: int) -> list[str]:
    """A program that does what pip-audit does."""
    script = f"import sys; print({out!r}); print({error!r}, file=sys.stderr); sys.exit({code})"
    return [sys.executable, "-c", script]


def report(*vulnerabilities: dict[str, Any]) -> str:
    sound = {"name": "idna", "version": "3.20", "vulns": []}
    other = {"name": "jinja2", "version": "3.1.2", "vulns": list(vulnerabilities)}
    return json.dumps({"dependencies": [sound, other], "fixes": []})


def test_what_is_sound_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(says(report(), "No known vulnerabilities found", 0)) == NONE
    assert capsys.readouterr().out == "audit: 2 packages, 0 known vulnerabilities\n"


def test_what_is_vulnerable_is_named_with_the_versions_that_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = {"id": "PYSEC-2026-1", "fix_versions": ["3.1.6", "4.0"], "aliases": [], "description": "x"}
    assert main(says(report(known), "Found 1 known vulnerability in 1 package", 1)) == FOUND
    assert "jinja2 3.1.2 has PYSEC-2026-1; without it: 3.1.6, 4.0\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (
            says("", "Traceback\n  File\nrequests.exceptions.ProxyError: refused\n\n", 1),
            "ProxyError: refused",
        ),
        (says("", "", 2), "it said nothing"),
        (says("Not JSON", "error: no such command", 0), "no such command"),
        (["/no/such/program"], "/no/such/program"),
    ],
)
def test_a_service_that_cannot_be_asked_is_another_end_and_one_line(
    ask: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ask) == NOT_ASKED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("audit: nothing is known of vulnerabilities")
    assert reason in line
