"""The ledger: movements once, no wallet below zero whoever comes at once; wallet and sandbox as providers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from actors.meter import Meter
from actors.payments import PaymentLimits, PaymentWorker
from domain.ledger import House, Kind, Movement, Refusal
from domain.payment import NewPayment, Payment, Step
from domain.provider_answers import (
    Captured,
    Declined,
    NeedsAction,
    PaidBack,
    PaidOut,
    Unclear,
    Unknown,
    Working,
)
from domain.refund import Reason, Refund, RefundStep
from loadtest.auditor.database import CHARGES
from loadtest.auditor.findings import Findings
from loadtest.auditor.money import ChargeRow, check_charges
from persistence.ledger import PostgresLedger
from persistence.payments import PostgresPayments
from persistence.sandbox import Sandbox
from persistence.wallet_provider import WalletProvider
from tests.persistence.sales import NOW_MS, new_id, new_request_id
from tests.persistence.worlds import PostgresWorld


class Now:
    def now_ms(self) -> int:
        return NOW_MS


@pytest.fixture
async def ledger(postgres: PostgresWorld) -> AsyncIterator[PostgresLedger]:
    made = PostgresLedger(postgres.url)
    yield made
    await made.close()


async def filled(ledger: PostgresLedger, amount: int) -> tuple[str, str]:
    """A new wallet's name and id, with so much in it."""
    name = new_id()
    wallet = await ledger.open("wallet", name, "EUR")
    outside = await ledger.house(House.OUTSIDE, "EUR")
    if amount:
        assert isinstance(await ledger.move(moved(outside, wallet, amount, Kind.CHARGE)), Movement)
    return name, wallet


def moved(from_id: str, to_id: str, amount: int, kind: Kind = Kind.PAY, id_: str = "") -> Movement:
    return Movement(
        id=id_ or new_id(), kind=kind, from_id=from_id, to_id=to_id, amount=amount, currency="EUR"
    )


async def balance(ledger: PostgresLedger, name: str) -> int:
    account = await ledger.account("wallet", name, "EUR")
    assert account is not None
    return account.balance


async def test_of_fifty_who_spend_at_once_as_many_succeed_as_there_is_money(ledger: PostgresLedger) -> None:
    name, wallet = await filled(ledger, 100)
    sales = await ledger.house(House.SALES, "EUR")
    said = await asyncio.gather(*(ledger.move(moved(wallet, sales, 10)) for _ in range(50)))
    assert Counter(type(one) for one in said) == {Movement: 10, Refusal: 40}
    assert await balance(ledger, name) == 0


async def test_an_overdraft_hinders_none_of_those_that_come_with_it(ledger: PostgresLedger) -> None:
    rich, poor = await filled(ledger, 100), await filled(ledger, 5)
    sales = await ledger.house(House.SALES, "EUR")
    wanted = [moved(poor[1], sales, 6), *(moved(rich[1], sales, 1) for _ in range(20))]
    said = await asyncio.gather(*map(ledger.move, wanted))
    assert said[0] is Refusal.NOT_ENOUGH
    assert all(isinstance(one, Movement) for one in said[1:])
    assert (await balance(ledger, rich[0]), await balance(ledger, poor[0])) == (80, 5)


async def test_one_id_moves_once_and_takes_no_other_amount_or_reason(ledger: PostgresLedger) -> None:
    name, wallet = await filled(ledger, 100)
    sales = await ledger.house(House.SALES, "EUR")
    one = moved(wallet, sales, 10)
    said = await asyncio.gather(*(ledger.move(one) for _ in range(10)), ledger.move(one))
    assert all(isinstance(each, Movement) for each in said)
    assert await balance(ledger, name) == 90
    for other in (moved(wallet, sales, 11, id_=one.id), replace(one, reason="a gift")):
        assert await ledger.move(other) is Refusal.KEY_REUSED
    assert await balance(ledger, name) == 90


async def test_entries_sum_to_zero_balances_are_their_sums_and_nothing_is_changed(
    ledger: PostgresLedger, postgres: PostgresWorld
) -> None:
    await filled(ledger, 30)
    connection = await postgres.connection()
    assert await connection.fetchval("SELECT sum(amount) FROM ledger_entries") == 0
    wrong = await connection.fetchval(
        "SELECT count(*) FROM ledger_accounts a WHERE a.kind = 'wallet' AND a.balance <>"
        " (SELECT coalesce(sum(e.amount), 0) FROM ledger_entries e WHERE e.account_id = a.id)"
    )
    assert wrong == 0
    with pytest.raises(Exception, match="append-only"):
        await connection.execute("UPDATE ledger_movements SET amount = 1")


async def test_movements_come_newest_first_in_pages_of_one_kind_or_all(ledger: PostgresLedger) -> None:
    _, wallet = await filled(ledger, 100)
    sales = await ledger.house(House.SALES, "EUR")
    for amount in (1, 2):
        await ledger.move(moved(wallet, sales, amount))
    page = await ledger.movements(wallet, None, None, None, 2**62, 2)
    assert [one.amount for one in page] == [2, 1]
    rest = await ledger.movements(wallet, None, None, None, page[-1].number, 10)
    assert [(one.kind, one.amount) for one in rest] == [(Kind.CHARGE, 100)]
    assert len(await ledger.movements(wallet, Kind.PAY, None, None, 2**62, 10)) == 2


