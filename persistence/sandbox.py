"""The sandbox's memory: a provider of payments that moves no money, and does on demand what real ones do.

What was charged and paid back is in relations, so that it survives whoever asked, as it would elsewhere. The
outcome is chosen by the method's token (`OUTCOMES`); without one it is success. With `duplicate_webhook` it
says at first that it is at work, and then tells twice, under one name, that something has become of it.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only
from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from domain.payment import Payment
from domain.provider_answers import (
    Captured,
    Declined,
    NeedsAction,
    PaidBack,
    PaidOut,
    Said,
    SaidOfPayout,
    Unclear,
    Unknown,
    Working,
)
from domain.refund import Refund
from persistence.append_columns import rows_of
from persistence.connection import Limits, Links, Row
from persistence.gathering import Gathering
from persistence.rows import NOW
from persistence.store import StoreError

log = logging.getLogger(__name__)
SUCCESS, DECLINED, ACTION, ERROR = "success", "declined", "needs_action", "error"
TIME_OUT, DELAYED, LOST, DOUBLED = "time_out", "delayed", "lost_answer", "duplicate_webhook"
OUTCOMES = (SUCCESS, DECLINED, ACTION, ERROR, TIME_OUT, DELAYED, LOST, DOUBLED)
SANDBOX = "sandbox"
DELAY_MS = 2_000
TOLD_AFTER_S = 0.1
SILENT_S = 60.0
"""Longer than anybody waits."""
TOGETHER_MAX_CHARGES = 500
LIMITS = Limits(command_timeout_s=5.0, statement_timeout_s=4.0)
_STATES = {DECLINED: "declined", ACTION: "needs_action", DELAYED: "working", ERROR: "declined"}

CHARGE = f"""
WITH w AS (SELECT * FROM {rows_of("key:text state:text amount:bigint currency:text delay_ms:bigint", "u")}),
made AS (
  INSERT INTO sandbox_charges (key, state, amount, currency, ready_ms, asked)
  SELECT w.key, w.state, w.amount, w.currency, ({NOW}) + w.delay_ms, 1 FROM w
  ON CONFLICT (key) DO UPDATE SET asked = sandbox_charges.asked + 1
  RETURNING key, state, amount, currency, ready_ms, asked)
SELECT m.*, ({NOW}) AS now_ms FROM made m"""
FIND = f"""
SELECT key, state, amount, currency, ready_ms, asked, ({NOW}) AS now_ms FROM sandbox_charges WHERE key = $1"""
CANCEL = f"""
INSERT INTO sandbox_charges (key, state, amount, currency, ready_ms, asked)
VALUES ($1, 'cancelled', $2, $3, 0, 0)
ON CONFLICT (key) DO UPDATE SET state = CASE
  WHEN sandbox_charges.state IN ('captured', 'declined', 'cancelled') THEN sandbox_charges.state
  WHEN sandbox_charges.state = 'working' AND sandbox_charges.ready_ms <= ({NOW}) THEN 'captured'
  ELSE 'cancelled' END
