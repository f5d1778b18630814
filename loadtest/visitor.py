"""One client, whatever it is there for: its randomness, its keys and e-mails, and how patiently it insists.

Behaviours are generators that yield requests and pauses and know nothing of sending. A server that is busy
or gone is asked again with the same key, when it says so; for what others hold a client comes back a few
times.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from loadtest.exchange import API, Reply, Request
from loadtest.record import Kind, Operation, now_us

ATTEMPTS_MAX = 25
PATIENCE_MAX_LOOKS = 3
"""How often somebody comes back for what others hold."""
WAIT_LOOK_S = (0.8, 2.0)
THINK_S = (0.2, 1.5)
COME_BACK_WITHIN_S = 20.0
AFTER_THE_END_S = (0.0, 1.5)
SAME_AGAIN_SHARE = 0.08
OTHER_BODY_SHARE = 0.02
RETURNING_SHARE = 0.05
LOCKED = 423


@dataclass(slots=True, frozen=True)
class Pause:
    """Nothing for a while."""

    seconds: float


@dataclass(slots=True, frozen=True)
class Mine:
    """A reservation that a client has made, as far as it needs to know it. `expires_ms` 0: it is no hold."""

    kind: Kind
    event: str
    id: str
    token: str
    expires_ms: int


Result = TypeVar("Result")
Script = Generator[Request | Pause, Reply, Result]


class Visitor:
    """What all clients are; each kind of them has behaviours of its own."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self._rng = rng
        self._purchases = 0
        self._email = ""

    def insist(self, request: Request) -> Script[Reply]:
        """The same request, with the same key, for as long as the server asks for it."""
        for _ in range(ATTEMPTS_MAX - 1):
            reply = yield request
            if not reply.asks_again:
                return reply
            yield Pause(reply.retry_after_s * self._rng.uniform(0.7, 1.3))
        return (yield request)

    def come_back(self, request: Request) -> Script[Reply]:
        """As `insist`; and a few times again for what others hold, when the first of those holds ends."""
        reply = yield from self.insist(request)
        for _ in range(PATIENCE_MAX_LOOKS):
            if reply.status != LOCKED:
                break
            yield Pause(reply.retry_after_s * self._rng.uniform(0.7, 1.3))
            reply = yield from self.insist(request)
        return reply

    def wait_for(self, opens_us: int, look: Request) -> Script[None]:
        """Looks, again and again, until the opening."""
        while (left_s := (opens_us - now_us()) / 1e6) > 0:
            yield look
            yield Pause(min(left_s + self._rng.uniform(0.0, 0.2), self._rng.uniform(*WAIT_LOOK_S)))

    def act(self, mine: Mine, verb: Operation) -> Script[Reply]:
        """Insists; a few clients ask once more for what was answered."""
        request = act_request(mine, verb)
        reply = yield from self.insist(request)
        if reply.done and self._rng.random() < SAME_AGAIN_SHARE:
            yield self.pause(THINK_S)
            yield from self.insist(request)
        return reply

    def see_through(self, mine: Mine, fate: str) -> Script[None]:
        """What becomes of a hold: `confirm`, `extend` and then confirm, `give up`, or `walk away`."""
        match fate:
            case "confirm":
                yield from self.act(mine, "confirm")
            case "extend":
                yield from self.act(mine, "extend")
                yield from self.act(mine, "confirm")
            case "give up":
                yield from self.act(mine, "cancel")
            case _:
                yield from self.walk_away(mine)

    def walk_away(self, mine: Mine) -> Script[None]:
        """Forgets the hold; one in two looks what has become of it, soon after its end."""
        path = f"{API}/reservations/{mine.id}"
        read = Request("read", "GET", path, mine.event, reservation=mine.id, token=mine.token, kind=mine.kind)
        yield read
        left_s = mine.expires_ms / 1000 - now_us() / 1e6
        if left_s < COME_BACK_WITHIN_S and self._rng.random() < 0.5:
            yield Pause(max(0.0, left_s) + self._rng.uniform(*AFTER_THE_END_S))
            yield read

    def next_email(self, who: str) -> str:
        """One for each purchase; a few people return with the one that they had."""
        self._purchases += 1
        if not self._email or self._rng.random() >= RETURNING_SHARE:
            self._email = f"{who}.{self.name}.{self._purchases}@example.org".lower()
        return self._email

    def key(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def pause(self, between_s: tuple[float, float]) -> Pause:
        return Pause(self._rng.uniform(*between_s))


def act_request(mine: Mine, verb: Operation, body: bytes = b"{}") -> Request:
    """Of each verb a reservation knows one effect, so one key does."""
    path, key = f"{API}/reservations/{mine.id}/{verb}", f"{verb}-{mine.id}"
    return Request(verb, "POST", path, mine.event, body, mine.id, mine.token, key, kind=mine.kind)


def mine_of(request: Request, reply: Reply) -> Mine:
    """What a hold that was answered with success has brought."""
    if request.kind == "tables":
        stay = reply.stay
        return Mine(request.kind, request.event, stay.id, stay.token, stay.sitting.expires_ms)
    said = reply.reservation
    return Mine(request.kind, request.event, said.id, said.token, said.view.expires_ms)
