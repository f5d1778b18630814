"""Live availability: who watches is told of each change, by server-sent events, until one ends it.

What is watched (an event's counts, its seats, the times of a restaurant's day) is a `Watched`; all else is
the same. Streams are bounded in number, and so is what they cost: readers of one thing hear at most once in
`interval_ms`, and less often when there are so many in this front end that it would make more than
WRITES_MAX_PER_S.
"""

from __future__ import annotations

from aiohttp import web

from server.connections import Connection
from server.live_feed import Feed, Reader, Watched
from server.metrics import Metrics
from server.problems import Problem
from server.reads import Reads
from server.streaming import Streamed

EVENT_STREAM = "text/event-stream"
WRITES_MAX_PER_S = 10_000
STREAM_LINES = b"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
"""What is between must neither keep a stream nor gather it."""


class Live:
    """All streams of a front end, in feeds: one for each thing that is watched here."""

    def __init__(
        self,
        reads: Reads,
        metrics: Metrics,
        streams_max: int,
        interval_ms: int,
        outages: tuple[type[Exception], ...],
    ) -> None:
        self._reads = reads
        self._metrics = metrics
        self._streams_max = streams_max
        self._interval_s = interval_ms / 1000
        self._outages = outages
        self._feeds: dict[tuple[str, ...], Feed] = {}
        self._closed = False

    def check_room(self) -> None:
        """Raises a problem where one stream more would be too many, or none is wanted any more."""
        if self._closed:
            raise Problem("unavailable", "This front end is stopping.")
        if self._metrics.streams >= self._streams_max:
            raise Problem("overloaded", f"This front end has {self._streams_max} streams, and takes no more.")

    async def serve(self, reader: Reader, watched: Watched) -> None:
        """Until the client goes or is cut off, or the front end stops."""
        feed = self._feeds.get(watched.key)
        if feed is None:
            cut = self._metrics.stream_cut
            feed = Feed(watched, self._reads, self._pause_s, cut, self._outages)
            self._feeds[watched.key] = feed
        self._metrics.streaming(+1)
        try:
            feed.hear(watched.first)
            feed.join(reader)
            await reader.ended
        finally:
            self._metrics.streaming(-1)
            feed.leave(reader)
            if not feed.readers:
                feed.close()
                self._feeds.pop(watched.key, None)

    async def close(self) -> None:
        """All streams end."""
        self._closed = True
        for feed in tuple(self._feeds.values()):
            await feed.end()

    def _pause_s(self) -> float:
        return max(self._interval_s, self._metrics.streams / WRITES_MAX_PER_S)


class EventStream(Streamed):
    """The reply that goes on: until then its connection is busy, as with any long answer.

    It ends with the connection, so that HTTP/1.0, which proxies still speak, needs nothing else.
    """

    def __init__(self, live: Live, watched: Watched, last: int | None) -> None:
        super().__init__(200, STREAM_LINES, EVENT_STREAM)
        self.closes = True
        self._live = live
        self._watched = watched
        self._last = last
        self._connection: web.RequestHandler | None = None

    def render(self, request: web.BaseRequest, request_id: str, more: bytes) -> None:
        self._connection = request.protocol
        super().render(request, request_id, more)

    def _framing(self, _request: web.BaseRequest) -> bytes:
        return b""

    async def _send_body(self) -> None:
        connection = self._connection
        if connection is None or connection.transport is None:
            raise ConnectionResetError("gone before the stream began")
        reader = Reader(connection.transport, self._last)
        if isinstance(connection, Connection):  # elsewhere it is noticed when something is to be said
            connection.on_lost = reader.end
        await self._live.serve(reader, self._watched)
