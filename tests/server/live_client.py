"""A reader of live streams, as a browser's EventSource is one: it hears events, and knows where it was."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

WAIT_MAX_S = 10.0
"""Less than the time between two heartbeats, in which what is overlooked would come right."""


@dataclass
class Said:
    """An event of a stream."""

    name: str
    sequence: int
    data: Any

    @property
    def held(self) -> dict[str, int]:
        """By ticket type, of those that are told."""
        return {one["code"]: one["held"] for one in self.data["ticket_types"]}

    @property
    def values(self) -> dict[Any, Any]:
        """What is told: by ticket type what is held, by seat how it looks, by time the tables."""
        if "ticket_types" in self.data:
            return dict(self.held)
        if "times" in self.data:
            return {one["time"]: one["tables"] for one in self.data["times"]}
        return dict(enumerate(unpacked(self.data))) if "states" in self.data else dict(self.data["changes"])


def unpacked(shown: dict[str, Any]) -> list[int]:
    """How each seat of a map looks."""
    raw = base64.b64decode(shown["states"])
    return [raw[seat // 4] >> 2 * (seat % 4) & 3 for seat in range(shown["seats"])]


def counts_path(event_id: str) -> str:
    return f"/api/v1/events/{event_id}/availability/stream"


def seats_path(event_id: str) -> str:
    return f"/api/v1/events/{event_id}/seats/stream"


def times_path(restaurant_id: str, date: str, party_size: int) -> str:
    query = f"date={date}&party_size={party_size}"
    return f"/api/v1/restaurants/{restaurant_id}/availability/stream?{query}"


class Stream:
    """An open stream. `head` is what was answered first; `comments` counts what keeps it open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.head = ""
        self.comments = 0
        self.retry_ms: list[int] = []
        self.known: dict[Any, Any] = {}
        self.last = -1

    async def begin(self) -> None:
        async with asyncio.timeout(WAIT_MAX_S):
            self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode()

    @property
    def status(self) -> int:
        return int(self.head.split(" ", 2)[1])

    @property
    def port(self) -> int:
        """This client's own."""
        return int(self._writer.get_extra_info("sockname")[1])

    async def next(self) -> Said | None:
        """The next event; None where the stream ends. Checks what holds for each: the sequence rises, and a
        delta is since the event before."""
        async with asyncio.timeout(WAIT_MAX_S):
            while (block := await self._block()) is not None:
                said = self._said(block)
                if said is not None:
                    return said
        return None

    async def until(self, sequence: int) -> Said:
        """The event of that sequence, or of one that is higher."""
        while (said := await self.next()) is not None:
            if said.sequence >= sequence:
                return said
        raise AssertionError(f"the stream ended before {sequence}")

    async def rest(self) -> None:
        """To its end."""
        while await self.next() is not None:
            pass

    def stop_reading(self) -> None:
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def leave(self) -> None:
        self._writer.transport.abort()

    async def _block(self) -> list[str] | None:
        try:
            return (await self._reader.readuntil(b"\n\n")).decode()[:-2].split("\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def _said(self, block: list[str]) -> Said | None:
        fields = dict(line.split(": ", 1) for line in block if not line.startswith(":"))
        self.comments += sum(line.startswith(":") for line in block)
        if "retry" in fields:
            self.retry_ms.append(int(fields["retry"]))
        if "data" not in fields:
            return None
        said = Said(fields["event"], int(fields["id"]), msgspec.json.decode(fields["data"]))
        assert said.sequence > self.last, "the sequence fell"
        if said.name == "delta":
            assert said.data["since"] == self.last
        self.last = said.sequence
        self.known = (self.known if said.name == "delta" else {}) | said.values
        for gone in said.data.get("gone", ()):
            del self.known[gone]
        return said


@asynccontextmanager
async def watching(
    address: tuple[str, int], path: str, last: int | None = None, method: str = "GET", lines: str = ""
) -> AsyncIterator[Stream]:
    """The stream there, from `last` on where that is given."""
    reader, writer = await asyncio.open_connection(*address)
    if last is not None:
        lines += f"Last-Event-ID: {last}\r\n"
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    stream = Stream(reader, writer)
    if last is not None:
        stream.last = last
    try:
        await stream.begin()
        yield stream
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
