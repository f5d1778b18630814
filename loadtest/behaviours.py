"""What people do at an on-sale, as generators that yield requests and pauses and know nothing of sending.

A crowd waits and looks. At the opening most hold and confirm; some give up, some walk away, some think
longer, some change their mind about how many; some clients retry what was answered already, with the same
key, and a few with the same key and another body. A server that is busy or gone is asked again with the
same key, when it says so. Witnesses sell a handful of tickets to each other, so densely that their whole
history can be checked, and so few of them that it can be searched.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import msgspec

from loadtest.exchange import API, Reply, Request, Reservation
from loadtest.record import Wanted, now_us

ATTEMPTS_MAX = 25
PATIENCE_MAX_LOOKS = 3
"""How often a buyer comes back for what others hold."""
WAIT_LOOK_S = (0.8, 2.0)
THINK_S = (0.2, 1.5)
COME_BACK_WITHIN_S = 20.0
AFTER_THE_END_S = (0.0, 1.5)
SAME_AGAIN_SHARE = 0.08
OTHER_BODY_SHARE = 0.02
RETURNING_SHARE = 0.05

FATES = ("confirm", "extend", "change", "give up", "walk away")
FATE_WEIGHTS = (74, 6, 6, 7, 7)
BASKETS: Sequence[Wanted] = (
    (("adult", 1),),
    (("adult", 2),),
    (("adult", 1), ("parking", 1)),
    (("adult", 2), ("parking", 1)),
    (("adult", 2), ("child", 2)),
    (("child", 1),),
)
BASKET_WEIGHTS = (40, 25, 12, 10, 8, 5)


Verb = Literal["confirm", "extend", "cancel"]


class OnSale(msgspec.Struct, frozen=True):
    """The sale that all users of a run take part in, and the witnesses' own small one."""

    event: str
    opens_us: int
    witness_event: str = ""


@dataclass(slots=True, frozen=True)
class Pause:
    """Nothing for a while."""

    seconds: float


Result = TypeVar("Result")
Script = Generator[Request | Pause, Reply, Result]