RETURNING key, state, amount, currency, ready_ms, asked, ({NOW}) AS now_ms"""
PAY_BACK = "INSERT INTO sandbox_refunds (key, charge, amount) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


class Hears(Protocol):
    """Who stores what a provider tells: see `persistence.payments`."""

    async def hear(self, provider: str, event_id: str, payment_id: str) -> bool: ...


class _Wanted(NamedTuple):
    key: str
    state: str
    amount: int
    currency: str
    delay_ms: int


class Sandbox:
    """See the module; a provider as `actors.payment_ports` has it."""

    tells_unasked = True

    def __init__(self, database_url: str, hears: Hears | None = None) -> None:
        """`hears`: without it nobody is told anything."""
        self._hears = hears
        self._telling: set[asyncio.Task[None]] = set()
        self._links = Links(database_url, "turnstile sandbox", LIMITS, 2)
        self._charging: Gathering[_Wanted, Row] = Gathering(self._charge_all, TOGETHER_MAX_CHARGES)

    async def charge(self, key: str, payment: Payment) -> Said:
        if payment.method == TIME_OUT:
            await asyncio.sleep(SILENT_S)
            return Unclear("the sandbox does not answer")
        delay_ms = DELAY_MS if payment.method == DELAYED else 0
        state = _STATES.get(payment.method, "captured")
        wanted = _Wanted(key, state, payment.amount or 0, payment.currency or "", delay_ms)
        try:
            row = await self._charging.ask(wanted)
        except StoreError as error:
            return Unclear(str(error))
        if payment.method == LOST and row["asked"] == 1:
            return Unclear("the answer was lost")
        if payment.method == DOUBLED and row["asked"] == 1:
            self._tell_twice(key, payment.id)
            return Working(key)
        return _said(row, payment)

    def _tell_twice(self, key: str, payment_id: str) -> None:
        """A moment later, as a webhook comes, and both at once."""

        async def tell() -> None:
            await asyncio.sleep(TOLD_AFTER_S)
            if self._hears is not None:
                event = (SANDBOX, f"evt_{key}", payment_id)
                await asyncio.gather(self._hears.hear(*event), self._hears.hear(*event))

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._told)

    def _told(self, task: asyncio.Task[None]) -> None:
        """What could not be told is found by looking it up."""
        self._telling.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("a notification was lost", extra={"error": repr(task.exception())})

    async def look_up(self, key: str, payment: Payment) -> Said:
        try:
            rows = await self._links.fetch(FIND, key)
        except StoreError as error:
            return Unclear(str(error))
        return _said(rows[0], payment) if rows else Unknown()

    async def cancel(self, key: str, payment: Payment) -> Said:
        try:
            rows = await self._links.fetch(CANCEL, key, payment.amount or 0, payment.currency or "")
        except StoreError as error:
            return Unclear(str(error))
        return _said(rows[0], payment)

    async def pay_back(self, key: str, refund: Refund) -> PaidBack | Unclear:
        try:
            await self._links.fetch(PAY_BACK, key, refund.provider_ref, refund.amount)
        except StoreError as error:
            return Unclear(str(error))
        return PaidBack(key)

    async def pay_out(self, key: str, payment: Payment) -> SaidOfPayout:
        """The same outcomes, in the same relation, under its own key; but nobody is asked to approve, and who
        was silent answers the second time: a payout has no deadline."""
        delay_ms = DELAY_MS if payment.method == DELAYED else 0
        state = "declined" if payment.method == ACTION else _STATES.get(payment.method, "captured")
        wanted = _Wanted(key, state, payment.amount or 0, payment.currency or "", delay_ms)
        try:
            row = await self._charging.ask(wanted)
        except StoreError as error:
            return Unclear(str(error))
        if row["asked"] == 1 and payment.method in (LOST, TIME_OUT):
            await asyncio.sleep(SILENT_S if payment.method == TIME_OUT else 0)
            return Unclear("the answer was lost")
        if row["state"] == "declined":
            return Declined("The payout was declined. It is in the wallet again.", "declined")
        ready = row["state"] == "captured" or row["ready_ms"] <= row["now_ms"]
        return PaidOut(key) if ready else Working(key)

    async def close(self) -> None:
        await self._links.close()

    async def _charge_all(self, wanted: Sequence[_Wanted]) -> Sequence[Row | Exception]:
        once = {one.key: one for one in wanted}
        rows = await self._links.fetch(CHARGE, *(list(column) for column in zip(*once.values(), strict=True)))
        found = {row["key"]: row for row in rows}
        return [found[one.key] for one in wanted]


def _said(row: Row, payment: Payment) -> Said:
    state, key = row["state"], row["key"]
    if state == "captured" or (state == "working" and row["ready_ms"] <= row["now_ms"]):
        return Captured(key, row["amount"], row["currency"])
    if state == "needs_action":
        return NeedsAction(key, f"/api/v1/sandbox/{payment.id}")
    if state == "working":
        return Working(key)
    if state == "cancelled":
        return Declined("The payment took too long and was cancelled. Nothing was charged.", "cancelled")
    if payment.method == ERROR:
        return Declined("The payment could not be processed. Nothing was charged.", "processing_error")
    return Declined("The payment was declined. Nothing was charged.", "card_declined")
