"""Locust's users: each sends what its visitor wants to send, and records each request however it ends.

What they do is in the behaviours (`behaviours`, `rush`, `evening`, `gathering`, `browsing`), one class of
users for each part that is played. `choose` says which of them a mix has.
"""

from __future__ import annotations

import itertools
import random
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import gevent
from gevent.event import AsyncResult
from locust import FastHttpUser, task
from locust.contrib.fasthttp import ResponseContextManager

from loadtest.behaviours import Person
from loadtest.browsing import Browser
from loadtest.endpoints import NoServer
from loadtest.evening import Diner
from loadtest.exchange import Reply, Request, call_of
from loadtest.gathering import Neighbour
from loadtest.mix import WrongMix
from loadtest.offers import Offers
from loadtest.record import INTERRUPTED, NO_REPLY, Kind, Recorder, now_us
from loadtest.rush import Seatgoer
from loadtest.visitor import Pause, Script

OFFERS_KNOWN_WITHIN_S = 90.0
CONNECT_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 30.0
"""Longer than any deadline of the server: a reply that has not come by then will not come."""
WITNESSES = 4
STAFF = 2
NO_REPLY_STATUSES = (0, 500, 502, 504)


class Run:
    """What the users of one process share during one run."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.known: AsyncResult[Offers] = AsyncResult()
        self.numbers = itertools.count()
        self.seed = 0
        self.admin_token = ""

    def begin(self, options: Namespace, role: str, admin_token: str) -> Recorder:
        kept = Path(options.data) / "reports" / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S") / "records"
        self.recorder = Recorder(Path(options.records) if options.records else kept, role)
        self.seed, self.admin_token = options.seed, admin_token
        return self.recorder

    def end(self) -> None:
        """A worker may hear of the next offers before it begins, so they are forgotten here and not there."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder, self.known = None, AsyncResult()


run = Run()


class Client(FastHttpUser):
    """What all users are."""

    abstract = True
    kind: ClassVar[Kind]
    share: ClassVar[int] = 0
    """Of each six users of its kind; 0: there is a fixed number of them."""
    connection_timeout = CONNECT_TIMEOUT_S
    network_timeout = REPLY_TIMEOUT_S
    max_retries = 0

    def on_start(self) -> None:
        try:
            offers = run.known.get(timeout=OFFERS_KNOWN_WITHIN_S)
        except (NoServer, WrongMix, gevent.Timeout):
            # Said once, by who makes the offers; Locust would log a StopUser of each user with a traceback.
            raise gevent.GreenletExit from None
        assert run.recorder is not None
        self.recorder = run.recorder
        self.who = f"{run.recorder.path.stem}-{next(run.numbers)}"
        self.become(offers, random.Random(f"{run.seed} {self.who}"))

    def become(self, offers: Offers, rng: random.Random) -> None:
        """Makes its visitor."""
        raise NotImplementedError

    def play(self, script: Script[None]) -> None:
        """Drive one behaviour to its end."""
        try:
            step = next(script)
            while True:
                if isinstance(step, Pause):
                    gevent.sleep(step.seconds)
                    step = next(script)
                else:
                    step = script.send(self._send(step))
        except StopIteration:
            return

    def _send(self, request: Request) -> Reply:
        sent_us = now_us()
        reply = Reply(NO_REPLY, sent_us, sent_us, failure=INTERRUPTED)
        headers = request.headers
        if request.staff:
            headers["Authorization"] = f"Bearer {run.admin_token}"
        try:
            with self.client.request(
                request.method,
                request.path,
                name=request.label,
                data=request.body.decode() or None,
                headers=headers,
                catch_response=True,
            ) as response:
                reply = _reply(response, sent_us)
                if reply.status in NO_REPLY_STATUSES:
                    response.failure(f"{reply.status} {reply.failure}")
                else:
                    response.success()
        finally:
            self._record(request, reply)
        return reply

    def _record(self, request: Request, reply: Reply) -> None:
        """Also when this user is stopped in the middle: what it asked for may still happen."""
        if reply.failure == INTERRUPTED:
            reply = Reply(NO_REPLY, reply.sent_us, now_us(), failure=INTERRUPTED)
        self.recorder.write(call_of(self.who, request, reply))


