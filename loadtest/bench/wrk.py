"""Closed-loop load by wrk: N connections, each with one request under way, for a bounded time.

One wrk thread, because it shares the machine's cores with what it measures and one is enough for what they
can answer. wrk 4.1 corrects its latencies for coordinated omission by the mean interval; so it does for all
alike.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Literal

import msgspec

SCRIPT = Path(__file__).with_name("lua") / "load.lua"
REPLY_TIMEOUT_S = 10
GRACE_S = 20
Mode = Literal["hold", "seat", "keyed", "purchase", "read", "replay"]


class WrkMissing(Exception):
    """wrk is not installed: on Debian and Ubuntu it is in the package `wrk` (apt-get install wrk)."""


class WrkFailed(Exception):
    """wrk ended without a result."""


class WrkResult(msgspec.Struct, frozen=True):
    """What one run of wrk saw. `refused` are replies of status 400 and above, `failed` what got no reply."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    max_us: int
    refused: int
    failed: int
    created: int
    confirmed: int

    @property
    def seconds(self) -> float:
        return self.duration_us / 1e6


def executable() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise WrkMissing(WrkMissing.__doc__)
    return found


def command(
    url: str, path: str, mode: Mode, ticket_type: str, connections: int, seconds: int, seed: int
) -> list[str]:
    options = [
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        f"{REPLY_TIMEOUT_S}s",
        "-s",
        str(SCRIPT),
        url,
    ]
    return [executable(), *options, "--", mode, path, ticket_type, str(seed)]


def parse(output: str) -> WrkResult:
    """The line that load.lua prints at the end, among what wrk prints itself."""
    for line in output.splitlines():
        if line.startswith("RESULT "):
            return msgspec.json.decode(line.removeprefix("RESULT "), type=WrkResult)
    raise WrkFailed(f"wrk gave no result: {output.strip()[-500:]}")


def run(
    url: str, path: str, mode: Mode, ticket_type: str, connections: int, seconds: int, seed: int = 1
) -> WrkResult:
    arguments = command(url, path, mode, ticket_type, connections, seconds, seed)
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    return parse(ended.stdout + ended.stderr)
