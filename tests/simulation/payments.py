"""Payments under faults: workers that die at any step, a provider that loses, delays and doubles.

Around the events, owners and gateways of `tests.simulation.world`, with all that befalls these. What holds in
the end (I4) is said by the provider's own books and the event's journal, not by the saga's rows: every amount
that was captured is the price of what is confirmed, plus what went back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, TypeVar

from msgspec.structs import replace

from actors.gateway import Key
from actors.meter import Meter
from actors.payment_ports import Wallets, Written
from actors.payments import PaymentLimits, PaymentWorker
from domain.event_messages import (
    BeginPayment,
    CancelEvent,
    CancelReservation,
    CreateEvent,
    EventReply,
    PlaceHold,
    Reservation,
    ReservationReply,
    Terms,
    TicketType,
)
from domain.kinds import Command, Reply
from domain.messages import Code, Rejected
from domain.payment import NewPayment, Payment, Standing, Step
from domain.provider_answers import (
    Captured,
    Declined,
    NeedsAction,
    PaidBack,
    PaidOut,
    Prepared,
    Returned,
    Said,
    SaidOfPayout,
    SaidOfRefund,
    Unclear,
    Unknown,
    Working,
)
from domain.refund import NewRefund, Reason, Refund, RefundStep
from persistence.payments_memory import MemoryPayments
from persistence.store import OutcomeUnknown
from tests.simulation.fold import Fold
from tests.simulation.fronts import Front
from tests.simulation.nemesis import Nemesis
from tests.simulation.world import EPOCH_MS, World

T = TypeVar("T")
QUIET_MAX_S = 300.0
LIMITS = PaymentLimits(lease_ms=4_000, poll_s=0.2, poll_max_s=0.2, provider_timeout_s=1.5)
TWO_STEP = "two_step"
METHODS = (
    "success",
    "success",
    "success",
    "declined",
    "needs_action",
    "delayed",
    "silent",
    TWO_STEP,
    TWO_STEP,
)
ASKED_AGAIN_S = 0.2
KEY_KEPT_S = (0.1, 6.0)
"""A provider forgets in between under which key it was told of a payment."""


@dataclass
class Charge:
    """What the provider has under one key."""

    state: str
    amount: int
    currency: str
    ready_s: float = 0.0


@dataclass
class Back:
    """A refund: it may be on its way for long, fail, even after it was done, and be made by hand then."""

    refund: Refund
    state: str
    courses: list[str] = field(default_factory=list)
    """What it will come to, one after the other."""


COURSES = (
    ("done",),
    ("done",),
    ("done",),
    ("working", "done"),
    ("working", "failed", "done"),
    ("working", "failed"),
    ("done", "failed"),
    ("done", "failed", "done"),
)


@dataclass
class SimProvider:
    """A provider with a memory of its own, some milliseconds away. `calm`: it answers every time. What is
    paid in two steps is charged under a name of its own, and found under its key for some time only."""

    world: World
    rng: Random
    calm: bool = False
    charges: dict[str, Charge] = field(default_factory=dict)
    refunds: dict[str, Back] = field(default_factory=dict)
    """By key."""
    paid_out: dict[str, Charge] = field(default_factory=dict)
    """By key."""
    turns: int = 0
    """That refunds will still take."""
    tells: ClassVar[tuple[int, ...]] = (1, 2)
    """How often of each of them."""
    courses: ClassVar[tuple[tuple[str, ...], ...]] = COURSES

    def __post_init__(self) -> None:
        self.dice = self.world.rng("refunds")
        self.tells_unasked = self.world.seed % 2 == 0

    names: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Of what is paid in two steps: by key, and until when it is kept."""

    async def charge(self, key: str, payment: Payment) -> Said:
        charge = self._in_two_steps if payment.method == TWO_STEP else self._charge
        return await self._far(lambda: charge(key, payment))

    async def look_up(self, key: str, payment: Payment) -> Said:
        if payment.method != TWO_STEP:
            return await self._far(lambda: self._said(key))
        ref = payment.provider_ref
        return Unknown() if ref is None else await self._far(lambda: self._said(ref))

    async def cancel(self, key: str, payment: Payment) -> Said:
        if payment.method != TWO_STEP:
            return await self._far(lambda: self._cancel(key, payment))
        ref = payment.provider_ref
        if ref is None:
            return Declined("No.", "never confirmed")
        return await self._far(lambda: self._cancel(ref, payment))

    async def pay_back(self, key: str, refund: Refund) -> SaidOfRefund:
        def work() -> SaidOfRefund:
            if key not in self.refunds:
                first, *later = COURSES[0] if self.calm else self.dice.choice(self.courses)
                self.refunds[key] = Back(refund, first, later)
                self.turns += len(later)
                self._later(key)
            match self.refunds[key].state:
                case "done":
                    return PaidBack(key)
                case "working":
                    return Working(key)
            return Returned("the card is gone")

        return await self._far(work)

    async def pay_out(self, key: str, payment: Payment) -> SaidOfPayout:
        def work() -> SaidOfPayout:
            if key not in self.paid_out:
                state = "declined" if payment.method in ("declined", "silent") else "working"
                ready_s = self.world.loop.now_s + self.dice.choice((0.0, 0.0, 6.0))
                self.paid_out[key] = Charge(state, payment.amount or 0, payment.currency or "", ready_s)
            out = self.paid_out[key]
            if out.state == "working" and out.ready_s <= self.world.loop.now_s:
                out.state = "paid"
            if out.state == "declined":
                return Declined("No.", "closed")
            return PaidOut(key) if out.state == "paid" else Working(key)

        return await self._far(work)

    def back_of(self, payment_id: str, *states: str) -> int:
        """So much of that payment stands so."""
        own = [one for one in self.refunds.values() if one.refund.payment_id == payment_id]
        return sum(one.refund.amount for one in own if one.state in states)

    def _later(self, key: str) -> None:
        if self.refunds[key].courses:
            self.world.main_later(self.dice.uniform(0.3, 15.0), lambda: self._turn(key))

    def _turn(self, key: str) -> None:
        """It comes to something else, which is told, perhaps twice, or perhaps not at all."""
        back = self.refunds[key]
        back.state, self.turns = back.courses.pop(0), self.turns - 1
        named = (f"{key} {len(back.courses)}", back.refund.payment_id, back.refund.id)
        for _ in range(self.dice.choice(self.tells)):
            self.world.main_later(self.dice.uniform(0.0, 2.0), lambda: self.world.webhook("sim", *named))
        self._later(key)

    def _charge(self, key: str, payment: Payment) -> Said:
        state = {"declined": "declined", "needs_action": "asked", "delayed": "working"}
        ready_s = self.world.loop.now_s + self.rng.uniform(0.5, 12.0)
        if payment.method != "silent" or self.calm or self.rng.random() < 0.3:
            fresh = Charge(
                state.get(payment.method, "captured"), payment.amount or 0, payment.currency or "", ready_s
            )
            self.charges.setdefault(key, fresh)
        return self._said(key)

    def _in_two_steps(self, key: str, payment: Payment) -> Said:
        if payment.provider_ref is None:
            return Prepared(self._made(key, payment))
        charge = self.charges[payment.provider_ref]
        if charge.state == "made":
            charge.state = self.rng.choice(("captured", "captured", "asked", "working", "declined"))
            charge.ready_s = self.world.loop.now_s + self.rng.uniform(0.5, 12.0)
        return self._said(payment.provider_ref)

    def _made(self, key: str, payment: Payment) -> str:
        name, kept_until_s = self.names.get(key, ("", 0.0))
        if self.world.loop.now_s >= kept_until_s:
            name = f"{key}#{len(self.charges)}"
            self.charges[name] = Charge("made", payment.amount or 0, payment.currency or "")
            self.names[key] = name, self.world.loop.now_s + self.rng.uniform(*KEY_KEPT_S)
        return name

    def _cancel(self, key: str, payment: Payment) -> Said:
        self._said(key)
        charge = self.charges.setdefault(key, Charge("cancelled", 0, ""))
        if charge.state not in ("captured", "declined"):
            charge.state = "cancelled"
        return self._said(key)

    def _said(self, key: str) -> Said:
        charge = self.charges.get(key)
        if charge is None:
            return Unknown()
        if charge.state in ("asked", "working") and charge.ready_s <= self.world.loop.now_s:
            acts = charge.state == "working" or self.rng.random() < 0.7
            charge.state = "captured" if acts else "declined"
        match charge.state:
            case "captured":
                return Captured(key, charge.amount, charge.currency)
            case "asked":
                return NeedsAction(key, "https://bank.example/act")
            case "working":
                return Working(key)
            case "made":
                return Prepared(key)
        return Declined("No.", charge.state)

    async def _far(self, work: Callable[[], T]) -> T | Unclear:
        """There and back: the question or the answer may be lost, late, or the question said twice."""
        fate = 1.0 if self.calm else self.rng.random()
        await asyncio.sleep(self.rng.uniform(0.0, 0.2))
        if fate < 0.08:
            return Unclear("the question was lost")
        self.world.touched()
        answer = work()
        self.world.touched()
        if fate < 0.16:
            self.world.main_later(self.rng.uniform(0.0, 3.0), work)  # said twice
        if fate < 0.3:
            await asyncio.sleep(self.rng.choice((0.0, 5.0)))
            return Unclear("the answer was lost")
        await asyncio.sleep(self.rng.uniform(0.0, 0.2))
        return answer


