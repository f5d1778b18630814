"""What people do at a restaurant that everybody wants to go to, and what its staff does meanwhile.

Guests search an evening, reserve one of its times or the nearest that there is, and confirm; some move to
another time, some cancel, some walk away. Staff seat who has come, note who has not, complete stays, let
some stay longer, and find tables for parties at the door. Witnesses fight for two tables of one evening.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec

from loadtest.exchange import API, Reply, Request, Stay
from loadtest.record import Operation, Wish, now_us
from loadtest.visitor import (
    OTHER_BODY_SHARE,
    SAME_AGAIN_SHARE,
    THINK_S,
    WAIT_LOOK_S,
    Mine,
    Script,
    Visitor,
    act_request,
    mine_of,
)

GRID_MINUTES = 15
MINUTE_MS = 60_000
DAY_MINUTES = 1_440
EVENING_SLOTS = tuple(range(18 * 60, 22 * 60, GRID_MINUTES))
SLOT_WEIGHTS = tuple(8 - abs(8 - number) for number in range(1, 17))
"""Most want to come at about eight."""
SOON_SHARE = 0.15
SOON_SLOTS = 3
"""Within so many steps of the grid, so that staff may seat them already."""
DAYS, DAY_WEIGHTS = (1, 2, 3), (70, 20, 10)
PARTIES, PARTY_WEIGHTS = (1, 2, 3, 4, 5, 6, 8), (6, 44, 12, 24, 4, 6, 4)
FATES = ("confirm", "move", "extend", "cancel", "give up", "walk away")
FATE_WEIGHTS = (58, 16, 4, 8, 7, 7)
STAFF_PAUSE_S = (0.3, 1.0)
STAFF_DOES: tuple[Operation, ...] = ("walk-in", "seat", "no-show", "complete", "prolong")
WALK_IN_MINUTES = 30
PROLONG_MINUTES = 15
STAYS_SHOWN = 50
WITNESSED_SLOTS = (19 * 60, 20 * 60, 21 * 60)
"""Of stays of two hours: each overlaps the one an hour later, none the one two hours later."""


class Evening(msgspec.Struct, frozen=True):
    """A restaurant in UTC, open day and night, and the witnesses' small one."""

    restaurant: str
    opens_us: int
    witness_restaurant: str
    witness_tables: tuple[str, ...]
    witness_day: str


