"""Payments and refunds in PostgreSQL: asked for by front ends, worked on by payment actors.

- A payment is one row, unique by request id: the same Idempotency-Key meets the same one.
- `take` gives rows away for the time of a lease and counts the attempt; `write` writes only where the attempt
  is still the same. It renews the lease where a quarter of it is over: as long as `wake_ms` stays, no index
  has to be written. A lease only saves work: a step that two workers do has one effect.

What is asked of the database stands in `persistence.payment_statements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid5

import msgspec

from domain.messages import Rejected
from domain.payment import (
    KEY_REUSED,
    NO_PAYMENT,
    NewPayment,
    Part,
    Payment,
    Standing,
    Step,
)
from domain.purchase import part_payments
from domain.refund import NewRefund, Reason, Refund, RefundStep, not_refundable
from persistence import payment_statements as statements
from persistence.connection import Limits, Links, QueueLimits, Row
from persistence.gathering import Gathering
from persistence.rows import FIRST_ID, LAST_ID

CONNECTIONS_MAX = 4
TOGETHER_MAX_PAYMENTS = 500
WAITING_MAX_STATEMENTS = 1_000
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
_LATE = UUID("0d9f3e2b-4f59-4f0e-8a39-6a6f3c0b5a17")

NOTES_MAX = 200
T = TypeVar("T", Payment, Refund)


class Noted(Protocol):
    """See `actors.payment_ports.Note`."""

    @property
    def payment_id(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def result(self) -> str: ...


class Writing(Protocol):
    """See `actors.payment_ports.Written`."""

    @property
    def after(self) -> Payment | Refund: ...
    @property
    def notes(self) -> Sequence[Noted]: ...
    @property
    def pause_ms(self) -> int: ...
    @property
    def goes_on(self) -> bool: ...
    @property
    def back(self) -> int: ...


class PostgresPayments:
    """What front ends ask of payments (`server.payments`), and their workers (`actors.payments`)."""

    def __init__(self, database_url: str, deadline_ms: int = 5_000) -> None:
        self._deadline_ms = deadline_ms
        self._lease_ms = 30_000
        queue = QueueLimits(WAITING_MAX_STATEMENTS, deadline_ms / 2000)
        self._links = Links(database_url, "turnstile payments", LIMITS, CONNECTIONS_MAX, queue)
        self._accepting: Gathering[NewPayment, Payment | Rejected] = Gathering(
            self._accept, TOGETHER_MAX_PAYMENTS
        )
        self._finding: Gathering[str, Payment | None] = Gathering(self._find, TOGETHER_MAX_PAYMENTS)

    # --- front ends ---------------------------------------------------------------------------------

    async def accept(self, new: NewPayment) -> Payment | Rejected:
        """The payment, once it is durable: this one, or the one that its key made before."""
        return await self._accepting.ask(new)

    async def of_request(self, request_id: bytes, fingerprint: bytes) -> Payment | Rejected | None:
        """What a key has made before."""
        for *columns, _, made_of in await self._ask(statements.BY_REQUEST, [request_id]):
            return _payment(columns) if made_of == fingerprint else KEY_REUSED
        return None

    async def begin_again(self, payment_id: str, deadline_ms: int) -> Payment:
        """One that has failed before it began is to be seen through after all, until that deadline; any other
        stays as it is."""
        await self._ask(statements.BEGIN_AGAIN, payment_id, deadline_ms)
        return _payment((await self._ask(statements.FIND, [payment_id]))[0])

    async def find(self, payment_id: str) -> Payment | None:
        return await self._finding.ask(payment_id)

    async def changed(self, known: Sequence[Payment]) -> list[Payment]:
        """Of these, those that stand elsewhere by now, or of which more has gone back."""
        columns = ([one.id for one in known], [one.standing.value for one in known])
        rows = await self._ask(statements.CHANGED, *columns, [one.refunded for one in known])
        return [_payment(row) for row in rows]

    async def refunds_of(self, payment_id: str) -> list[Refund]:
        return [_refund(row) for row in await self._ask(statements.REFUNDS, payment_id)]

    async def notes_of(self, payment_id: str) -> list[tuple[int, str, str, str]]:
        """When, which step, under which key, with which result: the last of them, the newest at the end."""
        return [tuple(row) for row in await self._ask(statements.NOTES, payment_id, NOTES_MAX)]

    async def of_inventory(
        self, inventory_id: str, standing: Standing | None, after: str | None, limit: int
    ) -> list[Payment]:
        """The next so many by id, of one standing or of all."""
        wanted = None if standing is None else standing.value
        rows = await self._ask(statements.OF_INVENTORY, inventory_id, wanted, after or FIRST_ID, limit)
        return [_payment(row) for row in rows]

    async def of_customer(
        self, customer: bytes, wallet: str, before: str | None, limit: int
    ) -> list[Payment]:
        """The next so many by id, the newest first: of the customer's reservations, and charges of the
        wallet."""
        rows = await self._ask(statements.OF_CUSTOMER, customer, LAST_ID, wallet, before or LAST_ID, limit)
        return [_payment(row) for row in rows]

    async def find_refund(self, refund_id: str) -> Refund | None:
        return next((_refund(row) for row in await self._ask(statements.FIND_REFUND, refund_id)), None)

    async def refund_of_request(self, request_id: bytes, fingerprint: bytes) -> Refund | Rejected | None:
        """What a key has made before."""
        for *columns, made_of in await self._ask(statements.REFUND_BY_REQUEST, request_id):
            return _refund(columns) if made_of == fingerprint else KEY_REUSED
        return None

    async def hear(self, provider: str, event_id: str, payment_id: str, refund_id: str | None = None) -> bool:
        """Keep a provider's event, and have its payment, and that refund of it, looked at; False if it was
        heard before."""
        return bool(await self._ask(statements.HEAR, provider, event_id, payment_id, refund_id))

    async def act(self, payment_id: str, approve: bool) -> bool:
        """What a buyer does who has something to do at the sandbox; False if there is nothing to do."""
        return bool(await self._ask(statements.ACT, payment_id, approve))

    async def refund(self, new: NewRefund) -> Refund | Rejected:
        """A refund that is durable and will be made; the one that its key made before; or why not."""
        lines, before = msgspec.json.encode(new.lines).decode(), msgspec.json.encode(new.before).decode()
        wanted = (new.id, new.payment_id, new.amount, new.reason.value, new.first_step.value, lines, before)
        made = await self._ask(statements.REFUND, *wanted, new.request_id, new.fingerprint)
        for row in await self._ask(statements.REFUND_BY_REQUEST, new.request_id):
            *columns, fingerprint = row
            return _refund(columns) if made or fingerprint == new.fingerprint else KEY_REUSED
        payment = await self.find(new.payment_id)
        return NO_PAYMENT if payment is None else not_refundable(payment, new.amount) or NO_PAYMENT

    # --- workers ------------------------------------------------------------------------------------

    async def take(self, limit: int, lease_ms: int) -> list[Payment]:
        self._lease_ms = lease_ms
        return [_payment(row) for row in await self._links.fetch(statements.TAKE, limit, lease_ms)]

    async def take_refunds(self, limit: int, lease_ms: int) -> list[Refund]:
        return [_refund(row) for row in await self._links.fetch(statements.TAKE_REFUNDS, limit, lease_ms)]

    async def write(self, written: Sequence[Writing]) -> set[str]:
        """The ids of those that are still their writers'; nothing is written of the others."""
        kept: set[str] = set()
        payments = [(one, one.after) for one in written if isinstance(one.after, Payment)]
        if payments:
            kept |= {
                row[0] for row in await self._links.fetch(statements.WRITE, *self._payment_columns(payments))
            }
        refunds = [(one, one.after) for one in written if isinstance(one.after, Refund)]
        if refunds:
            kept |= {
                row[0]
                for row in await self._links.fetch(statements.WRITE_REFUNDS, *self._refund_columns(refunds))
            }
        return kept

    async def refund_ended(self, limit: int) -> int:
        rows = await self._links.fetch(statements.REFUND_ENDED, limit)
        return int(rows[0][0])

    async def close(self) -> None:
        await self._links.close()

    async def _ask(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._links.answer(self._deadline_ms / 1000, sql, *values)

    async def _accept(self, wanted: Sequence[NewPayment]) -> Sequence[Payment | Rejected | Exception]:
        parts = [part for new in wanted for part in part_payments(new.payment)]
        sql = statements.ACCEPT_WITH_PARTS if parts else statements.ACCEPT
        columns = [*_accepted_columns(wanted), *(_new_part_columns(parts) if parts else ())]
        made = {row[0] for row in await self._ask(sql, *columns)}
        rest = [new for new in wanted if new.payment.id not in made]
        if not rest:
            return [new.payment for new in wanted]
        before: dict[bytes, tuple[Payment, bytes]] = {}
        for *row, request_id, fingerprint in await self._ask(
            statements.BY_REQUEST, [new.request_id for new in rest]
        ):
            before[request_id] = (_payment(row), fingerprint)
        return [
            new.payment if new.payment.id in made else _again(new, *before[new.request_id]) for new in wanted
        ]

    async def _find(self, ids: Sequence[str]) -> Sequence[Payment | Exception | None]:
        found = {row[0]: _payment(row) for row in await self._ask(statements.FIND, ids)}
        return [found.get(one) for one in ids]

    def _payment_columns(self, written: Sequence[tuple[Writing, Payment]]) -> list[object]:
        after = [payment for _, payment in written]
        backs = [str(uuid5(_LATE, payment.id)) if one.back else None for one, payment in written]
        return [
            [payment.id for payment in after],
            [payment.attempts for payment in after],
            *([_encoded(payment, name) for payment in after] for name in statements.OF_PAYMENT),
            [self._wake_in_ms(one, payment.step is Step.DONE) for one, payment in written],
            [one.goes_on for one, _ in written],
            backs,
            [one.back for one, _ in written],
            *_note_columns(written),
            *_part_columns([part for payment in after for part in part_payments(payment)]),
        ]

    def _refund_columns(self, written: Sequence[tuple[Writing, Refund]]) -> list[object]:
        after = [refund for _, refund in written]
        over = (RefundStep.DONE, RefundStep.REFUSED)
        return [
            [refund.id for refund in after],
            [refund.attempts for refund in after],
            [refund.step.value for refund in after],
            [refund.error for refund in after],
            [refund.pauses for refund in after],
            [self._wake_in_ms(one, refund.step in over and not one.pause_ms) for one, refund in written],
            *_note_columns(written),
        ]

    def _wake_in_ms(self, one: Writing, over: bool) -> int | None:
        if one.goes_on:
            return self._lease_ms
        return None if over else one.pause_ms


def _again(new: NewPayment, made: Payment, fingerprint: bytes) -> Payment | Rejected:
    """What its key has made before."""
    return made if fingerprint == new.fingerprint else KEY_REUSED


def _accepted_columns(wanted: Sequence[NewPayment]) -> list[object]:
    payments = [new.payment for new in wanted]
    return [
        [one.id for one in payments],
        [one.inventory_id or None for one in payments],
        [one.reservation_id or None for one in payments],
        [new.request_id for new in wanted],
        [new.fingerprint for new in wanted],
        [one.provider for one in payments],
        [one.method for one in payments],
        [one.deadline_ms for one in payments],
        [_encoded(one, "parts") for one in payments],
        [one.step.value for one in payments],
        [one.amount for one in payments],
        [one.currency for one in payments],
        [one.wallet or None for one in payments],
        [one.pays_out for one in payments],
        [one.reason for one in payments],
        [one.done_by for one in payments],
    ]


def _new_part_columns(parts: Sequence[Payment]) -> list[object]:
    names = ("id", "inventory_id", "reservation_id", "whole_id")
    return [[getattr(part, name) for part in parts] for name in names]


def _encoded(payment: Payment, name: str) -> object:
    """A field as its column takes it."""
    value = getattr(payment, name)
    if name == "parts":
        return msgspec.json.encode(value).decode() if value else None
    return value


def _note_columns(written: Sequence[tuple[Writing, T]]) -> list[object]:
    notes = [(note, after.id) for one, after in written for note in one.notes]
    return [
        [note.payment_id for note, _ in notes],
        [note.step for note, _ in notes],
        [note.key for note, _ in notes],
        [note.result for note, _ in notes],
        [owner for _, owner in notes],
    ]


def _part_columns(parts: Sequence[Payment]) -> list[object]:
    return [
        [part.id for part in parts],
        [part.whole_id for part in parts],
        [str(uuid5(_LATE, part.id)) if part.promised else None for part in parts],
        *([getattr(part, name) for part in parts] for name in statements.OF_PART),
    ]


def _payment(row: Sequence[object]) -> Payment:
    names = (
        "id",
        "inventory_id",
        "reservation_id",
        "provider",
        "deadline_ms",
        "created_ms",
        "method",
        "refunded",
        "attempts",
        "whole_id",
        "wallet",
        "pays_out",
        "reason",
        "done_by",
        *statements.OF_PAYMENT,
    )
    values: dict[str, Any] = dict(zip(names, row, strict=True))
    values["parts"] = _parts.decode(values["parts"]) if values["parts"] else ()
    values["step"], values["standing"] = Step(values["step"]), Standing(values["standing"])
    return Payment(**values)


def _refund(row: Sequence[object]) -> Refund:
    names = (
        "id payment_id inventory_id reservation_id provider amount currency reason step provider_ref lines"
        " before error attempts pauses wallet created_ms"
    )
    values: dict[str, Any] = dict(zip(names.split(), row, strict=True))
    values["reason"], values["step"] = Reason(values["reason"]), RefundStep(values["step"])
    values["provider_ref"] = values["provider_ref"] or ""
    for name in ("lines", "before"):
        values[name] = _wanted.decode(values[name])
    return Refund(**values)


_parts = msgspec.json.Decoder(tuple[Part, ...])
_wanted = msgspec.json.Decoder(tuple[tuple[str, int], ...])
