"""Known vulnerabilities in what requirements.lock pins: `make audit`.

pip-audit ends with 1 whether it has found some or could not ask. Here they are told apart: 0, none is known;
1, some are, a line each; 3, it could not be asked, in one line that says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
NONE, FOUND, NOT_ASKED = 0, 1, 3
REASON_MAX_CHARACTERS = 300
ASK = (
    *("uv", "tool", "run", "pip-audit", "--strict", "--disable-pip", "--require-hashes"),
    *("--progress-spinner", "off", "--format", "json", "--requirement", str(ROOT / "requirements.lock")),
)


class Vulnerability(msgspec.Struct):
    """One that is known, and the versions that no longer have it."""

    id: str
    fix_versions: list[str]


class Dependency(msgspec.Struct):
    """A package that the lock pins."""

    name: str
    version: str
    vulns: list[Vulnerability]


class Report(msgspec.Struct):
    """As much as is needed of pip-audit's."""

    dependencies: list[Dependency]


def main(ask: Sequence[str] = ASK) -> int:
    """What the process is to end with."""
    try:
        asked = subprocess.run(
            ask, capture_output=True, check=False, env=os.environ | {"UV_SYSTEM_CERTS": "1"}
        )
        report = msgspec.json.decode(asked.stdout, type=Report)
    except OSError as error:
        return _not_asked(str(error))
    except msgspec.DecodeError:
        return _not_asked(asked.stderr.decode(errors="replace"))
    found = [(one, vulnerability) for one in report.dependencies for vulnerability in one.vulns]
    for one, vulnerability in found:
        better = ", ".join(vulnerability.fix_versions) or "no version yet"
        print(f"audit: {one.name} {one.version} has {vulnerability.id}; without it: {better}")
    print(f"audit: {len(report.dependencies)} packages, {len(found)} known vulnerabilities")
    return FOUND if found else NONE


def _not_asked(said: str) -> int:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = lines[-1][:REASON_MAX_CHARACTERS] if lines else "it said nothing"
    print(
        f"audit: nothing is known of vulnerabilities, they could not be asked for: {reason}", file=sys.stderr
    )
    return NOT_ASKED


if __name__ == "__main__":
    sys.exit(main())
