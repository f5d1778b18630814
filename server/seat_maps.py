"""The map of an event's seats as a front end has it: all of it, and what has changed since a sequence.

Two bits a seat: 60,000 seats are 20 KB of base64. Maps are read from the rows (`server.readings`), after the
first time only what has changed; what changed from one reading to the next is remembered, so that who names
a sequence gets only that.
"""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from domain.views import SeatChanges, SeatStates
from server import views
from server.readings import Readings
from server.reads import Reads

CHANGES_KEPT_MAX_SEATS = 20_000
"""Of an event: who is further behind gets the whole map."""
STEPS_KEPT_MAX = 1_000
CHANGE_MIN_BYTES = 8
"""In JSON, with its comma. Changes that are longer than the map are not told."""

SeatMaps = Readings[str, "SeatMap"]


def seat_maps(reads: Reads) -> SeatMaps:
    """The maps of a front end, by event."""

    async def read(event_id: str, before: SeatMap | None) -> SeatMap | None:
        changes = await reads.seat_changes(before.states) if before is not None else None
        if before is not None and changes is not None:
            before.change(changes)
            return before
        states = await reads.seats(event_id)
        if states is None or before is None:
            return SeatMap(states) if states is not None else None
        before.replace(states)
        return before

    return Readings(read)


class SeatMap:
    """An event's seats as they were read last, and the steps that led there."""

    def __init__(self, states: SeatStates) -> None:
        self.states = states
        self._steps: OrderedDict[int, Mapping[int, int]] = OrderedDict()
        """By the sequence before each step, the seats that changed in it."""
        self._kept_seats = 0
        self._whole = b""

    @property
    def sequence(self) -> int:
        return self.states.sequence

    def change(self, changes: SeatChanges) -> None:
        """Go on to where these lead; they are those since the present sequence."""
        if changes.sequence <= self.sequence:
            return
        states = bytearray(self.states.states)
        for seat, look in changes.looks.items():
            states[seat] = look
        self._step(changes.looks)
        self.states = SeatStates(
            self.states.event_id,
            changes.sequence,
            self.states.plan_id,
            bytes(states),
            changes.hidden,
            changes.at_ms,
        )

    def replace(self, states: SeatStates) -> None:
        """Read as a whole again; an older reading changes nothing."""
        if states.sequence <= self.sequence:
            return
        both = enumerate(zip(self.states.states, states.states, strict=True))
        self._step({seat: new for seat, (old, new) in both if old != new})
        self.states = states

    def whole(self) -> bytes:
        if not self._whole:
            self._whole = views.encode(replace(self._view(), states=packed(self.states.states)))
        return self._whole

    def since(self, sequence: int) -> bytes | None:
        """What has changed since; None where that is not known any more, or longer than the map."""
        changed: dict[int, int] = {}
        if sequence != self.sequence:
            if sequence not in self._steps:
                return None
            for before, step in self._steps.items():
                if before >= sequence:
                    changed |= step
            if len(changed) * CHANGE_MIN_BYTES > len(self.whole()):
                return None
        return views.encode(replace(self._view(), since=sequence, changes=sorted(changed.items())))

    def _step(self, changed: Mapping[int, int]) -> None:
        self._whole = b""
        self._steps[self.sequence] = changed
        self._kept_seats += len(changed)
        while self._kept_seats > CHANGES_KEPT_MAX_SEATS or len(self._steps) > STEPS_KEPT_MAX:
            self._kept_seats -= len(self._steps.popitem(last=False)[1])

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
