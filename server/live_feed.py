"""The live streams of one thing in this front end: its readers, and the one task that tells them all.

A feed hears from the read copies that its inventory has changed (`Copies.watch`), lets what is watched come
up to date, which may be a reading of rows, and tells its readers.

A reader costs no task and no timer of its own: what there is to say is rendered once for all who are at the
same sequence and goes straight to each transport, in slices, so that other requests are answered in between.
Nobody is waited for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

import structlog

from domain.views import Availability
from server.live_messages import Messages, Told
from server.reads import Reads

HEARTBEAT_S = 15.0
"""So often something is said at least, so that nobody on the way takes the stream for dead."""
UNREAD_MAX_BYTES = 65_536
"""What may wait in this process for one reader. Beyond it the reader is cut off; it comes back by itself."""
SLICE_READERS = 200
"""Written to at a stretch: about two milliseconds."""
FAILED_PAUSE_S = 1.0
"""Until what could not be read is read again."""
RETRY_MIN_MS = 1_000
RETRY_MAX_MS = 5_000
BEAT = b":\n\n"

_log = structlog.get_logger("turnstile.live")


class Watched(Told, Protocol):
    """What the readers of one feed watch."""

    @property
    def key(self) -> tuple[str, ...]:
        """Who watches what has the same key shares a feed."""

    @property
    def first(self) -> Availability:
        """A copy of its inventory at the sequence it begins at."""

    def hear(self, copy: Availability) -> bool:
        """Whether there is something to tell then. Never waits or fails."""

    async def refresh(self) -> bool:
        """Be at least where what was heard is; False: it is not there any more. Raises what reads raise."""


class Reader:
    """One client's stream: the sequence it has been told of (None: nothing yet), and whether it goes on."""

    __slots__ = ("_transport", "ended", "sequence")

    def __init__(self, transport: asyncio.Transport, sequence: int | None) -> None:
        self._transport = transport
        self.sequence = sequence
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_gone(self) -> bool:
        return self._transport.is_closing()

    @property
    def unread_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def write(self, message: bytes) -> None:
        if message and not self.is_gone:
            self._transport.write(message)

    def end(self) -> None:
        """What it has been told is still sent."""
        if not self.ended.done():
            self.ended.set_result(None)

    def cut_off(self) -> None:
        """What it has not read is dropped: to wait until it is read may be to wait for ever."""
        self._transport.abort()
        self.end()


class Feed:
    """The readers of one thing. `pause_s`: how long to gather news before they are told again. `outages`:
    what reads raise while a part cannot be reached."""

    def __init__(
        self,
        watched: Watched,
        reads: Reads,
        pause_s: Callable[[], float],
        on_cut: Callable[[], None],
        outages: tuple[type[Exception], ...],
    ) -> None:
        self.readers: dict[Reader, None] = {}
        self._watched = watched
        self._messages = Messages(watched)
        self._pause_s = pause_s
        self._on_cut = on_cut
        self._outages = outages
        self._news = asyncio.Event()
        self._stop_watching = reads.watch(watched.first.event_id, self.hear)
        self._task = asyncio.get_running_loop().create_task(self._tell_all())
        self._task.add_done_callback(self._broken_off)

    def hear(self, copy: Availability | None) -> None:
        """Perhaps something newer; None: it is gone, and with it its streams. Never waits or fails."""
        if copy is None:
            self._end_all()
        elif self._watched.hear(copy):
            self._news.set()

    def join(self, reader: Reader) -> None:
        """It hears at once when to come back should it be cut off, and what is new to it. Who knows more than
        the others have been told waits with them for the news."""
        self.readers[reader] = None
        reader.write(when_to_come_back())
        if not (self._news.is_set() and (reader.sequence or 0) > self._watched.sequence):
            self._tell(reader)
        if self._task.done():
            reader.end()

    def leave(self, reader: Reader) -> None:
        del self.readers[reader]

    async def end(self) -> None:
        """All readers hear when to come back, and leave."""
        self._task.cancel()
        await self._to_each(_dismiss)

    def close(self) -> None:
        """Nothing more is heard, and nobody told."""
        self._stop_watching()
        self._task.cancel()

    async def _tell_all(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._news.wait()
            except TimeoutError:
                await self._to_each(self._beat)
                continue
            self._news.clear()
            await self._tell_news()
            await asyncio.sleep(self._pause_s())

    async def _tell_news(self) -> None:
        try:
            is_there = await self._watched.refresh()
        except self._outages as error:
            _log.debug("what is watched cannot be read", error=repr(error))
            self._news.set()
            await self._to_each(self._beat)
            await asyncio.sleep(FAILED_PAUSE_S)
            return
        if is_there:
            await self._to_each(self._tell)
        else:
            self._end_all()

    async def _to_each(self, say: Callable[[Reader], None]) -> None:
        for number, reader in enumerate(tuple(self.readers), start=1):
            say(reader)
            if number % SLICE_READERS == 0:
                await asyncio.sleep(0)

    def _tell(self, reader: Reader) -> None:
        if self._takes_more(reader):
            reader.write(self._messages.message(reader.sequence))
            reader.sequence = self._watched.sequence

    def _beat(self, reader: Reader) -> None:
        if self._takes_more(reader):
            reader.write(BEAT)

    def _takes_more(self, reader: Reader) -> bool:
        if reader.is_gone:
            reader.end()
            return False
        if reader.unread_bytes > UNREAD_MAX_BYTES:
            reader.cut_off()
            self._on_cut()
            return False
        return True

    def _broken_off(self, task: asyncio.Task[None]) -> None:
        """Nobody may wait for news that nobody tells: a client whose stream ends comes back."""
        if not task.cancelled():
            _log.error("live streams broke off", exc_info=task.exception())
            self._end_all()

    def _end_all(self) -> None:
        for reader in self.readers:
            reader.end()


def _dismiss(reader: Reader) -> None:
    reader.write(when_to_come_back())
    reader.end()


def when_to_come_back() -> bytes:
    """Not all at once: a front end that stops may have had thousands."""
    return b"retry: %d\n\n" % random.randint(RETRY_MIN_MS, RETRY_MAX_MS)