# --- providers --------------------------------------------------------------------------------------


def payment(method: str, amount: int = 40) -> Payment:
    return Payment(
        id=new_id(),
        inventory_id=new_id(),
        reservation_id=new_id(),
        provider="any",
        deadline_ms=NOW_MS,
        method=method,
        amount=amount,
        currency="EUR",
    )


def refund_of(one: Payment, ref: str, amount: int) -> Refund:
    return Refund(
        id=new_id(),
        payment_id=one.id,
        inventory_id=one.inventory_id,
        reservation_id=one.reservation_id,
        provider="any",
        amount=amount,
        currency="EUR",
        reason=Reason.OPERATOR,
        step=RefundStep.PAY_BACK,
        provider_ref=ref,
    )


async def test_a_wallet_pays_once_under_a_key_and_gets_back_once(ledger: PostgresLedger) -> None:
    name, wallet = await filled(ledger, 100)
    provider, one = WalletProvider(ledger), payment(name)
    said = [await provider.charge("k:" + one.id, one) for _ in range(3)]
    assert said == [Captured(wallet, 40, "EUR")] * 3
    assert await balance(ledger, name) == 60
    back = refund_of(one, wallet, 15)
    for _ in range(3):
        assert isinstance(await provider.pay_back(back.key, back), PaidBack)
    assert await balance(ledger, name) == 75


async def test_what_a_wallet_has_not_enough_for_it_never_gives_under_that_key(ledger: PostgresLedger) -> None:
    name, wallet = await filled(ledger, 39)
    provider, one, out = WalletProvider(ledger), payment(name), payout(name, "")
    back = replace(refund_of(one, wallet, 40), wallet=name)

    async def declined() -> None:
        said = (await provider.charge("k:" + one.id, one), await provider.take(back))
        assert [*map(type, said), type(await provider.take_out(out))] == [Declined] * 3

    await declined()
    await ledger.move(moved(await ledger.house(House.OUTSIDE, "EUR"), wallet, 100, Kind.CHARGE))
    await declined()
    assert await balance(ledger, name) == 139


async def test_what_is_cancelled_at_the_wallet_is_not_paid_later_and_what_was_paid_stays(
    ledger: PostgresLedger,
) -> None:
    name, wallet = await filled(ledger, 100)
    provider, one, other = WalletProvider(ledger), payment(name), payment(name)
    assert isinstance(await provider.cancel("k:" + one.id, one), Declined)
    assert isinstance(await provider.charge("k:" + one.id, one), Declined)
    await provider.charge("k:" + other.id, other)
    assert await provider.cancel("k:" + other.id, other) == Captured(wallet, 40, "EUR")
    assert await balance(ledger, name) == 60


@pytest.fixture
async def sandbox(postgres: PostgresWorld) -> AsyncIterator[Sandbox]:
    made = Sandbox(postgres.url)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("method", "first", "looked"),
    [
        ("", Captured, Captured),
        ("declined", Declined, Declined),
        ("error", Declined, Declined),
        ("needs_action", NeedsAction, NeedsAction),
        ("delayed", Working, Working),
        ("lost_answer", Unclear, Captured),
    ],
)
async def test_the_sandbox_does_what_the_method_asks_for(
    sandbox: Sandbox, method: str, first: type, looked: type
) -> None:
    one = payment(method)
    key = one.key("charge")
    assert isinstance(await sandbox.look_up(key, one), Unknown)
    assert isinstance(await sandbox.charge(key, one), first)
    assert isinstance(await sandbox.look_up(key, one), looked)


@pytest.mark.parametrize(
    ("method", "first", "then"),
    [
        ("", PaidOut, PaidOut),
        ("declined", Declined, Declined),
        ("error", Declined, Declined),
        ("needs_action", Declined, Declined),
        ("delayed", Working, Working),
        ("lost_answer", Unclear, PaidOut),
    ],
)
async def test_the_sandbox_pays_out_as_the_method_asks_for_and_once(
    sandbox: Sandbox, method: str, first: type, then: type
) -> None:
    one = payment(method)
    said = [await sandbox.pay_out(one.key("pay_out"), one) for _ in range(3)]
    assert [type(answer) for answer in said] == [first, then, then]


def payout(name: str, method: str) -> Payment:
    return replace(
        payment(method),
        inventory_id="",
        reservation_id="",
        provider="sandbox",
        wallet=name,
        pays_out=True,
        step=Step.TAKE,
        reason="asked for",
        done_by="operator",
    )


