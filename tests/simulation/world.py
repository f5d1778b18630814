"""One scenario: everything that takes part in it, made of a seed, and its course from opening to quiet."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from unittest.mock import patch

from actors.gateway import GatewayLimits, Key
from actors.meter import Meter
from actors.owner import InventoryOwner, OwnerLimits
from domain.event_messages import Seating, Terms, TicketType
from domain.kinds import Reply
from domain.restaurant_messages import RestaurantTerms
from persistence import clock
from persistence.memory import MemoryDatabase
from persistence.memory_rows import part_of
from persistence.store import Append, OwnerStore
from tests.simulation.clients import Buyer, Gatekeeper, Operator, Retrier
from tests.simulation.clocks import Clocks, SimClock
from tests.simulation.cluster import Cluster, Incarnation
from tests.simulation.diners import Diner, Staff
from tests.simulation.fold import HALL
from tests.simulation.fronts import Front, Quiet, SimTimer, timer_name
from tests.simulation.history import Answered, Attempt, Claim, Commit, History
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.nemesis import Nemesis
from tests.simulation.outages import STORE, SWEEP_S, Outages, way
from tests.simulation.store import SimStore
from tests.simulation.weather import KINDS, Weather
from tests.simulation.wording import brief

EPOCH_MS = 1_700_000_085_000
"""A quarter of an hour is full 15 s later: parties whose time comes while their restaurant is looked at."""
PLAN_ID = "plan"
COURSE_MAX_S = 60.0


@dataclass(frozen=True)
class Parts:
    """What the scenario is played with; a test plants a bug by replacing one."""

    database: type[MemoryDatabase] = MemoryDatabase
    owner: type[InventoryOwner] = InventoryOwner


class World:
    """See the module. `play` runs it; what is left to look at are `history`, `database` and `wrong`."""

    def __init__(self, seed: int, parts: Parts | None = None) -> None:
        self.seed = seed
        self.parts = parts or Parts()
        self.loop = VirtualLoop(self.rng("loop"))
        self.trace: list[tuple[float, str]] = []
        self.wrong: list[str] = []
        self.history = History()
        self.outages = Outages()
        rng = self.rng("scenario")
        self.weather = Weather(self.rng("weather"), self._draw_kinds(rng))
        self.far_end = Process("database", self.loop)
        self.clocks = Clocks(self)
        self.database = self.parts.database(self.clocks.store_ms)
        self.database.plans[PLAN_ID] = HALL
        self._ids = self.rng("ids")
        self._draw_limits(rng)
        self._sessions: dict[SimStore, int] = {}
        self.resting: set[str] = set()
        """Inventories that have passivated and that nobody has asked for since."""
        self.revived = 0
        """How often one of these was asked for before all was calm."""
        self._placements: dict[str, set[str]] = {}
        """By inventory: the names of all owners that it was ever to belong to."""
        self.cluster = Cluster(self)
        self._fronts_made = 0
        self.fronts = [self._new_front() for _ in range(rng.choice((2, 3)))]
        self.event_ids: list[str] = []
        self.houses: dict[str, RestaurantTerms] = {}
        """Restaurants, and the terms that they began with."""
        self.timers: dict[int, SimTimer] = {}
        self._timers_made = 100
        self._timer_parts = rng.choice((1, 2))
        self._buyers = rng.randint(2, 5)
        self._owners = rng.choice((("pool:0",), ("pool:0", "pool:0"), ("pool:0", "pool:0", "event:hot")))
        self._houses = rng.choice(((), (), ("pool:0",), ("event:house",)))
        self._diners = rng.randint(1, 3) if self._houses else 0

    def _draw_kinds(self, rng: Random) -> frozenset[str]:
        """A few kinds of trouble, or, now and then, none."""
        return frozenset(kind for kind in KINDS if rng.random() < 0.25 and self.seed % 12)

    def _draw_limits(self, rng: Random) -> None:
        crowded, drowsy = self.weather.has("crowded"), self.weather.has("drowsy")
        self.owner_limits = OwnerLimits(
            mailbox_max_commands=rng.choice((2, 4)) if crowded else 1_000,
            batch_max_commands=rng.choice((2, 8, 1_024)),
            expiries_max_per_append=rng.choice((1, 2, 5_000)),
            page_max_reservations=rng.choice((1, 500)),
            passivate_after_s=1.5 if drowsy else 300.0,
            set_aside_s=3.0,
        )
        self.gateway_limits = GatewayLimits(
            request_deadline_ms=rng.choice((800, 2_500, 5_000)),
            ask_timeout_ms=rng.choice((400, 2_000)),
            outbox_max_commands=rng.choice((2, 4)) if crowded else 1_000,
            outbox_max_calls=rng.choice((1, 1, 2)),
            batch_max_commands=rng.choice((1, 4, 1_024)),
        )

    @property
    def house_ids(self) -> list[str]:
        return list(self.houses)

    @property
    def inventory_ids(self) -> list[str]:
        return [*self.event_ids, *self.houses]

    # --- what the parts are made with -----------------------------------------------------------------

    def rng(self, what: str) -> Random:
        return Random(f"{self.seed}/{what}")

    def true_ms(self) -> int:
        return EPOCH_MS + int(self.loop.now_s * 1000)

    def true_s(self, ms: int) -> float:
        return (ms - EPOCH_MS) / 1000

    def ms(self, true_s: float) -> int:
        return EPOCH_MS + int(true_s * 1000)

    def expiry_due_s(self, inventory_id: str, end_s: float) -> float:
        """By when a hold of that inventory that ends at `end_s` must have been noted as ended."""
        timer = timer_name(part_of(inventory_id, self._timer_parts))
        owners = self._placements[inventory_id]
        ways = [way(timer, owner) for owner in owners]
        return self.outages.deadline_s(
            [STORE, timer, inventory_id, *owners, *ways], end_s, self.clocks.skew_s
        )

    def routing_max_s(self) -> float:
        """How long asking the directory may take, before a command is on its way."""
        return self.gateway_limits.request_deadline_ms / 1000

    @property
    def abandoned_s(self) -> float:
        """After how long a gateway leaves a call to itself that never returns."""
        limits = self.gateway_limits
        return (limits.request_deadline_ms + limits.grace_ms + limits.ask_timeout_ms) / 1000 + SWEEP_S

    def new_session(self, whose: str) -> SimStore:
        return SimStore(self, whose)

    def new_owner(
        self, name: str, session: OwnerStore, clock: SimClock, leave: Callable[[], None]
    ) -> InventoryOwner:
        return self.parts.owner(name, session, clock, Quiet(), Meter(), leave, self.owner_limits)

    def new_id(self) -> str:
        return f"{self._ids.getrandbits(128):032x}"

    def new_key(self) -> Key:
        return Key(self._ids.randbytes(16), b"body")

    def new_terms(self, rng: Random) -> Terms:
        return Terms(
            name="A show",
            starts_at_ms=EPOCH_MS + 3_600_000,
            currency="EUR",
            ticket_types=(
                TicketType(
                    "std", "Standard", rng.choice((2, 4, 10)), rng.choice((0, 10, 10)), rng.choice((None, 2))
                ),
                TicketType("vip", "Premium", rng.choice((1, 2)), 30),
                TicketType("seat", "Seat", rng.choice((3, 5)), 20, categories=("A",)),
                TicketType("child", "Seat, child", 5, 5, categories=("A",)),
            ),
            seating=Seating(self.new_id(), PLAN_ID),  # a venue each: they may be at one time
            sales_end_ms=rng.choice((None, None, EPOCH_MS + 8_000)),
            capacity=rng.choice((None, None, 4)),
            hold_duration_s=rng.choice((10, 10, 13)),
            max_per_customer=rng.choice((None, None, 3)),
            cancel_until_ms=rng.choice((None, EPOCH_MS + 9_000, EPOCH_MS + 3_600_000)),
            hold_extensions_max=rng.choice((0, 1, 3)),
            one_per_customer=rng.choice((False, False, False, True)),
            payment=rng.choice(("none", "required")),
        )

    # --- evidence -------------------------------------------------------------------------------------

    def note(self, what: str) -> None:
        self.trace.append((self.loop.now_s, what))

    def told(self, attempt: Attempt, reply: Reply) -> None:
        row = self.database.inventory(getattr(reply, "id", attempt.inventory_id))
        attempt.reply, attempt.answered_s, attempt.seq = reply, self.loop.now_s, row.seq if row else 0
        self.note(f"#{attempt.number} {attempt.client} {brief(attempt.command)}: {brief(reply)}")

    def answered(self, incarnation: Incarnation, received_s: float, payload: bytes, answers: bytes) -> None:
        session = self._number(incarnation.session)
        self.history.answered.append(
            Answered(str(incarnation), session, received_s, self.loop.now_s, payload, answers)
        )

    def committed(self, entry: Append, scope: str) -> None:
        commit = Commit(self.loop.now_s, entry.at_ms, entry.seq + 1)
        self.note(f"commit {entry.inventory_id[:4]} epoch {entry.epoch} seq {commit.seq}")
        self.history.commits[entry.inventory_id, commit.seq] = commit
        for position, request in enumerate(entry.requests):
            effect = Commit(commit.at_s, commit.at_ms, commit.seq, position)
            self.history.effects.setdefault((scope, request.request_id), effect)

    def placed(self, inventory_id: str, owner: str) -> None:
        self._placements.setdefault(inventory_id, set()).add(owner)

    def claimed(self, inventory_id: str, session: SimStore | None) -> None:
        claim = Claim(self.loop.now_s, None if session is None else self._number(session))
        if session is not None and inventory_id in self.resting:
            self.resting.remove(inventory_id)
            self.revived += not self.weather.is_calm
        self.history.claims.setdefault(inventory_id, []).append(claim)
        self.note(
            f"{inventory_id[:4]} {'is moved' if session is None else f'claimed by session {claim.session}'}"
        )

    def _number(self, session: SimStore) -> int:
        return self._sessions.setdefault(session, len(self._sessions))

    def trace_hash(self) -> str:
        """Of all that happened, to compare two runs of one seed."""
        digest = hashlib.sha256(repr(self.trace).encode())
        for inventory_id in self.inventory_ids:
            digest.update(repr(self.database.journal(inventory_id)).encode())
        return digest.hexdigest()

    # --- its course -----------------------------------------------------------------------------------

    @contextmanager
    def play(self) -> Iterator[World]:
        """Run it to its end; the loop is let go afterwards."""
        try:
            with patch.object(clock, "ANCHOR_EVERY_S", self.clocks.anchor_every_s):
                self.loop.run_until_complete(self.loop.main.spawn(self._course()))
            self.wrong += self.loop.wrong
            yield self
        finally:
            self.loop.finish()

    async def _course(self) -> None:
        nemesis = Nemesis(self)
        operator, staff = Operator(self, "operator"), Staff(self, "staff")
        await self._begin()
        for owner in self._owners:
            opening = operator.process.spawn(operator.open(owner))
            await asyncio.wait((opening,))
            self.event_ids.append(opening.result())
        for owner in self._houses:
            await asyncio.wait((staff.process.spawn(staff.open(owner)),))
        nemesis.start()
        buyers = max(1, self._buyers - self._diners)
        clients = [operator.start(), *(Buyer(self, f"buyer{n}").start() for n in range(buyers))]
        clients += [Gatekeeper(self, f"gate{n}").start() for n in range(2)]
        if self._houses:
            clients += [staff.start(), *(Diner(self, f"diner{n}").start() for n in range(self._diners))]
        await asyncio.wait(clients, timeout=COURSE_MAX_S)
        nemesis.stop()
        self.note("calm")
        await asyncio.wait(clients)
        for client in clients:
            client.result()  # one that breaks asks nothing more, and proves nothing
        await asyncio.sleep(self._settled_s())
        await asyncio.wait((Retrier(self, "retrier").start(),))

    async def _begin(self) -> None:
        self.start_timers()
        await asyncio.wait([front.started for front in self.fronts])

    def _settled_s(self) -> float:
        """How long it takes from now on until nothing is held any more."""
        holds = [
            stored.reservation.expires_at_ms
            for inventory_id in self.inventory_ids
            for stored in self.database.tables.live(inventory_id, None, 10_000)
            if stored.reservation.status.on_hold
        ]
        last_ms = max(holds, default=self.true_ms())
        left_s = max(0.0, (last_ms - self.true_ms()) / 1000)
        return left_s + max(self.owner_limits.set_aside_s, self.clocks.settled_s) + 8.0

    def _new_front(self) -> Front:
        self._fronts_made += 1
        return Front(self, self._fronts_made)

    def lose(self, front: Front) -> None:
        """It dies with what it was asked."""
        self.fronts.remove(front)
        front.process.kill()
        self.history.deaths[front.process.name] = self.loop.now_s

    async def open_front(self) -> None:
        """Another one; it can be asked as soon as its clock is right."""
        front = self._new_front()
        await asyncio.wait((front.started,))
        self.fronts.append(front)

    def start_timers(self) -> None:
        """All that do not live."""
        for part in range(self._timer_parts):
            if part not in self.timers or not self.timers[part].process.alive:
                self._timers_made += 1
                self.timers[part] = SimTimer(self, part, self._timer_parts, self._timers_made)

    def timer_is_back(self) -> None:
        """As Ray does it: one that has died is made again, after a while."""
        self.start_timers()


def has_restaurants(seed: int) -> bool:
    """Whether that seed's scenario has any."""
    world = World(seed)
    world.loop.finish()
    return bool(world._houses)
