"""Stripe as a provider: what it says to each question, what is lost on the way, and what a webhook says."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from msgspec.structs import replace

from actors.meter import Meter
from actors.payments import PaymentLimits, PaymentWorker
from actors.stripe_payments import StripeConfig, StripePayments
from domain.payment import Payment
from domain.provider_answers import (
    Captured,
    Declined,
    NeedsAction,
    PaidBack,
    Prepared,
    Returned,
    Said,
    Unclear,
    Unknown,
    Working,
)
from domain.refund import ASKED_AFTER_MS, SPREAD_MS, Reason, Refund, RefundStep
from domain.webhooks import signature_of
from server.ids import uuid7
from server.parts import Options
from tests.server.conftest import OPERATOR, Api, Start, start
from tests.stripe.front import BANK, SECRET_KEY, Front

VISA, REFUSED, SECURE = "pm_card_visa", "pm_card_chargeCustomerFail", "4000002500003155"
TIMEOUT_S = 1.0
WEBHOOK_SECRET = "whsec_turnstile"
__all__ = ["start"]


@pytest.fixture
async def stripe(front: Front) -> AsyncIterator[StripePayments]:
    made = StripePayments(StripeConfig(SECRET_KEY, "https://tickets.example", front.url), TIMEOUT_S)
    yield made
    await made.close()


def payment(method: str = VISA, amount: int = 4_500, currency: str = "EUR") -> Payment:
    now_ms = int(time.time() * 1000)
    ids = [uuid7(now_ms) for _ in range(3)]
    return Payment(
        id=ids[0],
        inventory_id=ids[1],
        reservation_id=ids[2],
        provider="stripe",
        deadline_ms=now_ms + 600_000,
        method=method,
        amount=amount,
        currency=currency,
    )


async def prepared(stripe: StripePayments, wanted: Payment) -> Payment:
    said = await stripe.charge(wanted.key("charge"), wanted)
    assert isinstance(said, Prepared), said
    return replace(wanted, provider_ref=said.ref)


def whole(paid: Payment) -> Captured:
    return Captured(paid.provider_ref or "", 4_500, "EUR")


async def charged(stripe: StripePayments, wanted: Payment) -> Said:
    return await stripe.charge(wanted.key("charge"), wanted)


# --- charging -------------------------------------------------------------------------------------


async def test_an_intent_is_made_first_and_charged_once_its_name_is_known(
    stripe: StripePayments, front: Front
) -> None:
    known = await prepared(stripe, payment())
    made = await front.ask("GET", f"/v1/payment_intents/{known.provider_ref}")
    assert (made["status"], made["metadata"]) == ("requires_confirmation", {"turnstile_payment_id": known.id})
    assert await stripe.look_up(known.key("charge"), known) == Prepared(known.provider_ref or "")
    assert await charged(stripe, known) == whole(known)
    assert await stripe.look_up(known.key("charge"), known) == whole(known)


async def test_each_question_has_a_key_of_its_own_and_asked_again_is_the_same(
    stripe: StripePayments, front: Front
) -> None:
    wanted = payment()
    known = [await prepared(stripe, wanted) for _ in range(3)]
    assert len({one.provider_ref for one in known}) == 1
    said = [await charged(stripe, known[0]) for _ in range(3)]
    assert said == [whole(known[0])] * 3
    key = wanted.key("charge")
    assert {one.key for one in front.posted("/payment_intents")} == {key}
    assert {one.key for one in front.posted("/confirm")} == {f"{key}:confirm"}
    charges = await front.ask("GET", "/v1/charges")
    assert sum(one["payment_intent"] == known[0].provider_ref for one in charges["data"]) == 1


async def test_a_declined_card_is_over_and_can_be_charged_by_nobody_later(
    stripe: StripePayments, front: Front
) -> None:
    known = await prepared(stripe, payment(REFUSED))
    said = await charged(stripe, known)
    assert isinstance(said, Declined)
    assert said.error == "The card was declined. Nothing was charged."
    assert "card_declined" in said.detail
    gone = await front.ask("GET", f"/v1/payment_intents/{known.provider_ref}")
    assert gone["status"] == "canceled"
    assert isinstance(await stripe.look_up(known.key("charge"), known), Declined)


async def test_a_way_of_paying_that_there_is_not_is_declined(stripe: StripePayments) -> None:
    said = await charged(stripe, payment("pm_nothing"))
    assert isinstance(said, Declined), said


async def test_who_has_to_confirm_is_sent_to_the_bank_and_back(stripe: StripePayments, front: Front) -> None:
    known = await prepared(stripe, payment(await front.method(SECURE)))
    said = await charged(stripe, known)
    assert said == NeedsAction(known.provider_ref or "", BANK)
    assert BANK not in repr(said), "the address is the buyer's alone, and is in no note"
    (confirm,) = front.posted("/confirm")
    assert confirm.form["return_url"] == f"https://tickets.example/payments/{known.id}"
    assert isinstance(await stripe.look_up(known.key("charge"), known), NeedsAction)
    await acted(front, known, success=True)
    assert await stripe.look_up(known.key("charge"), known) == whole(known)


async def test_who_does_not_confirm_has_paid_nothing(stripe: StripePayments, front: Front) -> None:
    known = await prepared(stripe, payment(await front.method(SECURE)))
    await charged(stripe, known)
    await acted(front, known, success=False)
    said = await stripe.look_up(known.key("charge"), known)
    assert isinstance(said, Declined)
    assert said.error == "The bank did not confirm this payment. Nothing was charged."


async def acted(front: Front, known: Payment, success: bool) -> None:
    path = f"/v1/payment_intents/{known.provider_ref}"
    secret = (await front.ask("GET", path))["client_secret"]
    await front.ask("POST", f"{path}/_authenticate", client_secret=secret, success=str(success).lower())


# --- what is lost ---------------------------------------------------------------------------------


async def test_an_answer_that_is_lost_is_unclear_and_asked_again_it_is_the_same_intent(
    stripe: StripePayments, front: Front
) -> None:
    wanted = payment()
    front.losing = 1
    assert isinstance(await charged(stripe, wanted), Unclear)
    assert await stripe.look_up(wanted.key("charge"), wanted) == Unknown(), "nothing can have been charged"
    known = await prepared(stripe, wanted)
    front.losing = 1
    assert isinstance(await charged(stripe, known), Unclear)
    assert isinstance(await stripe.look_up(known.key("charge"), known), Captured)
    charges = await front.ask("GET", "/v1/charges")
    assert sum(one["payment_intent"] == known.provider_ref for one in charges["data"]) == 1


def error_with(message: str) -> bytes:
    return json.dumps({"error": {"type": "api_error", "message": message}}).encode()


@pytest.mark.parametrize("status", [500, 429, 401, 409])
async def test_an_error_of_stripes_is_unclear_and_says_nothing_of_what_was_sent(
    stripe: StripePayments, front: Front, status: int
) -> None:
    front.failing, front.error = 1, (status, error_with(SECRET_KEY))
    said = await charged(stripe, payment())
    assert isinstance(said, Unclear)
    assert SECRET_KEY not in said.detail
    assert said.detail


async def test_silence_ends_in_time_and_holds_up_nobody(stripe: StripePayments, front: Front) -> None:
    front.hanging = True
    turns, begun_s = 0, time.monotonic()
    asking = asyncio.create_task(charged(stripe, payment()))
    while not asking.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert isinstance(asking.result(), Unclear)
    assert turns > 20
    assert time.monotonic() - begun_s < 10 * TIMEOUT_S


async def test_nobody_there_is_unclear() -> None:
    nobody = StripePayments(StripeConfig(SECRET_KEY, "https://x.example", "http://127.0.0.1:1"), TIMEOUT_S)
    known = replace(payment(), provider_ref="pi_1")
    for said in (await charged(nobody, payment()), await nobody.look_up("k", known)):
        assert isinstance(said, Unclear)
    await nobody.close()


# --- past the deadline ----------------------------------------------------------------------------


async def test_what_was_never_confirmed_is_cancelled_without_a_question(
    stripe: StripePayments, front: Front
) -> None:
    wanted = payment()
    assert isinstance(await stripe.cancel(wanted.key("charge"), wanted), Declined)
    assert front.asked == []


async def test_what_is_cancelled_is_charged_no_more(stripe: StripePayments) -> None:
    known = await prepared(stripe, payment())
    assert isinstance(await stripe.cancel(known.key("charge"), known), Declined)
    assert isinstance(await charged(stripe, known), Declined)
    assert isinstance(await stripe.cancel(known.key("charge"), known), Declined)


async def test_to_cancel_what_is_paid_says_that_it_is(stripe: StripePayments) -> None:
    known = await prepared(stripe, payment())
    await charged(stripe, known)
    assert isinstance(await stripe.cancel(known.key("charge"), known), Captured)


# --- paying back ----------------------------------------------------------------------------------


def refund(paid: Payment, amount: int, attempts: int = 1) -> Refund:
    return Refund(
        id=uuid7(int(time.time() * 1000)),
        payment_id=paid.id,
        inventory_id=paid.inventory_id,
        reservation_id=paid.reservation_id,
        provider="stripe",
        amount=amount,
        currency="EUR",
        reason=Reason.CONCESSION,
        step=RefundStep.PAY_BACK,
        provider_ref=paid.provider_ref or "",
        attempts=attempts,
    )


async def refunds_of(front: Front, paid: Payment) -> list[int]:
    listed = await front.ask("GET", f"/v1/refunds?payment_intent={paid.provider_ref}")
    return [one["amount"] for one in listed["data"]]


async def test_a_refund_is_made_once_whatever_is_lost_and_however_late_it_is_asked_again(
    stripe: StripePayments, front: Front
) -> None:
    known = await prepared(stripe, payment())
    await charged(stripe, known)
    back = refund(known, 1_500)
    front.losing = 1
    assert isinstance(await stripe.pay_back(back.key, back), Unclear)
    first = await stripe.pay_back(back.key, back)
    assert isinstance(first, PaidBack)
    front.answers.clear()  # a day later, the key is forgotten
    assert await stripe.pay_back(back.key, replace(back, attempts=2)) == first
    assert await refunds_of(front, known) == [1_500]
    other = refund(known, 3_000)
    assert isinstance(await stripe.pay_back(other.key, other), PaidBack)
    assert sorted(await refunds_of(front, known)) == [1_500, 3_000]


async def test_a_refund_is_as_stripe_says_now_and_one_that_failed_is_not_made_again(
    stripe: StripePayments, front: Front
) -> None:
    known = await prepared(stripe, payment())
    await charged(stripe, known)
    back = refund(known, 1_500)
    front.refunds = "pending"
    assert isinstance(await stripe.pay_back(back.key, back), Working)
    front.refunds = "succeeded"
    assert isinstance(await stripe.pay_back(back.key, replace(back, attempts=2)), PaidBack)
    front.refunds = "failed"
    for step in (RefundStep.DONE, RefundStep.FAILED):
        said = await stripe.pay_back(back.key, replace(back, attempts=3, step=step))
        assert said == Returned("the refund is failed")
    assert await refunds_of(front, known) == [1_500]
    other = refund(known, 1, attempts=2)
    gone = await stripe.pay_back(other.key, replace(other, step=RefundStep.DONE))
    assert isinstance(gone, Unclear), "what was made once is never made again"
    assert await refunds_of(front, known) == [1_500]


async def test_a_refund_of_nothing_that_was_paid_is_unclear(stripe: StripePayments) -> None:
    known = await prepared(stripe, payment(REFUSED))
    await charged(stripe, known)
    back = refund(known, 1)
    assert isinstance(await stripe.pay_back(back.key, back), Unclear)


# --- the whole way, through HTTP ------------------------------------------------------------------


@dataclass
class Shop:
    api: Api
    event_id: str
    stripe: StripePayments
    front: Front

    def now_ms(self) -> int:
        return self.api.gateway.now_ms

    async def held(self) -> tuple[str, dict[str, str]]:
        return await self.api.new_hold(self.event_id)

    async def begun(self, method: str) -> tuple[str, dict[str, str], str]:
        path, token = await self.held()
        answer = await self.api.post(
            f"{path}/payments", json={"provider": "stripe", "method": method}, headers=token
        )
        assert answer.status == 202, answer.raw
        return path, token, answer.headers["Location"]

    async def work(self) -> None:
        """One look at what is due."""
        limits = PaymentLimits(provider_timeout_s=5.0)
        worker = PaymentWorker(
            self.api.payments, self.api.gateway, {"stripe": self.stripe}, self, Meter(), limits
        )
        await worker.take()
        await worker.settled()

    async def shown(self, location: str, token: dict[str, str]) -> dict[str, Any]:
        await self.work()
        said: dict[str, Any] = (await self.api.get(location, headers=token)).json
        return said


@pytest.fixture
async def shop(start: Start, stripe: StripePayments, front: Front) -> Shop:
    secrets = {"stripe": WEBHOOK_SECRET.encode()}
    api = await start(Options(webhook_secrets=secrets, card_provider="stripe"))
    api.gateway.now_ms = int(time.time() * 1000)
    return Shop(api, await api.new_event(payment="required"), stripe, front)


async def test_a_card_pays_for_a_ticket_and_gets_its_money_back(shop: Shop) -> None:
    path, token, location = await shop.begun(VISA)
    shown = await shop.shown(location, token)
    assert (shown["status"], shown["amount"]["amount"]) == ("captured", 4_500)
    assert (await shop.api.get(path, headers=token)).json["status"] == "confirmed"
    await shop.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (await shop.shown(location, token))["status"] == "refunded"


async def test_a_declined_card_gives_the_hold_back_with_words_for_who_pays(shop: Shop) -> None:
    path, token, location = await shop.begun(REFUSED)
    shown = await shop.shown(location, token)
    assert (shown["status"], shown["amount"]) == ("failed", None)
    assert shown["error"] == "The card was declined. Nothing was charged."
    assert (await shop.api.get(path, headers=token)).json["status"] == "held"


async def test_less_than_was_asked_for_confirms_nothing_and_goes_back(shop: Shop) -> None:
    shop.front.short = 1
    path, token, location = await shop.begun(VISA)
    shown = await shop.shown(location, OPERATOR)
    assert (shown["status"], shown["detail"]) == ("captured", "captured 4499 EUR of 4500 EUR")
    assert (await shop.api.get(path, headers=token)).json["status"] == "held"
    assert (await shop.shown(location, token))["status"] == "refunded"


async def test_stripes_webhook_has_a_payment_looked_at_and_is_heard_once(shop: Shop, front: Front) -> None:
    _, token, location = await shop.begun(await front.method(SECURE))
    shown = await shop.shown(location, token)
    assert (shown["status"], shown["action_url"]) == ("needs_action", BANK)
    payment_id = location.rpartition("/")[2]
    known = await shop.api.payments.find(payment_id)
    assert known is not None
    host, port = shop.api.runner.addresses[0][:2]
    hears = f"http://{host}:{port}/api/v1/payments/webhooks/stripe"
    async with ClientSession() as session:
        config = {"url": hears, "secret": WEBHOOK_SECRET}
        async with session.post(f"{front.localstripe}/_config/webhooks/turnstile", json=config) as said:
            assert said.status == 200
    await acted(front, known, success=True)
    async with asyncio.timeout(10.0):
        while not shop.api.payments.heard:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await shop.shown(location, token))["status"] == "captured"
    assert len(shop.api.payments.heard) == 1


async def test_a_refund_that_stripe_fails_days_later_is_seen_by_its_webhook(shop: Shop, front: Front) -> None:
    _, token, location = await shop.begun(VISA)
    await shop.shown(location, token)
    refund_id = (await shop.api.post(f"{location}/refunds", headers=OPERATOR)).json["id"]
    assert (await shop.shown(location, token))["status"] == "refunded"
    front.refunds = "failed"
    listed = await front.ask("GET", "/v1/refunds")
    (made,) = [one for one in listed["data"] if one["metadata"].get("turnstile_refund_id") == refund_id]
    event = {"id": "evt_1", "type": "refund.failed", "data": {"object": made | {"status": "failed"}}}
    body = json.dumps(event).encode()
    headers = {"Stripe-Signature": signature_of(WEBHOOK_SECRET.encode(), body, shop.now_ms() // 1000)}
    said = await shop.api.post("/api/v1/payments/webhooks/stripe", data=body, headers=headers)
    assert (said.status, said.json["first"]) == (200, True)
    shown = await shop.shown(location, token)
    assert (shown["status"], shown["refunds"][0]["status"]) == ("captured", "failed")


async def test_a_refund_that_stripe_fails_is_seen_within_a_day_though_no_webhook_comes(
    shop: Shop, front: Front
) -> None:
    _, token, location = await shop.begun(VISA)
    await shop.shown(location, token)
    await shop.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (await shop.shown(location, token))["status"] == "refunded"
    front.refunds = "failed"
    assert (await shop.shown(location, token))["status"] == "refunded"
    shop.api.gateway.now_ms += ASKED_AFTER_MS + SPREAD_MS
    shown = await shop.shown(location, token)
    assert (shown["status"], shown["refunds"][0]["status"]) == ("captured", "failed")


async def test_no_key_is_logged_or_shown(shop: Shop, front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    front.failing, front.error = 1, (500, error_with(SECRET_KEY))
    _, token, location = await shop.begun(VISA)
    await shop.shown(location, token)
    steps = await shop.api.get(f"{location}/steps", headers=OPERATOR)
    for said in (caplog.text, steps.raw, repr(StripeConfig(SECRET_KEY, "https://x.example"))):
        assert SECRET_KEY not in str(said)
