"""What every store of payments promises of purchases: the parts' own rows are written with the whole."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from actors.payment_ports import Written
from domain.messages import Code, Rejected
from domain.payment import NewPayment, Part, Payment, Standing, Step
from domain.refund import Reason, Refund, RefundStep
from tests.persistence.sales import NOW_MS, new_id, new_request_id
from tests.persistence.test_payments import LEASE_MS, Kept, back, found, kept, wanted

__all__ = ["kept"]


def purchase(parts: int = 3) -> NewPayment:
    whole = Payment(
        id=new_id(),
        inventory_id="",
        reservation_id="",
        provider="sandbox",
        method="success",
        deadline_ms=NOW_MS,
        parts=tuple(Part(new_id(), new_id(), new_id()) for _ in range(parts)),
    )
    return NewPayment(payment=whole, request_id=new_request_id(), fingerprint=b"body")


async def taken(kept: Kept) -> Payment:
    """A purchase that a worker has taken; its parts are not to be taken."""
    made = await kept.store.accept(purchase())
    (one,) = await kept.store.take(10, LEASE_MS)
    assert isinstance(made, Payment)
    assert (one.id, one.parts) == (made.id, made.parts)
    return one


async def part_of(kept: Kept, whole: Payment, number: int) -> Payment:
    there = await kept.store.find(whole.parts[number].payment_id)
    assert there is not None
    return there


def at_its_end(whole: Payment, *undone: bool) -> Payment:
    parts = tuple(replace(part, amount=10, undone=one) for part, one in zip(whole.parts, undone, strict=True))
    return replace(
        whole,
        parts=parts,
        step=Step.DONE,
        standing=Standing.CAPTURED,
        captured=True,
        amount=30,
        currency="EUR",
        provider_ref="ch_1",
        error="too late" if any(undone) else None,
    )


async def test_a_part_is_a_payment_of_its_own_reservation_and_says_of_what_it_is_a_part(kept: Kept) -> None:
    whole = await taken(kept)
    for number, part in enumerate(whole.parts):
        there = await part_of(kept, whole, number)
        assert (there.inventory_id, there.reservation_id) == (part.inventory_id, part.reservation_id)
        assert (there.whole_id, there.standing, there.method) == (whole.id, Standing.PENDING, "success")
        assert await kept.store.of_inventory(part.inventory_id, None, None, 10) == [there]


async def test_what_comes_of_a_purchase_comes_of_its_parts(kept: Kept) -> None:
    whole = await taken(kept)
    assert await kept.store.write([Written(at_its_end(whole, False, False, False), ())]) == {whole.id}
    for number in range(3):
        there = await part_of(kept, whole, number)
        assert (there.standing, there.amount, there.captured) == (Standing.CAPTURED, 10, True)
        assert (there.provider_ref, there.promised, there.step) == ("ch_1", 0, Step.DONE)
    assert await kept.store.take_refunds(10, LEASE_MS) == []


async def test_the_money_of_what_was_undone_is_promised_back_part_by_part(kept: Kept) -> None:
    whole = await taken(kept)
    await kept.store.write([Written(at_its_end(whole, True, False, True), ())])
    refunds = await kept.store.take_refunds(10, LEASE_MS)
    undone = {whole.parts[0].payment_id, whole.parts[2].payment_id}
    assert {(one.payment_id, one.amount, one.reason, one.provider_ref) for one in refunds} == {
        (payment_id, 10, Reason.LATE, "ch_1") for payment_id in undone
    }
    await kept.store.write([Written(replace(one, step=RefundStep.DONE), ()) for one in refunds])
    assert (await part_of(kept, whole, 0)).standing is Standing.REFUNDED
    assert (await part_of(kept, whole, 0)).error == "too late"
    stays = await part_of(kept, whole, 1)
    assert (stays.standing, stays.refunded, stays.error) == (Standing.CAPTURED, 0, None)


async def test_a_worker_whose_purchase_another_has_taken_writes_no_part_either(kept: Kept) -> None:
    await kept.store.accept(purchase())
    (old,) = await kept.store.take(10, 0)
    await asyncio.sleep(0.002)
    await kept.store.take(10, LEASE_MS)
    assert await kept.store.write([Written(at_its_end(old, True, True, True), ())]) == set()
    assert (await part_of(kept, old, 0)).standing is Standing.PENDING
    assert await kept.store.take_refunds(10, LEASE_MS) == []


async def test_a_purchase_is_paid_back_in_its_parts_only(kept: Kept) -> None:
    whole = await taken(kept)
    await kept.store.write([Written(at_its_end(whole, False, False, False), ())])
    said = await kept.store.refund(back(whole, None))
    assert isinstance(said, Rejected)
    assert said.code is Code.WRONG_STATE
    made = await kept.store.refund(back(await part_of(kept, whole, 1), 4))
    assert isinstance(made, Refund)
    assert (await part_of(kept, whole, 1)).promised == 4
    assert (await found(kept, whole)).promised == 0


async def test_what_was_bought_with_others_and_is_cancelled_gets_its_own_price_back(kept: Kept) -> None:
    whole = await taken(kept)
    await kept.store.write([Written(at_its_end(whole, False, False, False), ())])
    await kept.ended(await part_of(kept, whole, 2))
    assert await kept.store.refund_ended(10) == 1
    (refund,) = await kept.store.take_refunds(10, LEASE_MS)
    assert (refund.payment_id, refund.amount) == (whole.parts[2].payment_id, 10)


async def test_one_key_is_one_purchase_also_beside_others(kept: Kept) -> None:
    first = purchase()
    others = [wanted() for _ in range(3)]
    again = replace(first, payment=replace(first.payment, id=new_id()))
    said = await asyncio.gather(*(kept.store.accept(one) for one in (first, *others, again)))
    assert all(isinstance(one, Payment) for one in said)
    made = await kept.store.accept(again)
    assert isinstance(made, Payment)
    assert made.id == first.payment.id
    assert await kept.store.of_request(first.request_id, b"body") == made
    reused = await kept.store.of_request(first.request_id, b"other")
    assert isinstance(reused, Rejected)
    assert reused.code is Code.KEY_REUSED
    assert await kept.store.of_request(new_request_id(), b"body") is None
