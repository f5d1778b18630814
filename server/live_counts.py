"""An event's counts, as those are told who watch them: the copies that the front end has of them anyway."""

from __future__ import annotations

from domain.event_messages import TypeCounts
from domain.views import Availability
from server import views
from server.live_messages import Changes


class LiveCounts:
    """See `live_feed.Watched`."""

    def __init__(self, first: Availability) -> None:
        self.first = first
        self.key = ("counts", first.event_id)
        self._latest = first
        self._changes = Changes(first.sequence, _by_code(first))

    @property
    def sequence(self) -> int:
        return self._latest.sequence

    def hear(self, copy: Availability) -> bool:
        before = self._latest
        if copy.sequence <= before.sequence:
            return False
        if [one.code for one in copy.ticket_types] != [one.code for one in before.ticket_types]:
            # What was before cannot be compared with it: it is told as a whole.
            self._changes = Changes(copy.sequence, _by_code(copy))
        else:
            self._changes.take(copy.sequence, _by_code(copy))
        self._latest = copy
        return True

    async def refresh(self) -> bool:
        """What was heard is all."""
        return True

    def state(self) -> bytes:
        return views.availability(self._latest)

    def delta(self, since: int) -> bytes | None:
        found = self._changes.since(since)
        return None if found is None else views.availability_delta(self._latest, since, found[0])


def _by_code(copy: Availability) -> dict[str, TypeCounts]:
    return {one.code: one for one in copy.ticket_types}
