"""Charging a wallet through a payment: by whom, and that what was captured is in it, once."""

from __future__ import annotations

from typing import Any

import pytest

from actors.meter import Meter
from actors.payments import PaymentWorker
from persistence.wallet_provider import WalletProvider
from server.parts import Options
from tests.server.conftest import OPERATOR, Answer, Api, Start
from tests.server.people import Person, signed_in
from tests.server.test_payments import Clock, Till, euros

BOB = "bob@example.org"


class Bank:
    """Whoever charges, a till, and who sees it through."""

    def __init__(self, api: Api, who: Person) -> None:
        self.api = api
        self.who = who
        self.path = f"/api/v1/wallets/{who.account['id']}"
        self.till = Till()

    async def charge(self, amount: int = 500, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        wanted = {"amount": euros(amount), "provider": "sandbox", **body}
        return await self.api.post(
            f"{self.path}/charges", json=wanted, headers=self.who.headers | (headers or {})
        )

    async def work(self) -> None:
        ledger = WalletProvider(self.api.wallets)
        worker = PaymentWorker(
            self.api.payments,
            self.api.gateway,
            {"sandbox": self.till},
            Clock(self.api),
            Meter(),
            wallets=ledger,
        )
        await worker.take()
        await worker.settled()

    async def pay_out(self, amount: int, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        wanted = {"amount": euros(amount), "provider": "sandbox", **body}
        return await self.api.post(
            f"{self.path}/withdrawals", json=wanted, headers=OPERATOR | (headers or {})
        )

    async def movements(self) -> list[tuple[str, int, str | None]]:
        shown = await self.api.get(f"{self.path}/movements?currency=EUR", headers=self.who.headers)
        return [(one["kind"], one["amount"]["amount"], one["reason"]) for one in shown.json["items"]]

    async def balance(self) -> int:
        shown = await self.api.get(f"{self.path}?currency=EUR", headers=self.who.headers)
        return int(shown.json["balance"]["amount"]) if shown.status == 200 else 0

    async def payment(self, location: str) -> Any:
        return (await self.api.get(location, headers=self.who.headers)).json


@pytest.fixture
async def bank(api: Api) -> Bank:
    return Bank(api, await signed_in(api))


async def test_what_is_captured_is_in_the_wallet_and_on_its_statement(bank: Bank) -> None:
    begun = await bank.charge()
    assert (begun.status, begun.json["status"], begun.json["wallet"]) == (
        202,
        "pending",
        bank.who.account["id"],
    )
    assert await bank.balance() == 0
    await bank.work()
    shown = await bank.payment(begun.headers["Location"])
    assert (shown["status"], shown["amount"], shown["reservation_id"]) == ("captured", euros(500), None)
    assert await bank.balance() == 500
    listed = await bank.api.get(f"{bank.path}/movements?currency=EUR", headers=bank.who.headers)
    assert [(one["kind"], one["payment_id"]) for one in listed.json["items"]] == [("charge", shown["id"])]


async def test_who_was_erased_elsewhere_charges_nothing_though_the_token_still_serves_here(
    bank: Bank,
) -> None:
    assert await bank.api.accounts.erase(bank.who.account["id"], bank.api.gateway.now_ms) is None
    assert (await bank.charge()).code == "not_found"
    assert not bank.api.payments.payments


async def test_other_money_than_was_asked_for_is_in_the_wallet_as_it_came(bank: Bank) -> None:
    bank.till.short = 1
    begun = await bank.charge()
    await bank.work()
    shown = await bank.payment(begun.headers["Location"])
    assert (shown["status"], shown["amount"], await bank.balance()) == ("captured", euros(499), 499)


async def test_what_is_declined_is_not(bank: Bank) -> None:
    begun = await bank.charge(method="declined")
    await bank.work()
    shown = await bank.payment(begun.headers["Location"])
    assert (shown["status"], shown["amount"], shown["error"]) == ("failed", None, "The card was declined.")
    assert await bank.balance() == 0


async def test_one_key_charges_once(bank: Bank) -> None:
    key = {"Idempotency-Key": "one"}
    first, again = await bank.charge(headers=key), await bank.charge(headers=key)
    assert first.json["id"] == again.json["id"]
    other = await bank.charge(501, headers=key)
    assert (other.status, other.code) == (422, "key_reused")
    await bank.work()
    await bank.work()
    assert (await bank.balance(), list(bank.till.taken.values())) == (500, [500])


async def test_a_wallet_is_charged_by_its_account_or_an_operator(bank: Bank) -> None:
    bob = await signed_in(bank.api, BOB)
    assert (await bank.charge(headers=bob.headers)).status == 404
    nobody = await bank.api.post(f"{bank.path}/charges", json={"amount": euros(1), "provider": "sandbox"})
    assert nobody.status == 401
    location = (await bank.charge(headers=OPERATOR)).headers["Location"]
    assert (await bank.api.get(location, headers=bob.headers)).status == 404
    assert (await bank.api.get(location)).status == 401


@pytest.mark.parametrize(("amount", "status"), [(0, 422), (1, 202), (10**12, 202), (10**12 + 1, 422)])
async def test_amounts_are_positive_and_bounded(bank: Bank, amount: int, status: int) -> None:
    assert (await bank.charge(amount)).status == status


async def test_a_wallet_does_not_charge_another(bank: Bank) -> None:
    refused = await bank.charge(provider="wallet")
    assert refused.paths == ["provider"]


async def test_what_is_paid_out_leaves_the_wallet_once_and_says_why(bank: Bank) -> None:
    await bank.charge()
    await bank.work()
    key = {"Idempotency-Key": "out"}
    begun = await bank.pay_out(300, key, reason="moving away")
    assert (begun.status, begun.json["status"], begun.json["pays_out"]) == (202, "pending", True)
    await bank.work()
    again = await bank.pay_out(300, key, reason="moving away")
    assert (again.json["id"], again.json["status"]) == (begun.json["id"], "paid_out"), "covered no more"
    await bank.work()
    location = begun.headers["Location"]
    assert (await bank.payment(location))["amount"] == euros(300)
    assert await bank.movements() == [("withdraw", 300, "moving away"), ("charge", 500, None)]
    assert (await bank.balance(), list(bank.till.out.values())) == (200, [300])
    steps = (await bank.api.get(f"{location}/steps", headers=OPERATOR)).json["steps"]
    assert [one["step"] for one in steps] == ["take", "pay_out", "pay_out"]
    refused = await bank.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (refused.status, refused.code) == (409, "wrong_state")
    other = await bank.pay_out(299, key, reason="moving away")
    assert other.code == "key_reused"


async def test_who_asks_twice_at_once_under_one_key_hears_of_one_payout(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bank.charge()
    await bank.work()
    key, look, firsts = {"Idempotency-Key": "out"}, bank.api.wallets.account, []

    async def made_meanwhile(*named: str) -> Any:
        if not firsts:
            monkeypatch.setattr(bank.api.wallets, "account", look)
            firsts.append(await bank.pay_out(300, key))
            await bank.work()
        return await look(*named)

    monkeypatch.setattr(bank.api.wallets, "account", made_meanwhile)
    second = await bank.pay_out(300, key)
    assert (second.status, second.json["id"]) == (202, firsts[0].json["id"])


async def test_what_cannot_be_paid_out_is_in_the_wallet_again(bank: Bank) -> None:
    await bank.charge()
    await bank.work()
    location = (await bank.pay_out(300, method="declined")).headers["Location"]
    await bank.work()
    shown = await bank.payment(location)
    assert (shown["status"], shown["error"]) == ("failed", "The bank does not take it.")
    assert await bank.movements() == [("refund", 300, None), ("withdraw", 300, None), ("charge", 500, None)]
    assert (await bank.balance(), bank.till.out) == (500, {})


async def test_what_is_on_its_way_is_out_of_the_wallet_and_what_is_spent_meanwhile_is_not_paid_out(
    bank: Bank,
) -> None:
    await bank.charge()
    await bank.work()
    way = (await bank.pay_out(300, method="delayed")).headers["Location"]
    both = [(await bank.pay_out(200)).headers["Location"] for _ in "ab"]
    await bank.work()
    assert [(await bank.payment(one))["status"] for one in both] == ["paid_out", "failed"]
    assert ((await bank.payment(way))["status"], await bank.balance()) == ("pending", 0)
    poor = await bank.pay_out(1)
    assert (poor.status, poor.code) == (409, "overdrawn")


async def test_a_wallet_is_paid_out_by_operators_alone(bank: Bank) -> None:
    await bank.charge()
    await bank.work()
    own = await bank.pay_out(1, bank.who.headers)
    assert (own.status, own.code) == (403, "forbidden")
    assert (await bank.pay_out(1, provider="wallet")).paths == ["provider"]


async def test_stripe_pays_nobody_out(start: Start) -> None:
    api = await start(Options(card_provider="stripe"))
    wanted = {"amount": euros(1), "provider": "stripe"}
    refused = await api.post("/api/v1/wallets/ada/withdrawals", json=wanted, headers=OPERATOR)
    assert (refused.status, refused.code) == (409, "not_offered")


async def test_what_goes_back_to_the_card_is_out_of_the_wallet_and_no_more_than_is_in_it(bank: Bank) -> None:
    location = (await bank.charge()).headers["Location"]
    await bank.work()
    some = await bank.api.post(f"{location}/refunds", json={"amount": euros(200)}, headers=OPERATOR)
    assert (some.status, some.json["reason"]) == (202, "wallet")
    await bank.work()
    assert (await bank.balance(), list(bank.till.back.values())) == (300, [200])
    spend = {"amount": euros(250), "direction": "out", "reason": "spent"}
    assert (await bank.api.post(f"{bank.path}/adjustments", json=spend, headers=OPERATOR)).status == 201
    rest = await bank.api.post(f"{location}/refunds", headers=OPERATOR)
    assert rest.json["amount"] == euros(300)
    await bank.work()
    shown = await bank.payment(location)
    assert (shown["status"], shown["refunds"][-1]["status"]) == ("partly_refunded", "refused")
    assert (await bank.balance(), list(bank.till.back.values())) == (50, [200])
    lines = {"lines": [{"ticket_type": "ga", "quantity": 1}]}
    wrong = await bank.api.post(f"{location}/refunds", json=lines, headers=OPERATOR)
    assert wrong.paths == ["lines"]
