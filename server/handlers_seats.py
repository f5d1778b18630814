"""Seats of an event: which are free, as a map needs it; blocked and unblocked by the operator.

The map is two bits a seat: 60,000 seats are 20 KB of base64. A front end reads it from the rows, for all who
ask at once and at most once in `MAP_PAUSE_MS` for an event, and remembers what changed from one reading to
the next: who names the sequence it knows gets only that.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web
from msgspec.structs import replace

from domain.event_messages import BlockSeats, EventReply, UnblockSeats
from domain.messages import Rejected
from domain.views import SeatStates
from server import views
from server.bodies import Payload, read_body
from server.ids import parse_event_id
from server.keys import key_of
from server.paging import parse_query
from server.parts import Parts
from server.payloads import NamedSeats, SeatsQuery
from server.problems import not_found, refusal
from server.replies import Reply

MAP_PAUSE_MS = 250
MAPS_KEPT_MAX = 64
CHANGES_KEPT_MAX_SEATS = 20_000
"""Of an event: who is further behind gets the whole map."""
_NAMED = Payload(NamedSeats)


class SeatHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._maps: OrderedDict[str, _Map] = OrderedDict()

    async def show(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Show which seats are free, held, sold or blocked, or what has changed since a sequence."""
        query = parse_query(request, SeatsQuery)
        event_id = parse_event_id(event_text)
        operator = self._parts.access.sees_all(request)
        found = await self._current(event_id) if event_id is not None else None
        if found is None or (found.states.hidden and not operator):
            raise not_found("event with seats")
        tag = b'ETag: "%d"\r\nCache-Control: no-cache\r\n' % found.states.sequence
        changes = found.since(query.since) if isinstance(query.since, int) else None
        return Reply(200, found.whole() if changes is None else changes, tag)

    async def block(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Keep seats off the sale: all of those named, or none."""
        return await self._switch(request, event_text, BlockSeats)

    async def unblock(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Put seats on sale again."""
        return await self._switch(request, event_text, UnblockSeats)

    async def _switch(
        self, request: web.BaseRequest, event_text: str, make: type[BlockSeats | UnblockSeats]
    ) -> Reply:
        parts = self._parts
        parts.access.require_operator(request)
        body = await read_body(request, parts.options.body_max_bytes)
        command = make(_NAMED.parse(request, body).seats)
        event_id = parse_event_id(event_text)
        if event_id is None:
            raise not_found("event")
        answer = await parts.gateway.ask(event_id, command, key_of(request, body, operator=True))
        parts.metrics.commanded(make, answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, EventReply)
        return Reply(200, views.encode(views.event_view(answer)), b'ETag: "%d"\r\n' % answer.version)

    async def _current(self, event_id: str) -> _Map | None:
        """Read again unless that was done just now; whoever asks meanwhile waits for the same reading."""
        kept = self._maps.get(event_id)
        if kept is None:
            kept = self._maps[event_id] = _Map()
            if len(self._maps) > MAPS_KEPT_MAX:
                self._maps.popitem(last=False)
        self._maps.move_to_end(event_id)
        async with kept.reading:
            now_s = asyncio.get_running_loop().time()
            if kept.read_s is None or now_s - kept.read_s > MAP_PAUSE_MS / 1000:
                states = await self._parts.reads.seats(event_id)
                if states is None:
                    self._maps.pop(event_id, None)
                    return None
                kept.take(states, now_s)
        return kept


@dataclass
class _Map:
    """An event's seats as they were read last, and the steps that led there."""

    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_s: float | None = None
    states: SeatStates = field(default_factory=lambda: SeatStates("", 0, "", b"", False))
    _steps: deque[tuple[int, dict[int, int]]] = field(default_factory=deque)
    """The sequence before each step, and the seats that changed in it."""
    _whole: bytes = b""

    def take(self, states: SeatStates, now_s: float) -> None:
        """`states` was read at `now_s`; an older reading, from a slow connection, changes nothing."""
        first, before = self.read_s is None, self.states
        self.read_s = now_s
        if not first and states.sequence <= before.sequence:
            return
        if not first:
            self._steps.append((before.sequence, _changes(before.states, states.states)))
            while sum(len(changed) for _, changed in self._steps) > CHANGES_KEPT_MAX_SEATS:
                self._steps.popleft()
        self.states, self._whole = states, b""

    def whole(self) -> bytes:
        if not self._whole:
            self._whole = views.encode(replace(self._view(), states=packed(self.states.states)))
        return self._whole

    def since(self, sequence: int) -> bytes | None:
        """What has changed since; None where that is not known any more."""
        states = self.states
        changed: dict[int, int] = {}
        if sequence < states.sequence:
            known = [before for before, _ in self._steps]
            if sequence not in known:
                return None
            for _, step in list(self._steps)[known.index(sequence) :]:
                changed |= step
        return views.encode(replace(self._view(), since=sequence, changes=sorted(changed.items())))

    def _view(self) -> views.SeatMapView:
        states = self.states
        return views.SeatMapView(states.event_id, states.sequence, states.plan_id, len(states.states))


def packed(states: Sequence[int] | bytes) -> str:
    """Two bits a seat, base64: seat k is in byte k // 4, at bit 2 * (k % 4) of it, counted from the lowest.

    `states` has one byte a seat, each 0 to 3, so that four long numbers laid over each other are the map.
    """
    padded = bytes(states) + bytes(-len(states) % 4)
    parts = (int.from_bytes(padded[place::4]) << 2 * place for place in range(4))
    return b64encode(sum(parts).to_bytes(len(padded) // 4)).decode()


def _changes(before: bytes, after: bytes) -> dict[int, int]:
    if len(before) != len(after):
        return dict(enumerate(after))
    return {number: new for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
