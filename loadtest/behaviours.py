"""What people do at an on-sale of tickets.

A crowd waits and looks. At the opening most hold and confirm; some give up, some walk away, some think
longer, some change their mind about how many; some clients retry what was answered already, with the same
key, and a few with the same key and another body. Witnesses sell a handful of tickets to each other, so
densely that their whole history can be checked, and so few of them that it can be searched.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from loadtest.exchange import API, Request
from loadtest.record import Wanted
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


class OnSale(msgspec.Struct, frozen=True):
    """The sale that all users of a run take part in, and the witnesses' own small one."""

    event: str
    opens_us: int
    witness_event: str = ""


class Person(Visitor):
    """One of the crowd."""

    def __init__(self, name: str, sale: OnSale, rng: random.Random) -> None:
        super().__init__(name, rng)
        self.sale = sale

    # --- whole behaviours -------------------------------------------------------------------------

    def look(self) -> Script[None]:
        """A browser: looks at the event once, then at what is left."""
        if self._rng.random() < 0.1:
            yield Request("event", "GET", f"{API}/events/{self.sale.event}", self.sale.event)
        yield self._availability()
        yield self.pause(WAIT_LOOK_S)

    def buy(self) -> Script[None]:
        """A buyer, from the wait for the opening to the end of one purchase."""
        yield from self.wait_for(self.sale.opens_us, self._availability())
        basket = self._rng.choices(BASKETS, BASKET_WEIGHTS)[0]
        mine = yield from self._hold(basket)
        if mine is None:
            yield self._availability()
            yield self.pause(WAIT_LOOK_S)
            return
        yield self.pause(THINK_S)
        fate = self._rng.choices(FATES, FATE_WEIGHTS)[0]
        if fate == "change":
            yield from self._change(mine, basket)
            fate = "confirm"
        yield from self.see_through(mine, fate)

    def churn(self) -> Script[None]:
        """One of many that want few tickets and keep none: the sale stays at its bound for good."""
        mine = yield from self._hold(self._rng.choice(BASKETS[:2]))
        if mine is None:
            yield self.pause(WAIT_LOOK_S)
            return
        yield self.pause(THINK_S)
        fate = self._rng.random()
        if fate < 0.3:
            yield from self.act(mine, "confirm")
        if fate < 0.8:
            yield from self.act(mine, "cancel")
        else:
            yield from self.walk_away(mine)

    def forget(self) -> Script[None]:
        """One who holds a ticket and is never heard of again."""
        yield from self.insist(self._hold_request(self.sale.event, BASKETS[0], "forgetter"))

    def witness(self) -> Script[None]:
        """One of a few that fight for a handful of tickets and give back all they get."""
        event = self.sale.witness_event
        request = self._hold_request(event, (("adult", self._rng.choice((1, 1, 2))),), "witness")
        reply = yield from self.insist(request)
        if reply.done:
            mine = mine_of(request, reply)
            if self._rng.random() < 0.5:
                yield from self.insist(act_request(mine, "confirm"))
            yield from self.insist(act_request(mine, "cancel"))
        yield self.pause((0.05, 0.4))

    # --- their parts ------------------------------------------------------------------------------

    def _hold(self, wanted: Wanted) -> Script[Mine | None]:
        request = self._hold_request(self.sale.event, wanted, "buyer")
        reply = yield from self.come_back(request)
        if not reply.done:
            return None
        if self._rng.random() < SAME_AGAIN_SHARE:
            yield from self.insist(request)
        if self._rng.random() < OTHER_BODY_SHARE:
            other = self._hold_body((("adult", 3),), request.email)
            yield from self.insist(replace(request, body=other, wanted=(("adult", 3),)))
        return mine_of(request, reply)

    def _change(self, mine: Mine, basket: Wanted) -> Script[None]:
        (code, quantity), *rest = basket
        wanted = ((code, 2 if quantity == 1 else 1), *rest)
        path = f"{API}/reservations/{mine.id}"
        body = msgspec.json.encode({"lines": lines_of(wanted)})
        request = Request("change", "PATCH", path, mine.event, body, mine.id, mine.token, wanted=wanted)
        yield from self.insist(request)

    def _availability(self) -> Request:
        event = self.sale.event
        return Request("availability", "GET", f"{API}/events/{event}/availability", event)

    def _hold_request(self, event: str, wanted: Wanted, who: str) -> Request:
        email = self.next_email(who)
        path, body = f"{API}/events/{event}/reservations", self._hold_body(wanted, email)
        return Request("hold", "POST", path, event, body, key=self.key(), email=email, wanted=wanted)

    def _hold_body(self, wanted: Wanted, email: str) -> bytes:
        customer = {"name": f"Buyer {self.name}", "email": email}
        return msgspec.json.encode({"lines": lines_of(wanted), "customer": customer})


def lines_of(wanted: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"ticket_type": code, "quantity": quantity} for code, quantity in wanted]