class Person:
    """One client: its own randomness, its own e-mail for each purchase."""

    def __init__(self, name: str, sale: OnSale, rng: random.Random) -> None:
        self.name = name
        self.sale = sale
        self._rng = rng
        self._purchases = 0
        self._email = ""

    # --- whole behaviours -------------------------------------------------------------------------

    def look(self) -> Script[None]:
        """A browser: looks at the event once, then at what is left."""
        if self._rng.random() < 0.1:
            yield Request("event", "GET", f"{API}/events/{self.sale.event}", self.sale.event)
        yield self._availability()
        yield self._pause(WAIT_LOOK_S)

    def buy(self) -> Script[None]:
        """A buyer, from the wait for the opening to the end of one purchase."""
        yield from self._wait_for_opening()
        held = yield from self._hold(self._rng.choices(BASKETS, BASKET_WEIGHTS)[0])
        if held is None:
            yield self._availability()
            yield self._pause(WAIT_LOOK_S)
            return
        yield self._pause(THINK_S)
        match self._rng.choices(FATES, FATE_WEIGHTS)[0]:
            case "confirm":
                yield from self._act(held, "confirm")
            case "extend":
                yield from self._act(held, "extend")
                yield from self._act(held, "confirm")
            case "change":
                yield from self._change(held)
                yield from self._act(held, "confirm")
            case "give up":
                yield from self._act(held, "cancel")
            case _:
                yield from self._walk_away(held)

    def churn(self) -> Script[None]:
        """One of many that want few tickets and keep none: the sale stays at its bound for good."""
        held = yield from self._hold(self._rng.choice(BASKETS[:2]))
        if held is None:
            yield self._pause(WAIT_LOOK_S)
            return
        yield self._pause(THINK_S)
        fate = self._rng.random()
        if fate < 0.3:
            yield from self._act(held, "confirm")
        if fate < 0.8:
            yield from self._act(held, "cancel")
        else:
            yield from self._walk_away(held)

    def forget(self) -> Script[None]:
        """One who holds a ticket and is never heard of again."""
        yield from self.insist(self._hold_request(self.sale.event, BASKETS[0], "forgetter"))

    def witness(self) -> Script[None]:
        """One of a few that fight for a handful of tickets and give back all they get."""
        event = self.sale.witness_event
        request = self._hold_request(event, (("adult", self._rng.choice((1, 1, 2))),), "witness")
        reply = yield from self.insist(request)
        if reply.done:
            held = reply.reservation
            if self._rng.random() < 0.5:
                yield from self.insist(_act_request(event, held, "confirm"))
            yield from self.insist(_act_request(event, held, "cancel"))
        yield self._pause((0.05, 0.4))

    # --- their parts ------------------------------------------------------------------------------

    def insist(self, request: Request) -> Script[Reply]:
        """The same request, with the same key, for as long as the server asks for it."""
        for _ in range(ATTEMPTS_MAX - 1):
            reply = yield request
            if not reply.asks_again:
                return reply
            yield Pause(reply.retry_after_s * self._rng.uniform(0.7, 1.3))
        return (yield request)

    def _wait_for_opening(self) -> Script[None]:
        while (left_s := (self.sale.opens_us - now_us()) / 1e6) > 0:
            yield self._availability()
            yield Pause(min(left_s + self._rng.uniform(0.0, 0.2), self._rng.uniform(*WAIT_LOOK_S)))

    def _hold(self, wanted: Wanted) -> Script[Reservation | None]:
        request = self._hold_request(self.sale.event, wanted, "buyer")
        reply = yield from self.insist(request)
        for _ in range(PATIENCE_MAX_LOOKS):
            if reply.status != 423:
                break
            yield Pause(reply.retry_after_s * self._rng.uniform(0.7, 1.3))
            reply = yield from self.insist(request)
        if not reply.done:
            return None
        if self._rng.random() < SAME_AGAIN_SHARE:
            yield from self.insist(request)
        if self._rng.random() < OTHER_BODY_SHARE:
            other = self._hold_body((("adult", 3),), request.email)
            yield from self.insist(replace(request, body=other, wanted=(("adult", 3),)))
        return reply.reservation

    def _act(self, held: Reservation, verb: Verb) -> Script[None]:
        request = _act_request(self.sale.event, held, verb)
        reply = yield from self.insist(request)
        if reply.done and self._rng.random() < SAME_AGAIN_SHARE:
            yield self._pause(THINK_S)
            yield from self.insist(request)

    def _change(self, held: Reservation) -> Script[None]:
        lines = [(line.ticket_type, line.quantity) for line in held.lines]
        code, quantity = lines[0]
        lines[0] = (code, 2 if quantity == 1 else 1)
        path = f"{API}/reservations/{held.id}"
        body = msgspec.json.encode({"lines": _lines(lines)})
        event, wanted = self.sale.event, tuple(lines)
        request = Request("change", "PATCH", path, event, body, held.id, held.token, wanted=wanted)
        yield from self.insist(request)

    def _walk_away(self, held: Reservation) -> Script[None]:
        """Forgets the hold; one in two looks what has become of it, soon after its end."""
        path = f"{API}/reservations/{held.id}"
        read = Request("read", "GET", path, self.sale.event, reservation=held.id, token=held.token)
        yield read
        left_s = held.view.expires_ms / 1000 - now_us() / 1e6
        if left_s < COME_BACK_WITHIN_S and self._rng.random() < 0.5:
            yield Pause(max(0.0, left_s) + self._rng.uniform(*AFTER_THE_END_S))
            yield read

    def _availability(self) -> Request:
        event = self.sale.event
        return Request("availability", "GET", f"{API}/events/{event}/availability", event)

    def _hold_request(self, event: str, wanted: Wanted, who: str) -> Request:
        self._purchases += 1
        if not self._email or self._rng.random() >= RETURNING_SHARE:
            self._email = f"{who}.{self.name}.{self._purchases}@example.org".lower()
        path, body = f"{API}/events/{event}/reservations", self._hold_body(wanted, self._email)
        key = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        return Request("hold", "POST", path, event, body, key=key, email=self._email, wanted=wanted)

    def _hold_body(self, wanted: Wanted, email: str) -> bytes:
        customer = {"name": f"Buyer {self.name}", "email": email}
        return msgspec.json.encode({"lines": _lines(wanted), "customer": customer})

    def _pause(self, between_s: tuple[float, float]) -> Pause:
        return Pause(self._rng.uniform(*between_s))


def _act_request(event: str, held: Reservation, verb: Verb) -> Request:
    path, key = f"{API}/reservations/{held.id}/{verb}", f"{verb}-{held.id}"
    return Request(verb, "POST", path, event, b"{}", held.id, held.token, key)


def _lines(wanted: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"ticket_type": code, "quantity": quantity} for code, quantity in wanted]