def _reply(response: ResponseContextManager, sent_us: int) -> Reply:
    """An error of the connection comes as a response with status 0 and no headers."""
    error = getattr(response, "error", None)
    failure = type(error).__name__ if error is not None and not response.status_code else ""
    after = response.headers.get("Retry-After", "") if response.headers else ""
    return Reply(response.status_code, sent_us, now_us(), bytes(response.content or b""), str(after), failure)


# --- tickets --------------------------------------------------------------------------------------


class _OfTickets(Client):
    abstract = True
    kind = "tickets"

    def become(self, offers: Offers, rng: random.Random) -> None:
        assert offers.tickets is not None
        self.person = Person(self.who, offers.tickets, rng)


class Buyer(_OfTickets):
    share = weight = 5

    @task
    def buy(self) -> None:
        self.play(self.person.buy())


class Watcher(_OfTickets):
    share = weight = 1

    @task
    def look(self) -> None:
        self.play(self.person.look())


class Witness(_OfTickets):
    fixed_count = WITNESSES

    @task
    def fight(self) -> None:
        self.play(self.person.witness())


# --- seats ----------------------------------------------------------------------------------------


class _OfSeats(Client):
    abstract = True
    kind = "seats"

    def become(self, offers: Offers, rng: random.Random) -> None:
        assert offers.seats is not None
        self.seatgoer = Seatgoer(self.who, offers.seats, rng)


class SeatBuyer(_OfSeats):
    share = weight = 6

    @task
    def buy(self) -> None:
        self.play(self.seatgoer.buy())


class SeatWitness(_OfSeats):
    fixed_count = WITNESSES

    @task
    def fight(self) -> None:
        self.play(self.seatgoer.witness())


# --- tables ---------------------------------------------------------------------------------------


class _OfTables(Client):
    abstract = True
    kind = "tables"

    def become(self, offers: Offers, rng: random.Random) -> None:
        assert offers.tables is not None
        self.diner = Diner(self.who, offers.tables, rng)


class Guest(_OfTables):
    share = weight = 6

    @task
    def dine(self) -> None:
        self.play(self.diner.dine())


class Staff(_OfTables):
    fixed_count = STAFF

    @task
    def serve(self) -> None:
        self.play(self.diner.serve())


class TableWitness(_OfTables):
    fixed_count = WITNESSES

    @task
    def fight(self) -> None:
        self.play(self.diner.witness())


# --- sessions, and those who look ---------------------------------------------------------------------


class Member(Client):
    kind = "sessions"
    share = weight = 6

    def become(self, offers: Offers, rng: random.Random) -> None:
        assert offers.sessions is not None
        self.neighbour = Neighbour(self.who, offers.sessions, rng)

    @task
    def join(self) -> None:
        self.play(self.neighbour.join())


class Idler(Client):
    kind = "browse"
    share = weight = 6

    def become(self, offers: Offers, rng: random.Random) -> None:
        self.browser = Browser(self.who, rng)

    @task
    def browse(self) -> None:
        self.play(self.browser.browse())


USERS: tuple[type[Client], ...] = (
    Buyer,
    Watcher,
    Witness,
    SeatBuyer,
    SeatWitness,
    Guest,
    Staff,
    TableWitness,
    Member,
    Idler,
)


def choose(mix: Mapping[Kind, int]) -> list[type[Client]]:
    """The users of the kinds that the mix has, weighted by it."""
    chosen = [user for user in USERS if user.kind in mix]
    for user in chosen:
        user.weight = user.share * mix[user.kind] or 1
    return chosen
