"""Payments and wallets through HTTP: begun, followed, paid back; and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from actors.meter import Meter
from actors.payments import PaymentLimits, PaymentWorker
from domain.event_messages import BeginPayment
from domain.payment import Payment
from domain.provider_answers import (
    Captured,
    Declined,
    PaidBack,
    PaidOut,
    Returned,
    Said,
    SaidOfPayout,
    SaidOfRefund,
    Working,
)
from domain.refund import Refund
from domain.webhooks import signature_of
from server.parts import Options
from tests.server.conftest import OPERATOR, Answer, Api, Start
from tests.server.people import signed_in

PRICE = 4500
HOUR_MS = 3_600_000
OWN = "/api/v1/accounts/me/payments"


@dataclass
class Till:
    """A provider that says at once what the method asks for, and keeps what it took."""

    taken: dict[str, int] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    out: dict[str, int] = field(default_factory=dict)
    short: int = 0
    """So much less than it is asked for it takes."""
    refunds: str = "succeeded"
    """How all refunds stand, as Stripe says it."""
    ready: bool = False
    """What was delayed has been paid."""
    tells_unasked: bool = False

    async def charge(self, key: str, payment: Payment) -> Said:
        if payment.method == "declined":
            return Declined("The card was declined.", "do_not_honour")
        if payment.method == "delayed" and not self.ready:
            return Working(key)
        taken = self.taken.setdefault(key, (payment.amount or 0) - self.short)
        return Captured(key, taken, payment.currency or "")

    async def look_up(self, key: str, payment: Payment) -> Said:
        return await self.charge(key, payment)

    async def cancel(self, key: str, payment: Payment) -> Said:
        return await self.charge(key, payment) if key in self.taken else Declined("Too late.", "cancelled")

    async def pay_out(self, key: str, payment: Payment) -> SaidOfPayout:
        if payment.method == "declined":
            return Declined("The bank does not take it.", "closed_account")
        self.out.setdefault(key, payment.amount or 0)
        return Working(key) if payment.method == "delayed" else PaidOut(key)

    async def pay_back(self, key: str, refund: Refund) -> SaidOfRefund:
        self.back.setdefault(key, refund.amount)
        if self.refunds == "succeeded":
            return PaidBack(key)
        return Working(key) if self.refunds == "pending" else Returned(self.refunds)


@dataclass
class Clock:
    api: Api

    def now_ms(self) -> int:
        return self.api.gateway.now_ms


@dataclass
class Sale:
    """An event that takes money, a till, and whoever sees payments through."""

    api: Api
    event_id: str
    till: Till = field(default_factory=Till)

    async def hold(self, quantity: int = 1) -> tuple[str, dict[str, str]]:
        return await self.api.new_hold(self.event_id, quantity=quantity)

    async def pay(self, path: str, token: dict[str, str], **more: Any) -> Answer:
        headers = token | {"Idempotency-Key": more.pop("key")} if "key" in more else token
        return await self.api.post(f"{path}/payments", json={"provider": "sandbox"} | more, headers=headers)

    async def work(self) -> None:
        tills = {"sandbox": self.till, "stripe": self.till}
        worker = PaymentWorker(self.api.payments, self.api.gateway, tills, Clock(self.api), Meter())
        await worker.take()
        await worker.settled()

    async def paid(self, quantity: int = 1) -> tuple[str, dict[str, str], str]:
        """The reservation's path, its token, and the payment's path."""
        path, token = await self.hold(quantity)
        location = (await self.pay(path, token)).headers["Location"]
        await self.work()
        return path, token, location

    async def status(self, path: str) -> str:
        return str((await self.api.get(path, headers=OPERATOR)).json["status"])


@pytest.fixture
async def sale(api: Api) -> Sale:
    return Sale(api, await api.new_event(payment="required", cancel_until="2099-01-01T00:00:00Z"))


async def test_who_holds_a_ticket_pays_for_it_and_sees_the_payment_through_to_its_end(sale: Sale) -> None:
    path, token = await sale.hold(2)
    begun = await sale.pay(path, token)
    assert (begun.status, begun.json["status"], begun.json["error"]) == (202, "pending", None)
    location = begun.headers["Location"]
    assert await sale.status(path) == "paying"
    await sale.work()
    shown = (await sale.api.get(location, headers=token)).json
    assert (shown["status"], shown["amount"]) == ("captured", {"amount": 2 * PRICE, "currency": "EUR"})
    assert "detail" not in shown
    assert await sale.status(path) == "confirmed"
    assert list(sale.till.taken.values()) == [2 * PRICE]


async def test_a_declined_payment_shows_no_amount_says_why_and_gives_the_hold_back(sale: Sale) -> None:
    path, token = await sale.hold()
    location = (await sale.pay(path, token, method="declined")).headers["Location"]
    await sale.work()
    shown = (await sale.api.get(location, headers=token)).json
    assert (shown["status"], shown["amount"], shown["currency"]) == ("failed", None, None)
    assert shown["error"] == "The card was declined."
    assert await sale.status(path) == "held"
    told = (await sale.api.get(location, headers=OPERATOR)).json
    assert (told["detail"], told["step"]) == ("do_not_honour", "done")


async def test_other_money_than_was_asked_for_buys_nothing_and_goes_back(sale: Sale) -> None:
    sale.till.short = 1
    path, token, location = await sale.paid()
    assert await sale.status(path) == "held"
    await sale.work()
    shown = (await sale.api.get(location, headers=token)).json
    assert (shown["status"], shown["amount"]["amount"]) == ("refunded", PRICE - 1)
    assert "all of it goes back" in shown["error"]
    assert list(sale.till.back.values()) == [PRICE - 1]
    told = (await sale.api.get(location, headers=OPERATOR)).json
    assert told["detail"] == "captured 4499 EUR of 4500 EUR"
    sale.till.short = 0
    await sale.pay(path, token)
    await sale.work()
    assert await sale.status(path) == "confirmed"


async def test_an_expired_hold_is_not_paid_and_the_provider_is_not_asked(sale: Sale) -> None:
    path, token = await sale.hold()
    sale.api.gateway.now_ms += HOUR_MS
    for _ in range(2):
        refused = await sale.pay(path, token, key="late")
        assert (refused.status, refused.code) == (410, "hold_expired")
        await sale.work()
    assert sale.till.taken == {}


async def test_what_is_paid_or_being_paid_is_not_paid_twice(sale: Sale) -> None:
    path, token = await sale.hold()
    first = await sale.pay(path, token, key="one")
    again = await sale.pay(path, token, key="one")
    assert first.json["id"] == again.json["id"]
    other = await sale.pay(path, token, key="two")
    assert (other.status, other.code, other.json["reservation_status"]) == (409, "wrong_state", "paying")
    await sale.work()
    paid = await sale.pay(path, token)
    assert (paid.status, paid.json["reservation_status"]) == (409, "confirmed")
    assert len(sale.till.taken) == 1


async def test_what_was_refused_under_a_key_is_paid_under_it_once_it_can_be(sale: Sale) -> None:
    path, token = await sale.hold()
    await sale.pay(path, token, method="declined")
    refused = await sale.pay(path, token, key="two")
    assert (refused.status, refused.code) == (409, "wrong_state")
    await sale.work()
    assert await sale.status(path) == "held"
    begun = await sale.pay(path, token, key="two")
    assert (begun.status, begun.json["status"]) == (202, "pending")
    await sale.work()
    assert await sale.status(path) == "confirmed"
    assert len(sale.till.taken) == 1


async def test_a_payment_that_is_over_before_the_owner_answers_is_told_of_and_not_refused(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, token = await sale.hold()
    ask, delays = sale.api.gateway.ask, [sale.work]

    async def ask_late(inventory_id: str, command: Any, key: Any = None) -> Any:
        if isinstance(command, BeginPayment) and delays:
            await delays.pop()()
        return await ask(inventory_id, command, key)

    monkeypatch.setattr(sale.api.gateway, "ask", ask_late)
    answer = await sale.pay(path, token, method="declined")
    assert (answer.status, answer.json["status"]) == (202, "failed")
    assert await sale.status(path) == "held"


@pytest.mark.parametrize("patient", [True, False])
async def test_a_refused_payment_that_begins_when_the_other_has_failed_is_given_back_or_begun_again(
    sale: Sale, monkeypatch: pytest.MonkeyPatch, patient: bool
) -> None:
    """The front end's word reaches the owner after a payment actor has been refused and the other is over."""
    path, token = await sale.hold()
    await sale.pay(path, token, method="declined")
    ask, delays = sale.api.gateway.ask, [sale.work]

    async def ask_late(inventory_id: str, command: Any, key: Any = None) -> Any:
        if isinstance(command, BeginPayment) and delays:
            await delays.pop()()
        return await ask(inventory_id, command, key)

    monkeypatch.setattr(sale.api.gateway, "ask", ask_late)
    late = await sale.pay(path, token, key="two")
    shown = await sale.api.get(late.headers["Location"], headers=token)
    assert (shown.json["status"], await sale.status(path)) == ("failed", "paying")
    if patient:
        sale.api.gateway.now_ms += PaymentLimits().begins_late_ms
        await sale.work()
        assert await sale.status(path) == "held"
    assert (await sale.pay(path, token, key="two")).json["status"] == "pending"
    await sale.work()
    sale.api.gateway.now_ms += PaymentLimits().begins_late_ms
    await sale.work()
    assert (await sale.status(path), len(sale.till.taken)) == ("confirmed", 1)