class SimPayments(MemoryPayments):
    """The relation of payments, some milliseconds away from each worker."""

    def __init__(self, world: PaymentWorld) -> None:
        super().__init__(world.clocks.store_ms, world.database.tables)
        self._world = world
        self._rng = world.rng("payments' store")
        self.writes = 0

    async def take(self, limit: int, lease_ms: int) -> list[Payment]:
        return await self._far(lambda: super(SimPayments, self).take(limit, lease_ms))

    async def take_refunds(self, limit: int, lease_ms: int) -> list[Refund]:
        return await self._far(lambda: super(SimPayments, self).take_refunds(limit, lease_ms))

    async def write(self, written: Any) -> set[str]:
        self.writes += 1
        self._world.touched()
        kept = await self._far(lambda: super(SimPayments, self).write(written))
        self._world.touched()
        return kept

    async def refund_ended(self, limit: int) -> int:
        return await self._far(lambda: super(SimPayments, self).refund_ended(limit))

    async def _far(self, work: Callable[[], Awaitable[T]]) -> T:
        fate = 1.0 if self._world.calm else self._rng.random()
        await asyncio.sleep(self._rng.uniform(0.0, 0.02))
        if fate < 0.03:
            raise OutcomeUnknown("the question was lost")
        answer = await work()
        if fate < 0.06:
            raise OutcomeUnknown("the answer was lost")
        await asyncio.sleep(self._rng.uniform(0.0, 0.02))
        return answer


