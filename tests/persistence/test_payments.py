"""What every store of payments promises: once by key, one worker at a time, never more back than came in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from actors.payment_ports import Note, Written
from domain.messages import Code, Rejected
from domain.payment import NewPayment, Payment, Standing, Step
from domain.refund import NewRefund, Reason, Refund, RefundStep
from persistence.payments import NOTES_MAX, PostgresPayments
from persistence.payments_memory import MemoryPayments
from persistence.store import Refused
from tests.persistence.sales import NOW_MS, Sale, new_id, new_request_id, place
from tests.persistence.worlds import PostgresWorld

LEASE_MS = 60_000
DUE = -1
"""A pause that is over."""
Store = MemoryPayments | PostgresPayments


@dataclass
class Clock:
    now_ms: int = NOW_MS


@dataclass
class Kept:
    """A store of payments with nothing in it, and how to leave word of what was cancelled."""

    store: Store
    postgres: PostgresWorld | None = None
    clock: Clock = field(default_factory=Clock)

    async def ended(self, payment: Payment, kept: int = 0) -> None:
        if isinstance(self.store, MemoryPayments):
            self.store.tables.paid_ends[payment.reservation_id, payment.id] = kept
            return
        assert self.postgres is not None
        connection = await self.postgres.connection()
        await connection.execute(
            "INSERT INTO paid_ends VALUES ($1, $2, $3, $4)", payment.reservation_id, payment.id, NOW_MS, kept
        )


@pytest.fixture(params=["memory", "postgres"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    if request.param == "memory":
        clock = Clock()
        yield Kept(MemoryPayments(lambda: clock.now_ms), clock=clock)
        return
    postgres = PostgresWorld(request.getfixturevalue("postgres_url"))
    connection = await postgres.connection()
    await connection.execute("DELETE FROM refunds; DELETE FROM payments; DELETE FROM paid_ends")
    made = PostgresPayments(postgres.url)
    yield Kept(made, postgres)
    await made.close()
    await postgres.close()


def wanted(request_id: bytes = b"", body: bytes = b"body") -> NewPayment:
    payment = Payment(
        id=new_id(), inventory_id=new_id(), reservation_id=new_id(), provider="sandbox", deadline_ms=NOW_MS
    )
    return NewPayment(payment=payment, request_id=request_id or new_request_id(), fingerprint=body)


async def accepted(kept: Kept) -> Payment:
    payment = await kept.store.accept(wanted())
    assert isinstance(payment, Payment)
    return payment


async def captured(kept: Kept, amount: int = 100) -> Payment:
    """A payment at its end."""
    await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    after = replace(
        taken,
        step=Step.DONE,
        standing=Standing.CAPTURED,
        captured=True,
        amount=amount,
        currency="EUR",
        provider_ref="ch_1",
    )
    assert await kept.store.write([Written(after, ())]) == {after.id}
    return after


def back(payment: Payment, amount: int | None, reason: Reason = Reason.CONCESSION) -> NewRefund:
    return NewRefund(
        id=new_id(), payment_id=payment.id, amount=amount, reason=reason, request_id=new_request_id()
    )


async def found(kept: Kept, payment: Payment) -> Payment:
    there = await kept.store.find(payment.id)
    assert there is not None
    return there


async def test_one_key_makes_one_payment_and_takes_no_other_body(kept: Kept) -> None:
    first = wanted()
    made = await kept.store.accept(first)
    again = await kept.store.accept(wanted(first.request_id))
    assert isinstance(made, Payment)
    assert isinstance(again, Payment)
    assert made.id == again.id == first.payment.id
    other = await kept.store.accept(wanted(first.request_id, b"other"))
    assert isinstance(other, Rejected)
    assert other.code is Code.KEY_REUSED


async def test_what_failed_before_it_began_may_begin_again_and_what_had_begun_may_not(kept: Kept) -> None:
    await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    never = replace(taken, step=Step.GIVE_BACK, standing=Standing.FAILED, error="No.", detail="wrong_state")
    assert await kept.store.write([Written(never, (), 6_000)])
    begun = await kept.store.begin_again(taken.id, NOW_MS + 1)
    assert (begun.step, begun.standing, begun.error) == (Step.BEGIN, Standing.PENDING, None)
    assert begun.deadline_ms == NOW_MS + 1
    assert not await kept.store.write([Written(never, ())]), "its worker may still be at it"
    (again,) = await kept.store.take(10, LEASE_MS)
    assert again.id == taken.id
    failed = replace(again, step=Step.DONE, standing=Standing.FAILED, amount=5, currency="EUR")
    assert await kept.store.write([Written(failed, ())])
    assert (await kept.store.begin_again(taken.id, NOW_MS + 2)).standing is Standing.FAILED
    assert await kept.store.take(10, LEASE_MS) == []


async def test_what_is_taken_is_given_to_nobody_else_while_its_lease_lasts(kept: Kept) -> None:
    payment = await accepted(kept)
    taken = await kept.store.take(10, LEASE_MS)
    assert [(one.id, one.attempts) for one in taken] == [(payment.id, 1)]
    assert await kept.store.take(10, LEASE_MS) == []


async def test_a_worker_whose_payment_another_has_taken_writes_nothing(kept: Kept) -> None:
    await accepted(kept)
    (old,) = await kept.store.take(10, 0)
    await asyncio.sleep(0.002)
    (new,) = await kept.store.take(10, LEASE_MS)
    note = Note(old.id, "charge", "key", "asked")
    assert await kept.store.write([Written(replace(old, error="old"), (note,), goes_on=True)]) == set()
    assert await kept.store.notes_of(old.id) == []
    assert await kept.store.write([Written(replace(new, error="new"), (note,), goes_on=True)]) == {new.id}
    assert (await found(kept, new)).error == "new"
    assert [said[1:] for said in await kept.store.notes_of(new.id)] == [("charge", "key", "asked")]


async def test_what_has_ended_is_taken_by_nobody_and_what_waits_comes_again(kept: Kept) -> None:
    payment = await captured(kept)
    waits = await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    assert taken.id == waits.id != payment.id
    await kept.store.write([Written(taken, (), pause_ms=0)])
    assert [one.id for one in await kept.store.take(10, LEASE_MS)] == [waits.id]


async def test_late_money_is_promised_back_with_the_step_that_says_so(kept: Kept) -> None:
    await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    late = replace(
        taken,
        step=Step.DONE,
        standing=Standing.CAPTURED,
        captured=True,
        amount=70,
        currency="EUR",
        promised=70,
    )
    assert await kept.store.write([Written(late, (), back=70)]) == {late.id}
    (refund,) = await kept.store.take_refunds(10, LEASE_MS)
    assert (refund.amount, refund.reason, refund.step) == (70, Reason.LATE, RefundStep.PAY_BACK)
    done = replace(refund, step=RefundStep.DONE)
    note = Note(late.id, "refund", refund.key, "PaidBack")
    assert await kept.store.write([Written(done, (note,))]) == {refund.id}
    after = await found(kept, late)
    assert (after.promised, after.refunded, after.standing) == (70, 70, Standing.REFUNDED)


async def test_twenty_refunds_at_once_promise_no_more_than_there_is(kept: Kept) -> None:
    payment = await captured(kept, 100)
    said = await asyncio.gather(*(kept.store.refund(back(payment, 15)) for _ in range(20)))
    made = [one for one in said if isinstance(one, Refund)]
    assert len(made) == 6
    assert {one.code for one in said if isinstance(one, Rejected)} == {Code.LIMIT_EXCEEDED}
    assert (await found(kept, payment)).promised == 90
    rest = await kept.store.refund(back(payment, None))
    assert isinstance(rest, Refund)
    assert rest.amount == 10
    nothing = await kept.store.refund(back(payment, None))
    assert isinstance(nothing, Rejected)
    assert nothing.code is Code.WRONG_STATE


async def test_a_refund_that_fails_after_it_was_done_has_gone_back_no_more(kept: Kept) -> None:
    payment = await captured(kept, 100)
    await kept.store.refund(back(payment, 40))
    (refund,) = await kept.store.take_refunds(10, LEASE_MS)

    async def stands(step: RefundStep, pause_ms: int, *sums: object) -> None:
        """Written so, it comes to that."""
        assert await kept.store.write([Written(replace(refund, step=step), (), pause_ms)]) == {refund.id}
        after = await found(kept, payment)
        assert (after.promised, after.refunded, after.standing) == (40, *sums)

    async def heard() -> Refund:
        """Taken by who writes no more by now, and again once its provider told something of it."""
        assert await kept.store.hear("stripe", new_id(), payment.id, refund.id)
        late = replace(refund, step=RefundStep.DONE)
        assert await kept.store.write([Written(late, ())]) == set(), "it asked before that"
        (again,) = await kept.store.take_refunds(10, LEASE_MS)
        there = await kept.store.find_refund(refund.id)
        assert (again.id, there) == (refund.id, again)
        return again

    await stands(RefundStep.PAY_BACK, 60_000, 0, Standing.CAPTURED)
    refund = await heard()
    await stands(RefundStep.DONE, 0, 40, Standing.PARTLY_REFUNDED)
    assert await kept.store.take_refunds(10, LEASE_MS) == []
    refund = await heard()
    await stands(RefundStep.DONE, DUE, 40, Standing.PARTLY_REFUNDED)
    (refund,) = await kept.store.take_refunds(10, LEASE_MS)
    assert (refund.step, abs(refund.created_ms - payment.created_ms) < 60_000) == (RefundStep.DONE, True)
    await stands(RefundStep.FAILED, 60_000, 0, Standing.CAPTURED)
    refund = await heard()
    await stands(RefundStep.DONE, 0, 40, Standing.PARTLY_REFUNDED)
    if kept.postgres is not None:
        told = "SELECT count(*) FROM outgoing_mails WHERE kind = 'refunded' AND reservation_id = $1"
        assert await (await kept.postgres.connection()).fetchval(told, payment.reservation_id) == 1


async def test_one_key_is_one_refund(kept: Kept) -> None:
    payment = await captured(kept)
    asked = back(payment, 10)
    made = [await kept.store.refund(replace(asked, id=new_id())) for _ in range(2)]
    assert isinstance(made[0], Refund)
    assert made[0] == made[1]
    other = await kept.store.refund(replace(asked, fingerprint=b"other"))
    assert isinstance(other, Rejected)
    assert other.code is Code.KEY_REUSED


async def test_a_refused_refund_takes_its_promise_back(kept: Kept) -> None:
    payment = await captured(kept)
    await kept.store.refund(back(payment, 40, Reason.LINES))
    (refund,) = await kept.store.take_refunds(10, LEASE_MS)
    assert refund.step is RefundStep.LET_GO
    await kept.store.write([Written(replace(refund, step=RefundStep.REFUSED, error="no"), ())])
    after = await found(kept, payment)
    assert (after.promised, after.refunded, after.standing) == (0, 0, Standing.CAPTURED)
    if kept.postgres is not None:
        told = "SELECT count(*) FROM outgoing_mails WHERE kind = 'refunded' AND reservation_id = $1"
        assert await (await kept.postgres.connection()).fetchval(told, payment.reservation_id) == 0
    assert [one.step for one in await kept.store.refunds_of(payment.id)] == [RefundStep.REFUSED]


async def test_what_was_paid_and_is_cancelled_gets_the_rest_back_once(kept: Kept) -> None:
    payment = await captured(kept, 100)
    await kept.store.refund(back(payment, 30))
    await kept.ended(payment)
    assert await kept.store.refund_ended(10) == 1
    assert await kept.store.refund_ended(10) == 0
    await kept.ended(payment)
    assert await kept.store.refund_ended(10) == 1
    amounts = {one.reason: one.amount for one in await kept.store.refunds_of(payment.id)}
    assert amounts == {Reason.CONCESSION: 30, Reason.CANCELLED: 70}


@pytest.mark.parametrize(
    ("conceded", "kept_of_it", "rest"), [(0, 40, 60), (15, 40, 60), (40, 40, 60), (70, 40, 30), (0, 100, 0)]
)
async def test_what_is_kept_does_not_go_back_and_what_was_conceded_is_of_it(
    kept: Kept, conceded: int, kept_of_it: int, rest: int
) -> None:
    payment = await captured(kept, 100)
    if conceded:
        await kept.store.refund(back(payment, conceded))
    await kept.ended(payment, kept_of_it)
    assert await kept.store.refund_ended(10) == 1
    made = [one for one in await kept.store.refunds_of(payment.id) if one.reason is Reason.CANCELLED]
    assert sum(one.amount for one in made) == rest
    assert (await found(kept, payment)).promised == conceded + rest


async def test_what_is_cancelled_before_its_payment_has_ended_waits_for_that(kept: Kept) -> None:
    payment = await accepted(kept)
    await kept.ended(payment)
    assert await kept.store.refund_ended(10) == 0


@pytest.mark.parametrize("reason", Reason)
async def test_each_refund_that_was_made_is_mailed_once(postgres: PostgresWorld, reason: Reason) -> None:
    kept = Kept(PostgresPayments(postgres.url), postgres)
    connection = await postgres.connection()
    await connection.execute("DELETE FROM refunds; DELETE FROM payments; DELETE FROM outgoing_mails")
    payment = await captured(kept)
    await kept.store.refund(back(payment, 40, reason))
    mails = "SELECT kind, reservation_id::text, parameters FROM outgoing_mails"
    (refund,) = await kept.store.take_refunds(10, LEASE_MS)
    await kept.store.write([Written(refund, (), goes_on=True)])
    assert await connection.fetch(mails) == []
    for _ in range(2):
        await kept.store.write([Written(replace(refund, step=RefundStep.DONE), ())])
    ((kind, reservation_id, said),) = await connection.fetch(mails)
    assert (kind, reservation_id) == ("refunded", payment.reservation_id)
    assert json.loads(said) == {"amount": 40, "currency": "EUR", "reason": reason.value}
    await kept.store.close()


async def test_a_refund_of_what_charged_a_wallet_is_mailed_to_whose_it_is(postgres: PostgresWorld) -> None:
    kept = Kept(PostgresPayments(postgres.url), postgres)
    connection = await postgres.connection()
    await connection.execute("DELETE FROM refunds; DELETE FROM payments; DELETE FROM outgoing_mails")
    account_id, email = new_id(), f"{new_id()}@example.org"
    put = "INSERT INTO accounts VALUES ($1, $2, $3, 'Ada', 'es', 'customer', NULL, NULL, 1, 0)"
    await connection.execute(put, account_id, email.encode(), email)
    for wallet in (account_id, "till 3", "-" * 36):
        named = Payment(
            id=new_id(), inventory_id="", reservation_id="", provider="sandbox", deadline_ms=1, wallet=wallet
        )
        await kept.store.accept(NewPayment(payment=named, request_id=new_request_id(), fingerprint=b""))
        (taken,) = await kept.store.take(10, LEASE_MS)
        had = {"standing": Standing.CAPTURED, "captured": True, "amount": 100, "currency": "EUR"}
        await kept.store.write([Written(replace(taken, step=Step.DONE, **had), ())])
        await kept.store.refund(back(named, 40, Reason.WALLET))
        (refund,) = await kept.store.take_refunds(10, LEASE_MS)
        done = replace(refund, step=RefundStep.DONE)
        assert await kept.store.write([Written(done, ())]) == {refund.id}
    ((*told, said),) = await connection.fetch(
        "SELECT kind, recipient, language, reservation_id, parameters FROM outgoing_mails"
    )
    assert told == ["wallet_refunded", email, "es", None]
    assert json.loads(said) == {"amount": 40, "currency": "EUR", "reason": "wallet"}
    await kept.store.close()


async def test_ones_own_payments_are_found_by_their_reservations_and_by_the_wallet(
    postgres: PostgresWorld,
) -> None:
    kept = Kept(PostgresPayments(postgres.url), postgres)
    connection = await postgres.connection()
    await connection.execute("DELETE FROM refunds; DELETE FROM payments")
    store, customer, wallet = postgres.store(), new_request_id(), new_id()
    sale = await Sale.opened(store)
    holds = [replace(place(), customer=whose) for whose in (customer, customer, b"another's")]
    assert await sale.append(store, sale.decided(*holds))
    own = [(sale.id, hold.reservation_id, "") for hold in holds]
    made = []
    charges = [("", "", wallet)] * 3
    for inventory_id, reservation_id, charged in [*own, *charges, ("", "", "x")]:
        payment = Payment(
            id=new_id(),
            inventory_id=inventory_id,
            reservation_id=reservation_id,
            provider="sandbox",
            deadline_ms=1,
            wallet=charged,
        )
        await kept.store.accept(NewPayment(payment=payment, request_id=new_request_id(), fingerprint=b""))
        made.append(payment.id)
    in_wallet, in_vain, under_way = made[3:6]
    await connection.execute(
        "UPDATE payments SET wake_ms = NULL, standing = CASE id WHEN $2 THEN 'failed' ELSE 'captured' END"
        " WHERE id = ANY ($1::uuid[])",
        [in_wallet, in_vain],
        in_vain,
    )
    assert isinstance(kept.store, PostgresPayments)
    first = await kept.store.of_customer(customer, wallet, None, 3)
    assert [one.id for one in first] == [under_way, in_vain, in_wallet]
    rest = await kept.store.of_customer(customer, wallet, first[-1].id, 3)
    assert [one.id for one in rest] == [made[1], made[0]]
    await kept.store.close()


@pytest.mark.parametrize("many", [NOTES_MAX, NOTES_MAX + 1])
async def test_of_many_notes_the_last_are_shown_the_newest_at_the_end(kept: Kept, many: int) -> None:
    await accepted(kept)
    (taken,) = await kept.store.take(10, LEASE_MS)
    notes = tuple(Note(taken.id, "charge", "", str(number)) for number in range(many))
    await kept.store.write([Written(taken, notes)])
    shown = [int(result) for _, _, _, result in await kept.store.notes_of(taken.id)]
    assert shown == list(range(many))[-NOTES_MAX:]


async def test_notes_are_never_changed(postgres: PostgresWorld) -> None:
    kept = Kept(PostgresPayments(postgres.url), postgres)
    await accepted(kept)
    taken = await kept.store.take(1_000, LEASE_MS)
    await kept.store.write([Written(one, (Note(one.id, "charge", "", "asked"),)) for one in taken])
    connection = await postgres.connection()
    for statement in ("UPDATE payment_steps SET result = 'x'", "DELETE FROM payment_steps"):
        with pytest.raises(Exception, match="append-only"):
            await connection.execute(statement)
    assert isinstance(kept.store, PostgresPayments)
    with pytest.raises(Refused):
        await kept.store.write([Written(replace(taken[0], promised=1), ())])
    await kept.store.close()


@pytest.mark.parametrize(
    ("step", "looked_at"), [(Step.LOOK_UP, True), (Step.CONFIRM, False), (Step.GIVE_BACK, False)]
)
async def test_an_event_of_a_provider_is_heard_once_and_takes_its_payment_from_nobody_who_asks_owners(
    kept: Kept, step: Step, looked_at: bool
) -> None:
    await accepted(kept)
    (payment,) = await kept.store.take(10, LEASE_MS)
    assert await kept.store.write([Written(replace(payment, step=step), (), goes_on=True)])
    event_id = new_id()
    assert await kept.store.hear("sandbox", event_id, payment.id)
    assert not await kept.store.hear("sandbox", event_id, payment.id)
    assert [one.id for one in await kept.store.take(10, LEASE_MS)] == [payment.id] * looked_at
