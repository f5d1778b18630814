"""A front-end process as a part: `python -m server.worker` on the socket that was bound once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.supervisor.processes import Child, Program, start

DRAIN_MARGIN_S = 5.0


@dataclass
class FrontEnd:
    """See `Part`. `environment` is asked at each launch: a restarted Ray head may have changed it."""

    number: int
    fd: int
    environment: Callable[[], Mapping[str, str]]
    drain_timeout_s: float
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def name(self) -> str:
        """See `Part`."""
        return f"worker-{self.number}"

    @property
    def stop_grace_s(self) -> float:
        """See `Part`."""
        return self.drain_timeout_s + DRAIN_MARGIN_S

    async def launch(self) -> Child:
        """See `Part`. Returns at once: whether it answers is asked over HTTP."""
        named = ["--fd", str(self.fd), "--number", str(self.number)]
        argv = [sys.executable, "-m", "server.worker", *named]
        return await start(Program(self.name, argv, dict(self.environment()), pass_fds=(self.fd,)))

    def describe(self) -> str:
        """See `Part`."""
        return "started"

    def tidy(self) -> None:
        """See `Part`."""
