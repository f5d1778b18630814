"""Makes a world on a server: what is missing of it, in an order that is always the same.

What is there already is found first, by its name and the world's mark, and reservations by their e-mail; so a
second run makes nothing, and one after an interrupted run goes on. Each request has a key made of the seed:
two runs at a time make one world. Offers are worked on side by side, each by itself one step after another:
so the same seats are given each time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from server.demo.api import Answer, Api, DemoFailed
from server.demo.plan import PLURALS, Offer, Venue, Visit, World
from server.demo.world import home_of, make_world

View = Mapping[str, Any]
Known = dict[str, tuple[str, str]]
"""Of each e-mail: the id and status of its reservation."""
PATHS = {"show": "/events", "match": "/events", "session": "/events", "restaurant": "/restaurants"}


@dataclass
class Tally:
    """What was made and what was there, by what it is. `ids`: offers' by kind and name, the first of each."""

    made: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    stopped: bool = False


class Builder:
    """One run. `show(done, total)` is told of each step."""

    def __init__(self, api: Api, seed: int, size_name: str, show: Callable[[int, int], None]) -> None:
        self.tally = Tally()
        self._api, self._seed, self._size = api, seed, size_name
        self._show = show
        self._done = self._total = 0
        self._key_of = f"turnstile demo {seed}"
        self._offers: dict[tuple[str, str, str], View] = {}
        self._venue_ids: dict[str, str] = {}

    def stop(self) -> None:
        """What is under way is finished, and nothing else begun."""
        self.tally.stopped = True

    async def build(self, concurrency: int) -> World:
        """The world that is there in the end, unless stopped. Raises `DemoFailed`."""
        _, mark, ground = home_of(self._seed)
        known = {
            view["name"]: view async for view in self._api.pages("/venues") if _marked(view, "address", mark)
        }
        first = await self._venue(ground, known)
        world = make_world(self._seed, self._size, date.fromisoformat(first["created_at"][:10]))
        self._total = len(world.venues) + len(world.offers) + world.visits
        self._step()
        for venue in world.venues[1:]:
            await self._venue(venue, known)
            self._step()
        await self._find(world)
        await self._all(world, concurrency)
        return world

    async def _all(self, world: World, concurrency: int) -> None:
        waiting = list(reversed(world.offers))

        async def work() -> None:
            while waiting and not self.tally.stopped:
                await self._offer(waiting.pop(), world)

        workers = [asyncio.create_task(work()) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _find(self, world: World) -> None:
        """What the server has of this world."""
        async for view in self._api.pages("/events", city=world.city):
            if _marked(view, "description", world.mark):
                self._offers["/events", view["name"], _moment(view["starts_at"])] = view
        async for view in self._api.pages("/restaurants"):
            if _marked(view, "description", world.mark):
                self._offers["/restaurants", view["name"], ""] = view

    async def _venue(self, venue: Venue, known: Mapping[str, View]) -> View:
        view = known.get(venue.name)
        if view is None:
            view = _made(await self._api.post("/venues", venue.body, self._key(venue.name)), venue.name)
            self.tally.made["venues"] += 1
        else:
            self.tally.there["venues"] += 1
        self._venue_ids[venue.name] = view["id"]
        return view

    async def _offer(self, offer: Offer, world: World) -> None:
        """It, and then who comes to it."""
        path, starts_at = PATHS[offer.kind], _moment(offer.body.get("starts_at", ""))
        view = self._offers.get((path, offer.name, starts_at))
        known: Known = {}
        if view is None:
            key = self._key(offer.kind, offer.name, starts_at)
            view = _made(await self._api.post(path, self._with_venue(offer), key), offer.name)
            self.tally.made[PLURALS[offer.kind]] += 1
        else:
            self.tally.there[PLURALS[offer.kind]] += 1
            known = await self._reservations(f"{path}/{view['id']}")
        self.tally.ids.setdefault((offer.kind, offer.name), view["id"])
        self._step()
        numbers = {table["number"]: table["id"] for table in view.get("tables", ())}
        for visit in offer.visits:
            if self.tally.stopped:
                return
            await self._visit(f"{path}/{view['id']}", visit, known, numbers)
            self._step()

    def _with_venue(self, offer: Offer) -> Mapping[str, Any]:
        if not offer.venue:
            return offer.body
        return {**offer.body, "seating": {"venue_id": self._venue_ids[offer.venue]}}

    async def _reservations(self, path: str) -> Known:
        found: Known = {}
        async for view in self._api.pages(f"{path}/reservations"):
            if view["customer"]:
                found[view["customer"]["email"]] = view["id"], view["status"]
        return found

    async def _visit(self, path: str, visit: Visit, known: Known, tables: Mapping[str, str]) -> None:
        """Held, confirmed, cancelled: each step that is missing up to its fate."""
        if visit.email in known:
            self.tally.there["reservations"] += 1
            reservation_id, status = known[visit.email]
        else:
            body = {**visit.body, "table_id": tables[visit.table]} if visit.table else visit.body
            held = await self._api.post(f"{path}/reservations", body, self._key(path, visit.email))
            if not held.done:
                self.tally.refused += 1
                return
            self.tally.made["reservations"] += 1
            reservation_id, status = held.body["id"], held.body["status"]
        if visit.fate != "held" and status == "held":
            status = await self._act(reservation_id, "confirm", status)
        if visit.fate == "cancelled" and status == "confirmed":
            await self._act(reservation_id, "cancel", status)

    async def _act(self, reservation_id: str, verb: str, before: str) -> str:
        """The status it has then; a refusal (it was left for too long) leaves it as it is."""
        answer = await self._api.post(
            f"/reservations/{reservation_id}/{verb}", {}, self._key(reservation_id, verb)
        )
        return str(answer.body["status"]) if answer.done else before

    def _key(self, *parts: str) -> str:
        return str(uuid5(NAMESPACE_URL, "\n".join((self._key_of, *parts))))

    def _step(self) -> None:
        self._done += 1
        self._show(self._done, self._total)


def _marked(view: View, name: str, mark: str) -> bool:
    return (view[name] or "").endswith(mark)


def _moment(text: str) -> str:
    """One way to write a moment; nothing for what has none."""
    return str(datetime.fromisoformat(text).timestamp()) if text else ""


def _made(answer: Answer, name: str) -> View:
    if not answer.done:
        raise DemoFailed(f"{name} was refused, {answer.why}")
    return answer.body
