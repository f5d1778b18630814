"""Payments in memory: what `persistence.payments` promises of them, for simulations and tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from msgspec.structs import replace

from domain.event_messages import ENDS_PAID, Wanted
from domain.messages import Rejected
from domain.payment import (
    KEY_REUSED,
    NO_PAYMENT,
    WAITS_FOR_PROVIDER,
    NewPayment,
    Payment,
    Standing,
    Step,
)
from domain.purchase import part_payments
from domain.refund import NewRefund, Reason, Refund, RefundStep, not_refundable, standing_after_refunds
from persistence.memory_rows import Tables
from persistence.payments import NOTES_MAX, Writing

_LATE = UUID("0d9f3e2b-4f59-4f0e-8a39-6a6f3c0b5a17")


@dataclass
class _Row:
    """A payment's or a refund's row: what it is, and when it may be taken."""

    what: Payment | Refund
    wake_ms: int | None
    request: tuple[bytes, bytes]


@dataclass
class MemoryPayments:
    """`tables`: the memory store that owners write to, for what was paid and is cancelled."""

    now_ms: Callable[[], int]
    tables: Tables = field(default_factory=Tables)
    rows: dict[str, _Row] = field(default_factory=dict)
    notes: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    """(at_ms, payment, step, key, result)."""
    lease_ms: int = 30_000
    heard: set[tuple[str, str]] = field(default_factory=set)
    """Events of providers, by their names."""

    @property
    def payments(self) -> list[Payment]:
        return [row.what for row in self.rows.values() if isinstance(row.what, Payment)]

    @property
    def refunds(self) -> list[Refund]:
        return [row.what for row in self.rows.values() if isinstance(row.what, Refund)]

    # --- front ends ---------------------------------------------------------------------------------

    async def accept(self, new: NewPayment) -> Payment | Rejected:
        for row in self.rows.values():
            if isinstance(row.what, Payment) and row.request[0] == new.request_id:
                return row.what if row.request[1] == new.fingerprint else KEY_REUSED
        made = replace(new.payment, created_ms=self.now_ms())
        self.rows[made.id] = _Row(made, self.now_ms(), (new.request_id, new.fingerprint))
        for part in part_payments(made):
            self.rows[part.id] = _Row(part, None, (part.id.encode(), b""))
        return made

    async def of_request(self, request_id: bytes, fingerprint: bytes) -> Payment | Rejected | None:
        for row in self.rows.values():
            if isinstance(row.what, Payment) and row.request[0] == request_id:
                return row.what if row.request[1] == fingerprint else KEY_REUSED
        return None

    async def begin_again(self, payment_id: str, deadline_ms: int) -> Payment:
        row = self.rows[payment_id]
        made = row.what
        assert isinstance(made, Payment)
        single = made.reservation_id and made.whole_id is None
        if single and made.standing is Standing.FAILED and made.amount is None:
            begun = replace(made, step=Step.BEGIN, standing=Standing.PENDING, error=None, detail=None)
            made = replace(begun, deadline_ms=deadline_ms, attempts=made.attempts + 1)
            row.what, row.wake_ms = made, self.now_ms()
        return made

    async def find(self, payment_id: str) -> Payment | None:
        row = self.rows.get(payment_id)
        return row.what if row is not None and isinstance(row.what, Payment) else None

    async def changed(self, known: Sequence[Payment]) -> list[Payment]:
        there = [await self.find(one.id) for one in known]
        return [
            now
            for one, now in zip(known, there, strict=True)
            if now is not None and (now.standing, now.refunded) != (one.standing, one.refunded)
        ]

    async def refunds_of(self, payment_id: str) -> list[Refund]:
        return [refund for refund in self.refunds if refund.payment_id == payment_id]

    async def notes_of(self, payment_id: str) -> list[tuple[int, str, str, str]]:
        own = [(at, step, key, said) for at, of, step, key, said in self.notes if of == payment_id]
        return own[-NOTES_MAX:]

    async def of_inventory(
        self, inventory_id: str, standing: Standing | None, after: str | None, limit: int
    ) -> list[Payment]:
        own = [one for one in self.payments if one.inventory_id == inventory_id and one.id > (after or "")]
        fitting = [one for one in own if standing in (None, one.standing)]
        return sorted(fitting, key=lambda one: one.id)[:limit]

    async def find_refund(self, refund_id: str) -> Refund | None:
        return next((one for one in self.refunds if one.id == refund_id), None)

    async def refund_of_request(self, request_id: bytes, fingerprint: bytes) -> Refund | Rejected | None:
        for row in self.rows.values():
            if isinstance(row.what, Refund) and row.request[0] == request_id:
                return row.what if row.request[1] == fingerprint else KEY_REUSED
        return None

    async def hear(self, provider: str, event_id: str, payment_id: str, refund_id: str | None = None) -> bool:
        if (provider, event_id) in self.heard:
            return False
        self.heard.add((provider, event_id))
        row = self.rows[payment_id]
        if row.wake_ms is not None and row.what.step in WAITS_FOR_PROVIDER:
            row.wake_ms = min(row.wake_ms, self.now_ms())
        back = None if refund_id is None else self.rows.get(refund_id)
        if back is not None and back.what.step in (RefundStep.PAY_BACK, RefundStep.DONE, RefundStep.FAILED):
            back.wake_ms = self.now_ms()
            back.what = replace(back.what, attempts=back.what.attempts + 1)
        return True

    async def act(self, payment_id: str, approve: bool) -> bool:
        """There is no sandbox here."""
        return False

    async def refund(self, new: NewRefund) -> Refund | Rejected:
        made = await self.refund_of_request(new.request_id, new.fingerprint)
        if made is not None:
            return made
        payment = await self.find(new.payment_id)
        refusal = NO_PAYMENT if payment is None else not_refundable(payment, new.amount)
        if payment is None or refusal is not None:
            return refusal or NO_PAYMENT
        amount = new.amount or (payment.amount or 0) - payment.promised
        named = (new.lines, new.before, new.first_step)
        return self._promise(payment, new.id, amount, new.reason, (new.request_id, new.fingerprint), named)

    # --- workers ------------------------------------------------------------------------------------

    async def take(self, limit: int, lease_ms: int) -> list[Payment]:
        self.lease_ms = lease_ms
        return [one for one in self._taken(Payment, limit) if isinstance(one, Payment)]

    async def take_refunds(self, limit: int, lease_ms: int) -> list[Refund]:
        return [one for one in self._taken(Refund, limit) if isinstance(one, Refund)]

    async def write(self, written: Sequence[Writing]) -> set[str]:
        kept = set()
        for one in written:
            row = self.rows[one.after.id]
            over = (Step.DONE, RefundStep.DONE, RefundStep.REFUSED)
            if row.what.attempts != one.after.attempts or (row.wake_ms is None and row.what.step in over):
                continue
            self._write(row, one)
            kept.add(one.after.id)
        return kept

    async def refund_ended(self, limit: int) -> int:
        ended = []
        for place in list(self.tables.paid_ends)[:limit]:
            payment = await self.find(place[1])
            if payment is not None and payment.step is Step.DONE:
                ended.append(place)
                rest = (payment.amount or 0) - payment.promised - self._kept(place)
                if payment.captured and rest > 0:
                    refund_id = str(uuid5(UUID(payment.id), f"cancelled {len(self.rows)}"))
                    request = (refund_id.encode(), b"")
                    self._promise(payment, refund_id, rest, Reason.CANCELLED, request)
        for place in ended:
            del self.tables.paid_ends[place]
        return len(ended)

    def _kept(self, place: tuple[str, str]) -> int:
        """What was conceded before is of what would be kept."""
        own = [one for one in self.refunds if one.payment_id == place[1]]
        conceded = sum(one.amount for one in own if one.reason is Reason.CONCESSION)
        return max(self.tables.paid_ends[place] - conceded, 0)

    def _taken(self, kind: type[Payment] | type[Refund], limit: int) -> list[Payment | Refund]:
        now_ms = self.now_ms()
        due = [
            row
            for row in self.rows.values()
            if isinstance(row.what, kind) and row.wake_ms is not None and row.wake_ms <= now_ms
        ]
        for row in due[:limit]:
            row.what = replace(row.what, attempts=row.what.attempts + 1)
            row.wake_ms = now_ms + self.lease_ms
        return [row.what for row in due[:limit]]

    def _write(self, row: _Row, one: Writing) -> None:
        now_ms, after = self.now_ms(), one.after
        before, row.what = row.what, after
        self.notes += [(now_ms, note.payment_id, note.step, note.key, note.result) for note in one.notes]
        if one.goes_on:
            row.wake_ms = now_ms + self.lease_ms
        elif after.step in (Step.DONE, RefundStep.DONE, RefundStep.REFUSED) and not one.pause_ms:
            row.wake_ms = None
        else:
            row.wake_ms = now_ms + one.pause_ms
        if isinstance(after, Refund) and isinstance(before, Refund) and after.step is not before.step:
            self._count(after, before)
        if isinstance(after, Payment) and one.back:
            self._pay_back_late(after, one.back)
        for part in part_payments(after) if isinstance(after, Payment) else ():
            self.rows[part.id].what = part
            if part.promised:
                self._pay_back_late(part, part.promised)

    def _pay_back_late(self, payment: Payment, amount: int) -> None:
        refund_id = str(uuid5(_LATE, payment.id))
        unpromised = replace(payment, promised=payment.promised - amount)
        self._promise(unpromised, refund_id, amount, Reason.LATE, (refund_id.encode(), b""))

    def _count(self, refund: Refund, before: Refund) -> None:
        row = self.rows[refund.payment_id]
        payment = row.what
        assert isinstance(payment, Payment)
        if refund.step is RefundStep.REFUSED:
            row.what = replace(payment, promised=payment.promised - refund.amount)
            found = self.tables.find(refund.inventory_id, [refund.reservation_id])
            if found and found[0].reservation.status in ENDS_PAID:
                mark = found[0].reservation.paid_by
                kept = mark.kept if mark is not None else 0
                self.tables.paid_ends.setdefault((refund.reservation_id, refund.payment_id), kept)
        if RefundStep.DONE in (refund.step, before.step):
            more = refund.amount if refund.step is RefundStep.DONE else -refund.amount
            after = replace(payment, refunded=payment.refunded + more)
            row.what = replace(after, standing=standing_after_refunds(after))

    def _promise(
        self,
        payment: Payment,
        refund_id: str,
        amount: int,
        reason: Reason,
        request: tuple[bytes, bytes],
        named: tuple[Wanted, Wanted, RefundStep] = ((), (), RefundStep.PAY_BACK),
    ) -> Refund:
        lines, before, step = named
        refund = Refund(
            id=refund_id,
            payment_id=payment.id,
            inventory_id=payment.inventory_id,
            reservation_id=payment.reservation_id,
            provider=payment.provider,
            amount=amount,
            currency=payment.currency or "",
            reason=reason,
            step=step,
            provider_ref=payment.provider_ref or "",
            lines=lines,
            before=before,
            wallet=payment.wallet,
            created_ms=self.now_ms(),
        )
        self.rows[refund_id] = _Row(refund, self.now_ms(), request)
        self.rows[payment.id].what = replace(payment, promised=payment.promised + amount)
        return refund