class Diner(Visitor):
    """A guest, a witness, or one of the staff."""

    def __init__(self, name: str, evening: Evening, rng: random.Random) -> None:
        super().__init__(name, rng)
        self.evening = evening

    # --- whole behaviours -------------------------------------------------------------------------

    def dine(self) -> Script[None]:
        """From the search to what becomes of the reservation."""
        at, size = self._wished(), self._rng.choices(PARTIES, PARTY_WEIGHTS)[0]
        yield from self.wait_for(self.evening.opens_us, self._search(at, size))
        found = yield from self.insist(self._search(at, size))
        if found.done:
            at = self._nearest(found, at)
        mine = yield from self._hold(at, size)
        if mine is None:
            yield self.pause(WAIT_LOOK_S)
            return
        yield self.pause(THINK_S)
        fate = self._rng.choices(FATES, FATE_WEIGHTS)[0]
        if fate == "move":
            yield from self._move(mine, at, size)
            fate = "confirm"
        if fate == "cancel":
            yield from self.act(mine, "confirm")
            yield self.pause(THINK_S)
            fate = "give up"
        yield from self.see_through(mine, fate)

    def serve(self) -> Script[None]:
        """One round of the staff: something at the door, or in the room."""
        what = self._rng.choice(STAFF_DOES)
        if what == "walk-in":
            yield from self.insist(self._walk_in())
        else:
            status = "seated" if what in ("complete", "prolong") else "confirmed"
            shown = yield from self.insist(self._shown(status))
            stays = [one for one in shown.stays if _fits(one, what)] if shown.done else []
            if stays:
                yield from self.insist(self._at_the_door(self._rng.choice(stays), what))
        yield self.pause(STAFF_PAUSE_S)

    def witness(self) -> Script[None]:
        """One of a few at two tables; some change the time, all give back what they got."""
        evening = self.evening
        day = datetime.fromisoformat(f"{evening.witness_day}T00:00:00+00:00")
        at = day + timedelta(minutes=self._rng.choice(WITNESSED_SLOTS))
        table = self._rng.choice((*evening.witness_tables, "", ""))
        request = self._request(evening.witness_restaurant, at, 2, table)
        reply = yield from self.insist(request)
        if reply.done:
            mine = mine_of(request, reply)
            if self._rng.random() < 0.3:
                later = day + timedelta(minutes=self._rng.choice(WITNESSED_SLOTS))
                yield from self.insist(_moved(mine, later))
            if self._rng.random() < 0.5:
                yield from self.insist(act_request(mine, "confirm"))
            yield from self.insist(act_request(mine, "cancel"))
        yield self.pause((0.05, 0.4))

    # --- guests' parts ----------------------------------------------------------------------------

    def _wished(self) -> datetime:
        """An evening's time, or, for a few, the next that begins."""
        today = datetime.fromtimestamp(now_us() / 1e6, UTC).replace(second=0, microsecond=0)
        if self._rng.random() < SOON_SHARE:
            minutes = today.hour * 60 + today.minute
            slot = minutes // GRID_MINUTES + self._rng.randint(1, SOON_SLOTS)
            return today.replace(hour=0, minute=0) + timedelta(minutes=slot * GRID_MINUTES)
        days = self._rng.choices(DAYS, DAY_WEIGHTS)[0]
        slot = self._rng.choices(EVENING_SLOTS, SLOT_WEIGHTS)[0]
        return today.replace(hour=0, minute=0) + timedelta(days=days, minutes=slot)

    def _search(self, at: datetime, size: int) -> Request:
        restaurant = self.evening.restaurant
        earliest = max(0, at.hour - 1)
        asked = f"date={at:%Y-%m-%d}&time={at:%H:%M}&party_size={size}&earliest={earliest:02d}:00"
        path = f"{API}/restaurants/{restaurant}/search?{asked}"
        wish = Wish(_ms(at), size)
        return Request("search", "GET", path, restaurant, kind="tables", wish=wish)

    def _nearest(self, found: Reply, at: datetime) -> datetime:
        """The wished time if it is free, or else the nearest; some try their wish all the same."""
        free = [one.start_ms for one in (*found.search.times, *found.search.alternatives)]
        if not free or self._rng.random() < 0.2:
            return at
        nearest_ms = min(free, key=lambda start_ms: abs(start_ms - _ms(at)))
        return datetime.fromtimestamp(nearest_ms / 1000, UTC)

    def _hold(self, at: datetime, size: int) -> Script[Mine | None]:
        request = self._request(self.evening.restaurant, at, size)
        reply = yield from self.come_back(request)
        if not reply.done:
            return None
        if self._rng.random() < SAME_AGAIN_SHARE:
            yield from self.insist(request)
        if self._rng.random() < OTHER_BODY_SHARE:
            other = self._request(self.evening.restaurant, at, size + 1)
            changed = msgspec.json.decode(other.body) | {"customer": _customer(self.name, request.email)}
            body = msgspec.json.encode(changed)
            yield from self.insist(_with(other, body, request.key, request.email))
        return mine_of(request, reply)

    def _move(self, mine: Mine, at: datetime, size: int) -> Script[None]:
        """Half an hour or an hour earlier or later; one in three with one person more."""
        later = at + timedelta(minutes=self._rng.choice((-60, -30, 30, 60)))
        larger = size + 1 if self._rng.random() < 0.33 else 0
        request = _moved(mine, later, larger)
        reply = yield from self.insist(request)
        if reply.done and self._rng.random() < SAME_AGAIN_SHARE:
            yield from self.insist(request)

    def _request(self, restaurant: str, at: datetime, size: int, table: str = "") -> Request:
        email = self.next_email("diner")
        body: dict[str, object] = {
            "date": f"{at:%Y-%m-%d}",
            "time": f"{at:%H:%M}",
            "party_size": size,
            "customer": _customer(self.name, email),
        }
        if table:
            body["table_id"] = table
        return Request(
            "hold",
            "POST",
            f"{API}/restaurants/{restaurant}/reservations",
            restaurant,
            msgspec.json.encode(body),
            key=self.key(),
            email=email,
            kind="tables",
            wish=Wish(_ms(at), size, table),
        )

    # --- the staff's parts ------------------------------------------------------------------------

    def _shown(self, status: str) -> Request:
        restaurant, today = self.evening.restaurant, datetime.fromtimestamp(now_us() / 1e6, UTC)
        asked = f"date={today:%Y-%m-%d}&status={status}&limit={STAYS_SHOWN}"
        path = f"{API}/restaurants/{restaurant}/reservations?{asked}"
        return Request("list", "GET", path, restaurant, kind="tables", staff=True)

    def _walk_in(self) -> Request:
        restaurant, size = self.evening.restaurant, self._rng.choice((1, 2, 2, 4))
        email = self.next_email("walk-in")
        body = {
            "party_size": size,
            "stay_minutes": WALK_IN_MINUTES,
            "customer": _customer(self.name, email),
        }
        return Request(
            "walk-in",
            "POST",
            f"{API}/restaurants/{restaurant}/walk-ins",
            restaurant,
            msgspec.json.encode(body),
            key=self.key(),
            email=email,
            kind="tables",
            wish=Wish(0, size, minutes=WALK_IN_MINUTES),
            staff=True,
        )

    def _at_the_door(self, stay: Stay, what: Operation) -> Request:
        """Each with a key of its own: staff may try again later what was too early."""
        restaurant, path = self.evening.restaurant, f"{API}/reservations/{stay.id}/{what}"
        prolongs = what == "prolong"
        body = msgspec.json.encode({"by_minutes": PROLONG_MINUTES}) if prolongs else b"{}"
        wish = Wish(0, 0, minutes=PROLONG_MINUTES) if prolongs else None
        return Request(
            what,
            "POST",
            path,
            restaurant,
            body,
            stay.id,
            key=self.key(),
            kind="tables",
            wish=wish,
            staff=True,
        )


def _fits(stay: Stay, what: Operation) -> bool:
    """Whether the staff would do that to a party: nobody is a no-show before the time has come."""
    return what != "no-show" or stay.sitting.start_ms <= now_us() // 1000


def _moved(mine: Mine, at: datetime, size: int = 0) -> Request:
    body: dict[str, object] = {"date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M}"}
    if size:
        body["party_size"] = size
    path, encoded = f"{API}/reservations/{mine.id}/move", msgspec.json.encode(body)
    key, wish = f"move-{mine.id}", Wish(_ms(at), size)
    return Request(
        "move", "POST", path, mine.event, encoded, mine.id, mine.token, key, kind="tables", wish=wish
    )


def _with(request: Request, body: bytes, key: str, email: str) -> Request:
    """The same key again, for something else."""
    path, event, wish = request.path, request.event, request.wish
    return Request(request.op, "POST", path, event, body, key=key, email=email, kind=request.kind, wish=wish)


def _customer(name: str, email: str) -> dict[str, str]:
    return {"name": f"Party {name}", "email": email}


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
