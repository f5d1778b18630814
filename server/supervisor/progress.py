"""What a starting, running and stopping server tells the person in front of it: one line per fact, on
stderr.

On a terminal a spinner names what is still waited for; elsewhere (a log, a container) there are plain lines
only.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.status import Status


class Lines(Console):
    """A console that falls silent when nobody reads it any more: rich's own would end the program."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Lines, and one spinner for all that is under way."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Lines(stderr=True, highlight=False, soft_wrap=True)
        self._waiting: list[str] = []
        self._status: Status | None = None

    def line(self, text: str) -> None:
        """One line. Square brackets are text, not markup. A stderr that is closed or full stops no work."""
        with suppress(OSError):
            self._console.print(text, markup=False)

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Names something under way; afterwards prints it with its time and what was put into the list."""
        begun_s = time.monotonic()
        details: list[str] = []
        self._waiting.append(what)
        self._show()
        done = False
        try:
            yield details
            done = True
        finally:
            self._waiting.remove(what)
            if done:
                took = f"({time.monotonic() - begun_s:.1f} s)"
                self.line(f"  {what:<11} {' '.join([*details, took])}")
            self._show()

    def _show(self) -> None:
        if not self._console.is_terminal:
            return
        if self._status is None and self._waiting:
            self._status = self._console.status("")
            self._status.start()
        if self._status is not None and not self._waiting:
            self._status.stop()
            self._status = None
        if self._status is not None:
            self._status.update("waiting for " + ", ".join(self._waiting))