class Asks:
    """A worker's way to owners: the gateway of its own process."""

    def __init__(self, world: PaymentWorld, front: Front) -> None:
        self._world = world
        self._front = front

    async def ask(self, inventory_id: str, command: Command, key: Key | None = None) -> Reply:
        self._world.touched()
        reply = await self._front.gateway.ask(inventory_id, command, key)
        self._world.touched()
        return reply


class PaymentWorld(World):
    """Buyers who pay for tickets of one event."""

    worker: type[PaymentWorker] = PaymentWorker

    def __init__(self, seed: int, payments: int = 12) -> None:
        super().__init__(seed)
        self.calm = False
        self._wanted = payments
        self.payments = SimPayments(self)
        self.provider = SimProvider(self, self.rng("provider"))
        self.wallets: Wallets | None = None
        self.workers: list[Front] = []
        self.event_id = ""
        self.kills = 0
        self._dice = self.rng("course")

    def main_later(self, delay_s: float, work: Callable[[], object]) -> None:
        self.loop.main.later(delay_s, work)

    def webhook(self, provider: str, event_id: str, payment_id: str, refund_id: str) -> None:
        """What a front end does with a provider's webhook."""
        self.loop.create_task(self.payments.hear(provider, event_id, payment_id, refund_id))

    def touched(self) -> None:
        """A worker is about to do something elsewhere, or has done it. A test may end it there."""

    async def _course(self) -> None:
        nemesis = Nemesis(self)
        await self._begin()
        await self._open()
        for _ in range(2):
            self._start_worker()
        nemesis.start()
        reaper = asyncio.create_task(self._reap())
        buyers = [asyncio.create_task(self._buyer(n)) for n in range(self._wanted)]
        await asyncio.wait(buyers)
        for buyer in buyers:
            buyer.result()
        if self._dice.random() < 0.3:
            await self._ask(self.event_id, CancelEvent())
        nemesis.stop()
        reaper.cancel()
        self._replace_the_dead()
        self.calm = self.provider.calm = True
        await self._quiet()

    async def _open(self) -> None:
        self.event_id = await self._opened("pool:0")

    async def _opened(self, owner: str) -> str:
        """An event that takes money."""
        quota = self._dice.choice((3, self._wanted, 4 * self._wanted))
        terms = Terms(
            "A show",
            EPOCH_MS + 3_600_000,
            "EUR",
            (TicketType("std", "Standard", quota, 10), TicketType("vip", "Premium", 3, 30)),
            hold_duration_s=self._dice.choice((10, 20)),
            cancel_until_ms=EPOCH_MS + 3_600_000,
            payment="required",
            cancel_keeps_percent=self._dice.choice((0, 30, 100)),
        )
        attempt = None
        while attempt is None or not isinstance(attempt.reply, EventReply):
            attempt, task = self.fronts[0].create("test", CreateEvent(self.new_id(), terms), owner, None)
            await asyncio.wait((task,))
            if not isinstance(attempt.reply, EventReply):
                await asyncio.sleep(ASKED_AGAIN_S)
        self.event_ids.append(attempt.reply.id)
        return attempt.reply.id

    # --- workers ------------------------------------------------------------------------------------

    def _start_worker(self) -> None:
        front = self._new_front()
        self.workers.append(front)

        async def work() -> None:
            await front.started
            worker = self.worker(
                self.payments,
                Asks(self, front),
                {"sim": self.provider},
                front.clock,
                Meter(),
                LIMITS,
                self.wallets,
            )
            await worker.run()

        front.process.spawn(work())

    async def _reap(self) -> None:
        """Kill one, between any two of its steps; another one comes."""
        rng = self.rng("reaper")
        while True:
            await asyncio.sleep(rng.uniform(0.05, 2.5))
            victim = rng.choice(self.workers)
            victim.process.fuse = rng.randint(1, 40)
            await asyncio.sleep(0.3)
            self._replace_the_dead()

    def _replace_the_dead(self) -> None:
        for one in list(self.workers):
            one.process.fuse = -1
            if not one.process.alive:
                self.workers.remove(one)
                self.kills += 1
                self._start_worker()

    # --- buyers -------------------------------------------------------------------------------------

    async def _buyer(self, number: int) -> None:
        rng = self.rng(f"buyer {number}")
        await asyncio.sleep(rng.uniform(0.0, 8.0))
        lines = rng.choice(((("std", 1),), (("std", 2),), (("std", 1), ("vip", 1)), (("vip", 1),)))
        place = PlaceHold(self.new_id(), lines, f"{number}".encode(), b"{}")
        held = await self._ask(self.event_id, place)
        if not isinstance(held, ReservationReply):
            return
        for _ in range(rng.choice((1, 1, 2))):
            await asyncio.sleep(rng.choice((0.0, rng.uniform(0.0, 2.0), rng.uniform(5.0, 12.0))))
            payment = await self._pay(held.reservation, rng)
            if payment is None:
                return
            ended = await self._followed(payment.id, rng)
            if ended.standing is Standing.CAPTURED and rng.random() < 0.5:
                await self._afterwards(ended, held.reservation, rng)
                return

    async def _pay(self, held: Reservation, rng: Random) -> Payment | None:
        """What a front end does with the request."""
        now_ms = self.clocks.store_ms()
        payment = Payment(
            id=self._uuid(),
            inventory_id=self.event_id,
            reservation_id=held.id,
            provider="sim",
            deadline_ms=now_ms + rng.choice((2_000, 8_000, 30_000)),
            method=rng.choice(METHODS),
        )
        accepted = await self.payments.accept(NewPayment(payment=payment, request_id=rng.randbytes(16)))
        assert isinstance(accepted, Payment)
        begun = BeginPayment(held.id, payment.id, payment.deadline_ms)
        reply = await self._ask(self.event_id, begun)
        refused = isinstance(reply, Rejected) and reply.code not in (Code.UNAVAILABLE, Code.OVERLOADED)
        return None if refused else accepted

    async def _followed(self, payment_id: str, rng: Random) -> Payment:
        """Until it has ended, or the buyer is tired of waiting."""
        for _ in range(rng.randint(5, 80)):
            await asyncio.sleep(0.5)
            found = await self.payments.find(payment_id)
            assert found is not None
            if found.step is Step.DONE:
                return found
        return found

    async def _afterwards(self, paid: Payment, held: Reservation, rng: Random) -> None:
        """Cancelled by its holder, or paid back by the operator: in part, a ticket of it, or all; twice."""
        match rng.randint(0, 4):
            case 0:
                await self._ask(self.event_id, CancelReservation(held.id))
            case 1:
                await self._refund(paid, rng, None, Reason.OPERATOR)
            case 2:
                await self._refund(paid, rng, rng.randint(1, paid.amount or 1), Reason.CONCESSION)
            case 3 if held.lines[0].quantity > 1:
                line = held.lines[0]
                lines = ((line.ticket_type, line.quantity - 1),)
                await self._refund(
                    paid, rng, line.unit_price, Reason.LINES, lines, ((line.ticket_type, line.quantity),)
                )
            case _:
                await self._refund(paid, rng, None, Reason.OPERATOR)
                await self._ask(self.event_id, CancelReservation(held.id))

    async def _refund(
        self,
        paid: Payment,
        rng: Random,
        amount: int | None,
        reason: Reason,
        lines: Any = (),
        before: Any = (),
    ) -> None:
        for _ in range(rng.choice((1, 1, 2))):
            wanted = NewRefund(
                id=self._uuid(),
                payment_id=paid.id,
                amount=amount,
                reason=reason,
                request_id=rng.randbytes(16),
                lines=lines,
                before=before,
            )
            await self.payments.refund(wanted)

    async def _ask(self, event_id: str, command: Command) -> Reply:
        front = self._dice.choice(self.fronts)
        attempt, task = front.ask("buyer", event_id, command, None)
        await asyncio.wait((task,), timeout=20.0)
        return attempt.reply or Rejected(Code.UNAVAILABLE, "")

    def _uuid(self) -> str:
        text = self.new_id()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    async def _quiet(self) -> None:
        """Until nothing is to be done any more; what never comes to an end is found by `money_wrong`."""
        until_s = self.loop.now_s + QUIET_MAX_S
        while self.loop.now_s < until_s:
            await asyncio.sleep(1.0)
            waits = self.provider.turns or any(
                row.wake_ms is not None and row.what.step is not RefundStep.FAILED
                for row in self.payments.rows.values()
            )
            held = self._settled_s() > self.clocks.settled_s + self.owner_limits.set_aside_s + 8.0
            if not waits and not held and not self.database.tables.paid_ends:
                break
        await asyncio.sleep(self._settled_s())


