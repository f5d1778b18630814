"""Payment workers: take payments and refunds that something is to be done for, and do it, step by step.

Which step comes next is said by `domain.payment`; here it is done. A worker remembers nothing that matters:
it takes rows for the time of a lease, and who dies leaves a row that the next one takes when the lease is
over, at the step at which it stands. What a step asks of a provider is noted before it is asked and after,
but for looks, and what is asked again, of which nothing new comes; what is noted and the row are written
together. A worker whose lease another has taken writes nothing more.

What is captured is noted before its owner hears of it, unless that is at once, and of a provider that tells
nothing unasked: then it is written with what the owner says. Whoever dies in between leaves a charge that
was asked for, which is asked for again, and is the same one.

What several payments have to say goes to the store together, as commands go to owners.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from actors.gateway import Key
from actors.meter import Meter
from actors.payment_ports import Asks, Note, Now, PaymentStore, Provider, Wallets, Written
from domain.kinds import Reply
from domain.messages import Code, Rejected
from domain.payment import (
    PAUSE_FIRST_MS,
    Payment,
    Step,
    Turn,
    after_owners,
    after_provider,
    after_wallet,
    again,
    next_step,
    owner_command,
)
from domain.payout import after_pay_out, after_put_back, after_taken_out
from domain.provider_answers import Said, SaidOfPayout, SaidOfRefund, Unclear
from domain.refund import (
    Refund,
    RefundStep,
    RefundTurn,
    after_let_go,
    after_pay_back,
    after_taken,
    let_go_command,
)
from persistence.store import StoreError

log = logging.getLogger(__name__)
T = TypeVar("T")
OF_OWNER = (Step.BEGIN, Step.CONFIRM, Step.GIVE_BACK)
OF_PROVIDER = (Step.CHARGE, Step.LOOK_UP, Step.CANCEL, Step.PAY_OUT)
OF_LEDGER = (Step.TAKE, Step.PUT_BACK, Step.CONFIRM)
"""Of what charges a wallet, or pays out of it."""
OUT_OF_ORDER = (Code.OVERLOADED, Code.UNAVAILABLE)
REFUND_ENDS = (RefundStep.DONE, RefundStep.REFUSED, RefundStep.FAILED)
KEY = "charge"
"""Of all that is asked of a provider for one payment that it charges for."""


Waiting = tuple[Written, asyncio.Future[bool]]
"""And who waits for it."""


@dataclass(frozen=True)
class PaymentLimits:
    """`lease_ms` is longer than the longest step may take: the provider's, and the gateway's deadline beyond
    `owners_asked_max_s`, within which the last part of a purchase is begun to be asked for; or, what was
    captured in `unwritten_max_s`, that and the gateway's. While there is
    nothing to do the pauses between two looks double, from `poll_s` to `poll_max_s`. `begins_late_ms`: longer
    than a front end's command may be under way to its owner."""

    under_way_max_payments: int = 400
    lease_ms: int = 30_000
    poll_s: float = 0.05
    poll_max_s: float = 0.4
    gather_s: float = 0.025
    refunds_every_s: float = 0.2
    owners_asked_max_s: float = 10.0
    provider_timeout_s: float = 10.0
    unwritten_max_s: float = 1.0
    ended_max: int = 500
    begins_late_ms: int = 6_000


