"""What every embedded server offers the supervisor."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from server.supervisor.failures import StartFailure
from server.supervisor.processes import Child

POLL_S = 0.05
LOG_TAIL_MAX_LINES = 3
LOG_TAIL_MAX_BYTES = 8_192
SEPARATOR = " | "


class Part(Protocol):
    """A server of ours. `launch` starts it on the port of its first launch, and returns when it answers."""

    @property
    def name(self) -> str:
        """What lines and logs call it."""

    @property
    def stop_signal(self) -> signal.Signals:
        """Asks it to end in order."""

    @property
    def stop_grace_s(self) -> float:
        """How long it may take to."""

    async def launch(self) -> Child:
        """Raises StartFailure; a child that did not come up has been ended."""

    def describe(self) -> str:
        """A few words on what runs where."""

    def tidy(self) -> None:
        """After its end: removes what must not stay."""


async def until_answers(
    child: Child, answers: Callable[[], Awaitable[bool]], limit_s: float, log: Path
) -> None:
    """Polls until the child answers. Raises StartFailure if it ends before, or does not answer in time."""
    end_s = time.monotonic() + limit_s
    while not await answers():
        if child.ended:
            raise StartFailure(f"{child.identity.name} ended at its start: {log_tail(log)}")
        if time.monotonic() > end_s:
            raise StartFailure(f"{child.identity.name} did not answer within {limit_s:.0f} s; see {log}")
        await asyncio.sleep(POLL_S)


def log_tail(log: Path) -> str:
    """The end of a log in one line, its own ones with a `SEPARATOR` between them."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_MAX_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "no output"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return SEPARATOR.join(lines[-LOG_TAIL_MAX_LINES:]) or "no output"