def money_wrong(world: PaymentWorld) -> Iterator[str]:
    """I4, over the provider's books and the journals; and that rows say the same."""
    confirmed: dict[str, int] = {}
    kept: dict[str, int] = {}
    for event_id in world.event_ids:
        fold = Fold(event_id).read(world.database.journal(event_id))
        yield from fold.wrong or fold.compare(world.database.tables.inventories[event_id])
        if fold.stage.value != "cancelled":
            confirmed |= {
                found.paid_by.payment_id: sum(line.quantity * line.unit_price for line in found.lines)
                for found in fold.reservations.values()
                if found.status == "confirmed" and found.paid_by is not None
            }
        kept |= {
            found.paid_by.payment_id: found.paid_by.kept
            for found in fold.reservations.values()
            if found.paid_by is not None and found.paid_by.kept
        }
    if world.database.tables.paid_ends:
        yield "what was paid and is cancelled is left over"
    for payment in world.payments.payments:
        if payment.parts:
            yield from _wrong_with_purchase(world, payment, kept)
        else:
            yield from _wrong_with(world, payment, (confirmed | kept).get(payment.id, 0))


def _captured(world: PaymentWorld, payment_id: str) -> list[int]:
    """What the provider has, charge by charge."""
    return [
        charge.amount
        for key, charge in world.provider.charges.items()
        if key.startswith(payment_id) and charge.state == "captured"
    ]