class PaymentWorker:
    """See the module."""

    def __init__(
        self,
        store: PaymentStore,
        gateway: Asks,
        providers: Mapping[str, Provider],
        clock: Now,
        meter: Meter,
        limits: PaymentLimits | None = None,
        wallets: Wallets | None = None,
    ) -> None:
        """`wallets`: without them charges of wallets wait."""
        self._wallets = wallets
        self._store = store
        self._gateway = gateway
        self._providers = providers
        self._clock = clock
        self._meter = meter
        self._limits = limits or PaymentLimits()
        self._under_way: set[asyncio.Task[None]] = set()
        self._unwritten: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._refunds_at_s = 0.0

    async def run(self) -> None:
        """For ever. While there is something to do it is looked for at once again, but for the pause in which
        more of it gathers; the longer there was nothing, the less often. A store that does not answer is
        asked again a moment later."""
        limits = self._limits
        pause_s = limits.poll_s
        while True:
            found = False
            try:
                found = await self.take()
            except StoreError as error:
                log.warning("payments cannot be taken", extra={"error": repr(error)})
            except Exception:
                log.exception("taking payments failed")
            longer_s = min(max(2 * pause_s, limits.poll_s), limits.poll_max_s)
            pause_s = limits.gather_s if found else longer_s
            await asyncio.sleep(pause_s)

    async def take(self) -> bool:
        """Begin with as many as there is room for; True if there may be more soon."""
        limits = self._limits
        room = limits.under_way_max_payments - len(self._under_way)
        if room <= 0:
            return True
        payments = await self._store.take(room, limits.lease_ms)
        for payment in payments:
            self._keep(self._pay(payment))
        ended = await self._take_refunds(max(room - len(payments), 1)) if self._is_refunds_turn() else 0
        return bool(payments) or ended == limits.ended_max

    def _is_refunds_turn(self) -> bool:
        """Money that goes back is looked for less often: nobody waits for it with a page open."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._refunds_at_s:
            return False
        self._refunds_at_s = now_s + self._limits.refunds_every_s
        return True

    async def _take_refunds(self, limit: int) -> int:
        """How many cancelled payments were met."""
        ended = await self._store.refund_ended(self._limits.ended_max)
        for refund in await self._store.take_refunds(limit, self._limits.lease_ms):
            self._keep(self._refund(refund))
        return ended

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    # --- one payment --------------------------------------------------------------------------------

    async def _pay(self, payment: Payment) -> None:
        """Step after step, until it has to wait, is done, or is another's. What the next step will ask of
        the provider is written down with what came of the one before."""
        loop = asyncio.get_running_loop()
        try:
            step = next_step(payment, self._clock.now_ms())
            if step in OF_PROVIDER:
                await self._before(payment, _asking(payment, step))
            notes: tuple[Note, ...] = ()
            while True:
                asked_s = loop.time()
                turn, said = await self._step(payment, step)
                notes += _news(payment, turn.payment, said, step is Step.LOOK_UP)
                payment = turn.payment
                goes_on = not turn.pause_ms and payment.step is not Step.DONE
                step = next_step(payment, self._clock.now_ms())
                soon = loop.time() - asked_s < self._limits.unwritten_max_s
                if step is Step.CONFIRM and goes_on and soon and self._is_silent(payment.provider):
                    continue
                if goes_on and step in OF_PROVIDER:
                    notes += _asking(payment, step)
                kept = await self._write(Written(payment, notes, turn.pause_ms, goes_on, turn.back))
                if not kept or not goes_on:
                    break
                notes = ()
            if kept and payment.step is Step.DONE:
                self._meter.count("payments_ended", labels=(("standing", payment.standing.value),))
        except StoreError as error:
            log.warning("a payment waits for the store", extra={"error": repr(error)})
        except Exception:
            log.exception("a payment's step failed", extra={"payment": payment.id})

    def _is_silent(self, provider_name: str) -> bool:
        """Unless it is asked: then nobody takes a payment that is being charged for before its lease is over,
        and that is not before its owner has been asked too."""
        provider = self._providers.get(provider_name)
        return provider is not None and not provider.tells_unasked

    async def _step(self, payment: Payment, step: Step) -> tuple[Turn, Note]:
        if payment.wallet and step in OF_LEDGER:
            return await self._ledger_step(payment, step)
        if step is Step.PAY_OUT:
            key = _key(payment, step)
            paid = await self._paid_out(payment, key)
            return after_pay_out(payment, paid), Note(payment.id, step.value, key, repr(paid))
        if step in OF_OWNER:
            replies = await self._ask_owners(payment, step)
            said = ", ".join(_said(reply) for reply in replies)
            after = after_owners(payment, step, replies, self._limits.begins_late_ms)
            return after, Note(payment.id, step.value, "", said)
        key = _key(payment, step)
        answer = await self._asked(payment, step, key)
        return after_provider(payment, step, answer), Note(payment.id, step.value, key, repr(answer))

    async def _ledger_step(self, payment: Payment, step: Step) -> tuple[Turn, Note]:
        """Of a payment that charges a wallet, or pays out of it."""
        if self._wallets is None:
            return again(payment, PAUSE_FIRST_MS), Note(payment.id, step.value, "", "no ledger")
        if step is Step.TAKE:
            taken = await self._wallets.take_out(payment)
            return after_taken_out(payment, taken), Note(payment.id, step.value, "", repr(taken))
        if step is Step.PUT_BACK:
            back = await self._wallets.put_back(payment)
            return after_put_back(payment, back), Note(payment.id, step.value, "", repr(back))
        assert step is Step.CONFIRM
        given = await self._wallets.give(payment)
        return after_wallet(payment, given), Note(payment.id, "give", "", repr(given))

    async def _ask_owners(self, payment: Payment, step: Step) -> list[Reply]:
        """The answers for its parts, up to the first that refuses, unless all are to be given back. Nothing
        is asked so late that it could happen after another worker has taken the payment."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._limits.owners_asked_max_s
        replies: list[Reply] = []
        for part in payment.paid_for:
            if replies and loop.time() >= until_s:
                break
            reply = await self._gateway.ask(part.inventory_id, owner_command(payment, part, step))
            replies.append(reply)
            if isinstance(reply, Rejected) and (step is not Step.GIVE_BACK or reply.code in OUT_OF_ORDER):
                break
        return replies

    async def _asked(self, payment: Payment, step: Step, key: str) -> Said:
        """What its provider says; a late answer is none."""
        provider = self._providers.get(payment.provider)
        if provider is None:
            return Unclear(f"{payment.provider} is not set up")
        calls: dict[Step, Callable[[str, Payment], Awaitable[Said]]] = {
            Step.CHARGE: provider.charge,
            Step.LOOK_UP: provider.look_up,
            Step.CANCEL: provider.cancel,
        }
        return await self._in_time(calls[step](key, payment))

    async def _paid_out(self, payment: Payment, key: str) -> SaidOfPayout:
        provider = self._providers.get(payment.provider)
        if provider is None:
            return Unclear(f"{payment.provider} is not set up")
        return await self._in_time(provider.pay_out(key, payment))

    async def _in_time(self, answer: Awaitable[T]) -> T | Unclear:
        try:
            async with asyncio.timeout(self._limits.provider_timeout_s):
                return await answer
        except TimeoutError:
            return Unclear("no answer in time")

    # --- one refund ---------------------------------------------------------------------------------

    async def _refund(self, refund: Refund) -> None:
        try:
            while True:
                turn, note = await self._refund_step(refund)
                after = turn.refund
                goes_on = not turn.pause_ms and after.step is RefundStep.PAY_BACK
                kept = await self._write(Written(after, _news(refund, after, note), turn.pause_ms, goes_on))
                if not kept or not goes_on:
                    break
                refund = after
            if kept and after.step is not refund.step and after.step in REFUND_ENDS:
                self._meter.count("refunds_ended", labels=(("step", after.step.value),))
            if kept and after.step is RefundStep.FAILED:
                log.warning("a refund failed", extra={"payment": after.payment_id, "refund": after.id})
        except StoreError as error:
            log.warning("a refund waits for the store", extra={"error": repr(error)})
        except Exception:
            log.exception("a refund's step failed", extra={"refund": refund.id})

    async def _refund_step(self, refund: Refund) -> tuple[RefundTurn, Note]:
        if refund.step is RefundStep.LET_GO and refund.wallet:
            taken = Unclear("no ledger") if self._wallets is None else await self._wallets.take(refund)
            return after_taken(refund, taken), Note(refund.payment_id, "take", "", repr(taken))
        if refund.step is RefundStep.LET_GO:
            own = Key(bytes.fromhex(refund.id.replace("-", "")), b"")
            reply = await self._gateway.ask(refund.inventory_id, let_go_command(refund), own)
            return after_let_go(refund, reply), Note(refund.payment_id, "let_go", "", _said(reply))
        asking = Note(refund.payment_id, "refund", refund.key, "asked")
        await self._before(refund, () if refund.pauses else (asking,))
        provider = self._providers.get(refund.provider)
        said: SaidOfRefund = Unclear(f"{refund.provider} is not set up")
        if provider is not None:
            said = await self._in_time(provider.pay_back(refund.key, refund))
        note = Note(refund.payment_id, "refund", refund.key, repr(said))
        return after_pay_back(refund, said, self._clock.now_ms()), note

    # --- what is written down -----------------------------------------------------------------------

    async def _before(self, what: Payment | Refund, notes: tuple[Note, ...]) -> None:
        """Durable before the provider hears of it. Raises StoreError where it is another's by now."""
        if not await self._write(Written(what, notes, goes_on=True)):
            raise StoreError(f"{what.id} is another worker's")

    async def _write(self, written: Written) -> bool:
        """With all that has gathered; False where it is another's by now."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._unwritten.append((written, done))
        if self._writing is None:
            self._writing = loop.create_task(self._write_down())
        return await done

    async def _write_down(self) -> None:
        while self._unwritten:
            some, self._unwritten = _once_each(self._unwritten)
            try:
                kept = await self._store.write([written for written, _ in some])
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                for _, done in some:
                    if not done.done():
                        done.set_exception(error)
                continue
            for written, done in some:
                if not done.done():
                    done.set_result(written.after.id in kept)
        self._writing = None


def _once_each(unwritten: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """The first of each payment and refund, and the others: the store says of which it has kept one, and who
    writes what another has taken, in this process too, is to hear that."""
    first = {written.after.id: number for number, (written, _) in reversed([*enumerate(unwritten)])}
    some = [unwritten[number] for number in sorted(first.values())]
    return some, [one for number, one in enumerate(unwritten) if first[one[0].after.id] != number]


def _asking(payment: Payment, step: Step) -> tuple[Note, ...]:
    """Durable before the provider hears of it. To look moves nothing; a payout that is on its way was asked
    for before."""
    if step is Step.LOOK_UP or (step is Step.PAY_OUT and payment.pauses):
        return ()
    return (Note(payment.id, step.value, _key(payment, step), "asked"),)


def _news(
    before: Payment | Refund, after: Payment | Refund, said: Note, looked: bool = False
) -> tuple[Note, ...]:
    """What was said, unless it is what was said before: who waits for a bank is looked at for days."""
    again = looked or before.pauses > 0
    return () if again and replace(after, pauses=before.pauses) == before else (said,)


def _key(payment: Payment, step: Step) -> str:
    return payment.key(step.value if step is Step.PAY_OUT else KEY)


def _said(reply: Reply) -> str:
    reservation = getattr(reply, "reservation", None)
    if reservation is not None:
        return str(reservation.status.value)
    code = getattr(reply, "code", None)
    return type(reply).__name__ if code is None else str(code.value)