async def test_one_key_with_another_body_is_refused(sale: Sale) -> None:
    path, token = await sale.hold()
    await sale.pay(path, token, key="one")
    other = await sale.pay(path, token, key="one", method="declined")
    assert (other.status, other.code) == (422, "key_reused")


async def test_anothers_payment_is_not_there(sale: Sale) -> None:
    _, _, location = await sale.paid()
    _, stranger = await sale.hold()
    for headers in (stranger, {"Reservation-Token": "x" * 43}):
        assert (await sale.api.get(location, headers=headers)).status == 404
    assert (await sale.api.get(location)).status == 401
    nothing = "/api/v1/payments/00000000-0000-7000-8000-000000000000"
    assert (await sale.api.get(nothing, headers=OPERATOR)).code == "not_found"


async def test_who_pays_or_an_operator_answers_the_sandbox_and_nobody_else(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted: list[tuple[str, bool]] = []

    async def act(payment_id: str, approve: bool) -> bool:
        acted.append((payment_id, approve))
        return len(acted) < 3

    monkeypatch.setattr(sale.api.payments, "act", act)
    path, token = await sale.hold()
    payment_id = (await sale.pay(path, token, method="needs_action")).json["id"]
    bob = await signed_in(sale.api, "bob@example.org")
    ada = await signed_in(sale.api)
    _, stranger = await sale.hold()

    async def said(headers: dict[str, str]) -> int:
        where = f"/api/v1/sandbox/{payment_id}"
        return (await sale.api.post(where, json={"approve": True}, headers=headers)).status

    assert [await said(one) for one in (stranger, bob.headers, {"Reservation-Token": "x" * 43})] == [404] * 3
    assert (await said({}), acted) == (401, [])
    assert [await said(one) for one in (token, ada.headers, OPERATOR)] == [202, 202, 409]
    assert acted == [(payment_id, True)] * 3


async def test_a_holder_confirms_nothing_unpaid_and_the_box_office_does(sale: Sale) -> None:
    path, token = await sale.hold()
    refused = await sale.api.post(f"{path}/confirm", headers=token)
    assert (refused.status, refused.code) == (409, "payment_due")
    assert refused.json["total"] == {"amount": PRICE, "currency": "EUR"}
    said = await sale.api.post(f"{path}/confirm", json={"paid": "cash"}, headers=token)
    assert (said.status, said.code) == (403, "forbidden")
    sold = await sale.api.post(f"{path}/confirm", json={"paid": "card"}, headers=OPERATOR)
    assert (sold.status, sold.json["status"]) == (200, "confirmed")


async def test_all_of_a_payment_goes_back_and_the_reservation_is_cancelled(sale: Sale) -> None:
    path, token, location = await sale.paid(2)
    asked = await sale.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (asked.status, asked.json["status"], asked.json["reason"]) == (202, "pending", "operator")
    await sale.work()
    shown = (await sale.api.get(location, headers=token)).json
    assert (shown["status"], shown["refunds"][0]["status"]) == ("refunded", "done")
    assert await sale.status(path) == "cancelled"
    again = await sale.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (again.status, again.code) == (409, "wrong_state")


async def test_one_ticket_of_four_goes_back_at_its_price_and_three_stay(sale: Sale) -> None:
    path, _, location = await sale.paid(4)
    one = {"lines": [{"ticket_type": "ga", "quantity": 1}]}
    asked = await sale.api.post(f"{location}/refunds", json=one, headers=OPERATOR)
    assert (asked.status, asked.json["amount"]["amount"]) == (202, PRICE)
    await sale.work()
    reservation = (await sale.api.get(path, headers=OPERATOR)).json
    assert (reservation["status"], reservation["lines"][0]["quantity"]) == ("confirmed", 3)
    assert (await sale.api.get(location, headers=OPERATOR)).json["status"] == "partly_refunded"
    assert list(sale.till.back.values()) == [PRICE]


async def test_one_key_is_one_refund_though_its_tickets_are_gone_by_then(sale: Sale) -> None:
    _, _, location = await sale.paid(3)
    two = {"lines": [{"ticket_type": "ga", "quantity": 2}]}
    headers = OPERATOR | {"Idempotency-Key": "two"}
    asked = await sale.api.post(f"{location}/refunds", json=two, headers=headers)
    await sale.work()
    again = await sale.api.post(f"{location}/refunds", json=two, headers=headers)
    assert (again.status, again.json["id"], again.json["status"]) == (202, asked.json["id"], "done")
    other = await sale.api.post(f"{location}/refunds", headers=headers)
    assert (other.status, other.code) == (422, "key_reused")


async def test_a_holder_who_cancels_gets_back_what_the_event_does_not_keep(sale: Sale) -> None:
    await sale.api.patch(
        f"/api/v1/events/{sale.event_id}", json={"cancel_keeps_percent": 20}, headers=OPERATOR
    )
    path, token, location = await sale.paid(2)
    assert (await sale.api.post(f"{path}/cancel", headers=token)).json["status"] == "cancelled"
    await sale.work()
    await sale.work()
    shown = (await sale.api.get(location, headers=token)).json
    assert (shown["status"], shown["refunded"]) == ("partly_refunded", {"amount": 7200, "currency": "EUR"})
    assert list(sale.till.back.values()) == [7200]
    rest = await sale.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (rest.status, rest.json["amount"]["amount"]) == (202, 1800)


async def test_of_what_the_operator_cancels_nothing_is_kept(sale: Sale) -> None:
    await sale.api.patch(
        f"/api/v1/events/{sale.event_id}", json={"cancel_keeps_percent": 20}, headers=OPERATOR
    )
    path, _, location = await sale.paid(2)
    assert (await sale.api.post(f"{path}/cancel", headers=OPERATOR)).json["status"] == "cancelled"
    await sale.work()
    await sale.work()
    shown = (await sale.api.get(location, headers=OPERATOR)).json
    assert (shown["status"], shown["refunded"]["amount"]) == ("refunded", 2 * PRICE)


async def test_who_paid_before_the_start_was_moved_gets_all_of_it_back_within_the_window(api: Api) -> None:
    sale = Sale(api, await api.new_event(payment="required", cancel_keeps_percent=100))
    path, token, location = await sale.paid()
    assert (await api.post(f"{path}/cancel", headers=token)).code == "too_late"
    moved = {"starts_at": "2099-06-01T20:00:00Z", "sales_end": "2099-01-01T00:00:00Z"}
    event = await api.patch(f"/api/v1/events/{sale.event_id}", json=moved, headers=OPERATOR)
    assert (event.json["moved_at"] is not None, event.json["postponed_refund_days"]) == (True, 14)
    late, late_token, _ = await sale.paid()
    api.gateway.now_ms += 1
    later, later_token, _ = await sale.paid()
    assert (await api.post(f"{path}/cancel", headers=token)).json["status"] == "cancelled"
    assert (await api.post(f"{late}/cancel", headers=late_token)).json["status"] == "cancelled"
    assert (await api.post(f"{later}/cancel", headers=later_token)).code == "too_late"
    await sale.work()
    await sale.work()
    assert (await api.get(location, headers=OPERATOR)).json["status"] == "refunded"


async def test_who_looks_after_it_is_shown_a_refund_that_was_refused_and_why(sale: Sale) -> None:
    path, token, location = await sale.paid(2)
    tickets = (await sale.api.get(f"{path}/tickets", headers=token)).json["items"]
    scan = {"code": tickets[0]["code"]}
    await sale.api.post(f"/api/v1/events/{sale.event_id}/check-ins", json=scan, headers=OPERATOR)
    one = {"lines": [{"ticket_type": "ga", "quantity": 1}]}
    asked = await sale.api.post(f"{location}/refunds", json=one, headers=OPERATOR)
    assert (asked.status, asked.json["status"]) == (202, "pending")
    await sale.work()
    shown = (await sale.api.get(location, headers=OPERATOR)).json
    assert [(one["status"], one["error"]) for one in shown["refunds"]] == [
        ("refused", "The reservation is confirmed.")
    ]
    assert (shown["status"], shown["refunded"]["amount"]) == ("captured", 0)


async def test_never_more_goes_back_than_was_captured(sale: Sale) -> None:
    _, _, location = await sale.paid()
    over = {"amount": {"amount": PRICE + 1, "currency": "EUR"}}
    refused = await sale.api.post(f"{location}/refunds", json=over, headers=OPERATOR)
    assert (refused.status, refused.code, refused.json["limit"]) == (409, "limit_exceeded", PRICE)
    pounds = {"amount": {"amount": 1, "currency": "GBP"}}
    wrong = await sale.api.post(f"{location}/refunds", json=pounds, headers=OPERATOR)
    assert wrong.paths == ["amount.currency"]
    headers = OPERATOR | {"Idempotency-Key": "back"}
    some = {"amount": {"amount": PRICE - 1, "currency": "EUR"}}
    ids = {(await sale.api.post(f"{location}/refunds", json=some, headers=headers)).json["id"] for _ in "ab"}
    assert len(ids) == 1
    await sale.work()
    assert sum(sale.till.back.values()) == PRICE - 1


async def test_only_operators_pay_back_and_read_the_steps(sale: Sale) -> None:
    _, token, location = await sale.paid()
    assert (await sale.api.post(f"{location}/refunds", headers=token)).status == 401
    assert (await sale.api.get(f"{location}/steps", headers=token)).status == 401
    steps = (await sale.api.get(f"{location}/steps", headers=OPERATOR)).json["steps"]
    assert [(one["step"], one["result"]) for one in steps[:2]] == [("begin", "paying"), ("charge", "asked")]
    assert steps[2]["result"].startswith("Captured(")


async def test_what_is_said_again_and_again_is_among_the_steps_once(sale: Sale) -> None:
    path, token = await sale.hold()
    location = (await sale.pay(path, token, method="delayed")).headers["Location"]
    sale.till.refunds = "pending"

    async def looked_at() -> None:
        for _ in range(4):
            await sale.work()
            sale.api.gateway.now_ms += 5_000

    async def steps() -> list[tuple[str, str]]:
        shown = (await sale.api.get(f"{location}/steps", headers=OPERATOR)).json["steps"]
        return [(one["step"], one["result"].partition("(")[0]) for one in shown]

    await looked_at()
    begun = [("begin", "paying"), ("charge", "asked"), ("charge", "Working")]
    assert await steps() == begun
    sale.till.ready = True
    await sale.work()
    paid = [*begun, ("look_up", "Captured"), ("confirm", "confirmed")]
    assert await steps() == paid
    await sale.api.post(f"{location}/refunds", headers=OPERATOR)
    await looked_at()
    back = [("let_go", "cancelled"), ("refund", "asked"), ("refund", "Working")]
    assert await steps() == [*paid, *back]


# --- wallets --------------------------------------------------------------------------------------

WALLET = "/api/v1/wallets/ada"


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


async def adjusted(
    api: Api, amount: int, direction: str = "in", reason: str = "a gift", **headers: str
) -> Answer:
    body = {"amount": euros(amount), "direction": direction, "reason": reason}
    return await api.post(f"{WALLET}/adjustments", json=body, headers=OPERATOR | headers)


async def test_a_wallet_is_filled_emptied_and_never_overdrawn(api: Api) -> None:
    assert (await adjusted(api, 100)).status == 201
    refused = await adjusted(api, 101, "out")
    assert (refused.status, refused.code) == (409, "overdrawn")
    assert (await adjusted(api, 100, "out")).status == 201
    assert (await api.get(f"{WALLET}?currency=EUR", headers=OPERATOR)).json["balance"] == euros(0)


async def test_one_key_moves_once_and_another_amount_or_reason_under_it_is_refused(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    ids = {(await adjusted(api, 5, **key)).json["id"] for _ in "abc"}
    assert len(ids) == 1
    for other in (await adjusted(api, 6, **key), await adjusted(api, 5, reason="a mistake", **key)):
        assert (other.status, other.code) == (422, "key_reused")
    assert (await api.get(f"{WALLET}?currency=EUR", headers=OPERATOR)).json["balance"] == euros(5)


async def test_a_statement_comes_in_pages_newest_first_and_the_ledger_by_kind(api: Api) -> None:
    for amount in (1, 2, 3):
        await adjusted(api, amount)
    await adjusted(api, 4, "out")
    first = (await api.get(f"{WALLET}/movements?currency=EUR&limit=3", headers=OPERATOR)).json
    assert [one["amount"]["amount"] for one in first["items"]] == [4, 3, 2]
    rest = await api.get(f"{WALLET}/movements?currency=EUR&cursor={first['next']}", headers=OPERATOR)
    assert [one["amount"]["amount"] for one in rest.json["items"]] == [1]
    adjusts = (await api.get("/api/v1/ledger/movements?kind=adjust", headers=OPERATOR)).json["items"]
    assert [one["amount"]["amount"] for one in adjusts] == [4, 3, 2, 1]
    assert (await api.get("/api/v1/ledger/movements?kind=withdraw", headers=OPERATOR)).json["items"] == []
    nul = await api.get("/api/v1/ledger/movements?wallet=a%00&currency=EUR", headers=OPERATOR)
    assert nul.paths == ["wallet"], "PostgreSQL takes none in its texts"
    assert adjusts[0]["done_by"] == "operator"


@pytest.mark.parametrize("amount", [0, -1, 1_000_000_000_001])
async def test_amounts_are_positive_and_bounded(api: Api, amount: int) -> None:
    assert (await adjusted(api, amount)).paths == ["amount.amount"]


async def test_wallets_are_for_operators(api: Api) -> None:
    assert (await api.get(f"{WALLET}?currency=EUR")).status == 401
    assert (await api.get(f"{WALLET}?currency=EUR", headers=OPERATOR)).status == 404


# --- webhooks -------------------------------------------------------------------------------------

SECRET = b"webhook secret".ljust(32, b".")


@pytest.fixture
async def told(start: Start) -> Sale:
    api = await start(Options(webhook_secrets={"sandbox": SECRET}))
    return Sale(api, await api.new_event(payment="required"))


async def heard(sale: Sale, body: bytes, off_s: int = 0, secret: bytes = SECRET) -> Answer:
    at_s = sale.api.gateway.now_ms // 1000 + off_s
    headers = {"Webhook-Signature": signature_of(secret, body, at_s)}
    return await sale.api.post("/api/v1/payments/webhooks/sandbox", data=body, headers=headers)


def event_of(payment_id: str, amount: int = PRICE, currency: str = "EUR") -> bytes:
    said = {"id": "evt_1", "payment_id": payment_id, "amount": amount, "currency": currency}
    return msgspec.json.encode(said)


async def test_ones_own_payments_are_listed_in_pages_the_newest_first(sale: Sale) -> None:
    ada, bob = await signed_in(sale.api), await signed_in(sale.api, "bob@example.org")
    ids = []
    for _ in range(3):
        sale.api.gateway.now_ms += 1
        ids.append((await sale.paid())[2].rpartition("/")[2])
    sale.api.gateway.now_ms += 1
    charge = {"amount": euros(500), "provider": "sandbox"}
    wallet = f"/api/v1/wallets/{ada.account['id']}/charges"
    charged = await sale.api.post(wallet, json=charge, headers=ada.headers)
    ids.append(charged.json["id"])
    first = await sale.api.get(f"{OWN}?limit=3", headers=ada.headers)
    assert first.headers["Cache-Control"] == "no-store"
    rest = await sale.api.get(f"{OWN}?limit=3&cursor={first.json['next']}", headers=ada.headers)
    assert [one["id"] for one in first.json["items"] + rest.json["items"]] == ids[::-1]
    assert [one["wallet"] for one in first.json["items"]] == [ada.account["id"], None, None]
    assert rest.json["items"][0]["amount"] == euros(PRICE)
    assert "detail" not in rest.json["items"][0]
    assert rest.json["next"] is None
    assert (await sale.api.get(OWN, headers=bob.headers)).json["items"] == []
    assert (await sale.api.get(f"{OWN}?cursor=AAAA", headers=ada.headers)).paths == ["cursor"]
    assert (await sale.api.get(OWN)).code == "unauthorized"
    assert (await sale.api.get(OWN, headers=OPERATOR)).code == "forbidden"


async def test_a_webhook_is_stored_once_and_has_its_payment_looked_at(told: Sale) -> None:
    path, token = await told.hold()
    location = (await told.pay(path, token, method="duplicate_webhook")).headers["Location"]
    await told.work()
    body = event_of(location.rpartition("/")[2])
    first, again = [await heard(told, body) for _ in range(2)]
    assert (first.status, first.json["first"]) == (200, True)
    assert (again.status, again.json["first"]) == (200, False)
    await told.work()
    assert await told.status(path) == "confirmed"
    assert (list(told.till.taken.values()), told.till.back) == ([PRICE], {})


@pytest.fixture
async def striped(start: Start) -> Sale:
    api = await start(Options(webhook_secrets={"stripe": SECRET}, card_provider="stripe"))
    return Sale(api, await api.new_event(payment="required"))


async def test_where_cards_are_stripes_there_is_no_sandbox(striped: Sale) -> None:
    path, token = await striped.hold()
    assert (await striped.pay(path, token)).paths == ["provider"]
    assert (await striped.pay(path, token, provider="stripe")).paths == ["method"]
    assert (await striped.pay(path, token, provider="stripe", method="pm_1")).status == 202


async def test_without_stripe_its_provider_is_refused_and_its_webhooks_are_not_there(told: Sale) -> None:
    path, token = await told.hold()
    assert (await told.pay(path, token, provider="stripe", method="pm_1")).paths == ["provider"]
    elsewhere = await told.api.post("/api/v1/payments/webhooks/stripe", data=b"{}")
    assert elsewhere.code == "not_found"


def stripes_event(payment_id: str | None, amount: int = PRICE, **more: Any) -> bytes:
    metadata = {} if payment_id is None else {"turnstile_payment_id": payment_id}
    intent: dict[str, Any] = {"id": "pi_1", "object": "payment_intent", "amount": amount, "currency": "eur"}
    about = {"object": intent | {"metadata": metadata}}
    said = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": about}
    return msgspec.json.encode(said | more)


async def from_stripe(sale: Sale, body: bytes, header: str = "Stripe-Signature") -> Answer:
    headers = {header: signature_of(SECRET, body, sale.api.gateway.now_ms // 1000)}
    return await sale.api.post("/api/v1/payments/webhooks/stripe", data=body, headers=headers)


async def test_an_event_of_stripes_is_heard_once_and_of_the_payments_own_amount(striped: Sale) -> None:
    path, token = await striped.hold()
    location = (await striped.pay(path, token, provider="stripe", method="pm_1")).headers["Location"]
    payment_id = location.rpartition("/")[2]
    await striped.work()
    body = stripes_event(payment_id)
    assert [(await from_stripe(striped, body)).json["first"] for _ in range(2)] == [True, False]
    assert (await from_stripe(striped, body, "Webhook-Signature")).status == 401
    assert (await from_stripe(striped, stripes_event(payment_id, PRICE - 1))).code == "wrong_state"


def stripes_refund(refund_id: str | None, amount: int = PRICE, number: int = 1, **more: Any) -> bytes:
    metadata = {} if refund_id is None else {"turnstile_refund_id": refund_id}
    refund: dict[str, Any] = {"id": "re_1", "object": "refund", "amount": amount, "currency": "eur"}
    said = {"id": f"evt_re_{number}", "object": "event", "type": "refund.updated"}
    return msgspec.json.encode(said | {"data": {"object": refund | {"metadata": metadata}}} | more)


@pytest.mark.parametrize("kind", ["refund.updated", "refund.failed", "charge.refund.updated"])
async def test_a_refund_that_stripe_fails_later_is_paid_back_no_more_and_not_made_again(
    striped: Sale, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, token = await striped.hold()
    location = (await striped.pay(path, token, provider="stripe", method="pm_1")).headers["Location"]
    await striped.work()
    striped.till.refunds = "pending"
    refund_id = (await striped.api.post(f"{location}/refunds", headers=OPERATOR)).json["id"]

    async def told(status: str, number: int) -> Any:
        """What is shown once Stripe has said that the refund stands so."""
        striped.till.refunds = status
        body = stripes_refund(refund_id, number=number, type=kind)
        assert [(await from_stripe(striped, body)).json["first"] for _ in "ab"] == [True, False]
        await striped.work()
        shown = (await striped.api.get(location, headers=token)).json
        (back,) = shown["refunds"]
        return shown["status"], shown["refunded"]["amount"], back["status"], back["error"]

    await striped.work()
    assert await told("pending", 1) == ("captured", 0, "pending", None)
    assert await told("succeeded", 2) == ("refunded", PRICE, "done", None)
    status, back, refund, error = await told("expired_or_canceled_card", 3)
    assert (status, back, refund) == ("captured", 0, "failed")
    assert "could not be paid back" in error
    assert "card" not in error
    assert f"{refund_id}" in [getattr(one, "refund", None) for one in caplog.records]
    steps = (await striped.api.get(f"{location}/steps", headers=OPERATOR)).json["steps"]
    assert steps[-1]["result"] == "Returned(detail='expired_or_canceled_card')"
    again = await striped.api.post(f"{location}/refunds", headers=OPERATOR)
    assert again.code == "wrong_state", "it is promised"
    assert await told("succeeded", 4) == ("refunded", PRICE, "done", None)
    assert list(striped.till.back.values()) == [PRICE]
    assert (await from_stripe(striped, stripes_refund(refund_id, PRICE - 1))).code == "wrong_state"
    nobodys = "00000000-0000-7000-8000-000000000000"
    assert (await from_stripe(striped, stripes_refund(nobodys))).code == "not_found"
    assert (await from_stripe(striped, stripes_refund("no id"))).code == "malformed"
    assert (await from_stripe(striped, stripes_refund(None, number=9))).json["payment_id"] is None


async def test_what_stripe_says_of_others_is_answered_and_not_kept(striped: Sale) -> None:
    for body in (stripes_event(None), stripes_event(None, data={"object": {"object": "charge"}})):
        said = await from_stripe(striped, body)
        assert (said.status, said.json) == (200, {"id": "evt_1", "payment_id": None, "first": False})
    assert (await from_stripe(striped, b"{}")).code == "malformed"
    assert (await from_stripe(striped, stripes_event("no id"))).code == "malformed"
    assert striped.api.payments.heard == set()


async def test_a_webhook_that_is_not_signed_late_or_of_another_amount_changes_nothing(told: Sale) -> None:
    _, _, location = await told.paid()
    payment_id = location.rpartition("/")[2]
    body = event_of(payment_id)
    assert (await heard(told, body, secret=b"x" * 32)).status == 401
    assert (await heard(told, body, off_s=-301)).status == 401
    assert (await heard(told, event_of(payment_id, PRICE + 1))).code == "wrong_state"
    assert (await heard(told, event_of(payment_id, currency="GBP"))).code == "wrong_state"
    assert (await heard(told, b"{}")).code == "malformed"
    assert (await heard(told, event_of("00000000-0000-7000-8000-000000000000"))).code == "not_found"
    elsewhere = await told.api.post("/api/v1/payments/webhooks/nobody", data=body)
    assert elsewhere.code == "not_found"
    assert told.api.payments.heard == set()