def _taken(world: PaymentWorld, payment: Payment) -> int:
    """Of the payment; of a part its share, if the whole was taken as it should have been."""
    if payment.whole_id is None:
        return sum(_captured(world, payment.id))
    whole = world.payments.rows[payment.whole_id].what
    taken = sum(_captured(world, payment.whole_id))
    return (payment.amount or 0) if taken == whole.amount else taken


def _wrong_with_purchase(world: PaymentWorld, whole: Payment, cancelled: Container[str]) -> Iterator[str]:
    """All was bought, or nothing; but for what its holder has cancelled, and something was kept of."""
    said = f"purchase {whole.id[:4]} {whole.standing.value} at {whole.step.value}"
    own = [one for one in world.payments.payments if one.whole_id == whole.id]
    parts = [one for one in own if one.id not in cancelled]
    late = {one.payment_id for one in world.payments.refunds if one.reason is Reason.LATE}
    bought = [one for one in parts if one.captured and one.id not in late]
    if whole.step is not Step.DONE:
        yield f"I4 {said}: it never ends"
    if len(own) != len(whole.parts) or len(bought) not in (0, len(parts)):
        yield f"{said}: {len(bought)} of {len(parts)} were bought"
    if len(_captured(world, whole.id)) > 1:
        yield f"I4 {said}: captured more than once"