async def test_a_wallet_is_paid_out_and_what_is_not_is_in_it_again(
    ledger: PostgresLedger, sandbox: Sandbox, postgres: PostgresWorld
) -> None:
    connection = await postgres.connection()
    await connection.execute("DELETE FROM refunds; DELETE FROM payments")
    name, wallet = await filled(ledger, 100)
    payments, wallets = PostgresPayments(postgres.url), WalletProvider(ledger)
    limits = PaymentLimits(provider_timeout_s=1.0)
    providers = {"sandbox": sandbox, "wallet": wallets}
    gateway: Any = None
    worker = PaymentWorker(payments, gateway, providers, Now(), Meter(), limits, wallets)
    methods = ("declined", "lost_answer", "time_out", "")
    made = [payout(name, method) for method in methods]
    for one in made:
        await payments.accept(NewPayment(payment=one, request_id=new_request_id()))
        for _ in range(3):
            await connection.execute("UPDATE payments SET wake_ms = 0 WHERE wake_ms IS NOT NULL")
            await worker.take()
            await worker.settled()
    there = [await payments.find(one.id) for one in made]
    ends = [one.standing.value for one in there if one is not None]
    assert ends == ["failed", "paid_out", "paid_out", "failed"]
    assert await balance(ledger, name) == 20
    moves = await ledger.movements(wallet, None, None, None, 2**62, 10)
    assert [(one.kind.value, one.amount) for one in moves[::-1]] == [
        ("charge", 100),
        ("withdraw", 40),
        ("refund", 40),
        ("withdraw", 40),
        ("withdraw", 40),
    ]
    assert {(one.reason, one.done_by) for one in moves[:2]} == {("asked for", "operator")}
    own = await payments.of_customer(b"nobody", name, None, 10)
    assert {one.id for one in own} == {one.id for one in made}
    findings = Findings()
    check_charges([ChargeRow(**dict(row)) for row in await connection.fetch(CHARGES)], findings)
    assert findings.sound
    with pytest.raises(Exception, match="payments_out"):
        await connection.execute("UPDATE payments SET wallet = NULL, inventory_id = id, reservation_id = id")
    await payments.close()


async def test_who_needs_to_act_acts_or_is_cancelled(sandbox: Sandbox, postgres: PostgresWorld) -> None:
    payments = PostgresPayments(postgres.url)
    one, other = payment("needs_action"), payment("needs_action")
    for each in (one, other):
        await payments.accept(NewPayment(payment=each, request_id=new_request_id()))
        await sandbox.charge(each.key("charge"), each)
    assert await payments.act(one.id, approve=True)
    assert await sandbox.look_up(one.key("charge"), one) == Captured(one.key("charge"), 40, "EUR")
    assert isinstance(await sandbox.cancel(other.key("charge"), other), Declined)
    assert not await payments.act(other.id, approve=True)
    await payments.close()


class Noting(PostgresPayments):
    """And what was said to each that told something."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.heard: list[tuple[str, bool]] = []
        self.both = asyncio.Event()

    async def hear(self, provider: str, event_id: str, payment_id: str, refund_id: str | None = None) -> bool:
        first = await super().hear(provider, event_id, payment_id, refund_id)
        self.heard.append((event_id, first))
        if len(self.heard) == 2:
            self.both.set()
        return first


async def test_what_the_sandbox_tells_twice_is_heard_once_and_charged_once(
    ledger: PostgresLedger, postgres: PostgresWorld
) -> None:
    connection = await postgres.connection()
    await connection.execute("DELETE FROM refunds; DELETE FROM payments; DELETE FROM webhook_events")
    payments, name = Noting(postgres.url), new_id()
    sandbox, wallets = Sandbox(postgres.url, payments), WalletProvider(ledger)
    gateway: Any = None
    worker = PaymentWorker(payments, gateway, {"sandbox": sandbox}, Now(), Meter(), None, wallets)
    one = replace(payout(name, "duplicate_webhook"), pays_out=False, step=Step.CHARGE)
    one = replace(one, deadline_ms=NOW_MS + 60_000)
    await payments.accept(NewPayment(payment=one, request_id=new_request_id()))
    await worker.take()
    await worker.settled()
    there = await payments.find(one.id)
    assert there is not None
    assert (there.step, there.captured) == (Step.LOOK_UP, False), "it waits to be told"
    await connection.execute("UPDATE payments SET wake_ms = wake_ms + 60000")
    async with asyncio.timeout(5):
        await payments.both.wait()
    assert {event for event, _ in payments.heard} == {f"evt_{one.id}:charge"}
    assert sorted(first for _, first in payments.heard) == [False, True]
    assert await connection.fetchval("SELECT count(*) FROM webhook_events") == 1
    await worker.take()
    await worker.settled()
    after = await payments.find(one.id)
    assert after is not None
    assert (after.standing.value, await balance(ledger, name)) == ("captured", 40)
    await sandbox.close()
    await payments.close()


async def test_what_is_cancelled_at_the_sandbox_is_never_charged(sandbox: Sandbox) -> None:
    one = payment("")
    assert isinstance(await sandbox.cancel(one.key("charge"), one), Declined)
    assert isinstance(await sandbox.charge(one.key("charge"), one), Declined)
