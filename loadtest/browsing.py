"""What people do who only look: through lists and their filters, at an event, what is left of it, its seats,
at restaurants and their free times. They look at whatever the server has, of this run or not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

from loadtest.exchange import API, Reply, Request
from loadtest.record import Operation, now_us
from loadtest.visitor import WAIT_LOOK_S, Script, Visitor

SORTS = ("starts_at", "-starts_at", "name", "created_at")
WORDS = ("on-sale", "night", "match", "live", "session", "the")
LIMITS = (10, 20, 50)
PAGES_MAX = 3
DAYS_AHEAD_MAX = 14
PARTY = 2


class _Event(msgspec.Struct):
    id: str
    seating: msgspec.Raw = msgspec.Raw(b"null")


class _Events(msgspec.Struct):
    items: list[_Event]
    next: str | None = None


class _Restaurant(msgspec.Struct):
    id: str
    party_smallest: int
    party_largest: int


class _Restaurants(msgspec.Struct):
    items: list[_Restaurant]


_events = msgspec.json.Decoder(_Events)
_restaurants = msgspec.json.Decoder(_Restaurants)


class Browser(Visitor):
    """Somebody with time on their hands."""

    def browse(self) -> Script[None]:
        """One walk through the catalogue, or along the restaurants."""
        if self._rng.random() < 0.25:
            yield from self._restaurants()
        else:
            yield from self._events()

    def _events(self) -> Script[None]:
        """A list, some pages of it, and one event of the last of them."""
        path = f"{API}/events?{self._filters()}"
        page, following = _Events([]), ""
        for _ in range(self._rng.randint(1, PAGES_MAX)):
            reply = yield from self.insist(_get("list", path + following))
            if not reply.done:
                return
            page = _events.decode(reply.body)
            yield self.pause(WAIT_LOOK_S)
            if page.next is None:
                break
            following = f"&cursor={page.next}"
        if page.items:
            yield from self._event(self._rng.choice(page.items))

    def _event(self, event: _Event) -> Script[None]:
        path = f"{API}/events/{event.id}"
        yield _get("event", path, event.id)
        yield _get("availability", f"{path}/availability", event.id)
        if bytes(event.seating) != b"null":
            yield _get("map", f"{path}/seats", event.id)
        yield self.pause(WAIT_LOOK_S)
        yield _get("availability", f"{path}/availability", event.id)

    def _restaurants(self) -> Script[None]:
        reply: Reply = yield from self.insist(_get("list", f"{API}/restaurants?limit=50"))
        if not reply.done:
            return
        found = [
            one
            for one in _restaurants.decode(reply.body).items
            if one.party_smallest <= PARTY <= one.party_largest
        ]
        if not found:
            return
        yield self.pause(WAIT_LOOK_S)
        restaurant = self._rng.choice(found)
        yield _get("event", f"{API}/restaurants/{restaurant.id}", restaurant.id)
        today = datetime.fromtimestamp(now_us() / 1e6, UTC)
        for days in sorted(self._rng.sample(range(1, DAYS_AHEAD_MAX), 2)):
            date = today + timedelta(days=days)
            asked = f"date={date:%Y-%m-%d}&party_size={PARTY}&time=20:00&earliest=18:00"
            yield _get("search", f"{API}/restaurants/{restaurant.id}/search?{asked}", restaurant.id)
            yield self.pause(WAIT_LOOK_S)

    def _filters(self) -> str:
        """Some filters of the list, in any combination."""
        asked = [f"limit={self._rng.choice(LIMITS)}", f"sort={self._rng.choice(SORTS)}"]
        if self._rng.random() < 0.4:
            asked.append("available=true")
        if self._rng.random() < 0.4:
            asked.append(f"q={self._rng.choice(WORDS)}")
        if self._rng.random() < 0.3:
            until = datetime.fromtimestamp(now_us() / 1e6, UTC) + timedelta(days=60)
            asked.append(f"starts_until={quote(until.isoformat())}")
        return "&".join(asked)


def _get(op: Operation, path: str, about: str = "") -> Request:
    return Request(op, "GET", path, about, kind="browse")