def _wrong_with(world: PaymentWorld, payment: Payment, price: int) -> Iterator[str]:
    captured = _taken(world, payment)
    back, owed = (world.provider.back_of(payment.id, state) for state in ("done", "failed"))
    own = [refund for refund in world.payments.refunds if refund.payment_id == payment.id]
    by_operator = (Reason.CONCESSION, Reason.OPERATOR)
    made = (RefundStep.DONE, RefundStep.FAILED)
    conceded = sum(one.amount for one in own if one.reason in by_operator and one.step in made)
    kept_price = max(price - conceded, 0) if price else 0
    said = f"{payment.id[:4]} {payment.standing.value} at {payment.step.value}"
    if payment.step is not Step.DONE:
        yield f"I4 {said}: it never ends"
    if captured != kept_price + back + owed:
        yield f"I4 {said}: captured {captured}, confirmed or kept {kept_price}, back {back}, owed {owed}"
    if (payment.amount if payment.captured else 0) != captured:
        yield f"I4 {said}: the row says captured {payment.captured}, the provider has {captured}"
    if payment.promised != payment.refunded + owed or payment.refunded != back:
        yield f"I4 {said}: promised {payment.promised}, refunded {payment.refunded}, back {back}"
    if payment.standing is Standing.FAILED and (captured or not payment.error):
        yield f"I4 {said}: failed, with {captured} captured and error {payment.error!r}"


def play(
    seed: int, payments: int = 12, kind: type[PaymentWorld] = PaymentWorld
) -> tuple[list[str], PaymentWorld]:
    """The scenario of that seed, and what was wrong in it."""
    world = kind(seed, payments)
    with world.play():
        wrong = [*world.wrong, *money_wrong(world)]
    return wrong, world


__all__ = ["PaymentWorld", "Written", "money_wrong", "play", "replace"]
