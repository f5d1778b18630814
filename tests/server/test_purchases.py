"""What one holds, bought in one payment: by whom, of what, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.account import Role
from domain.purchase import PARTS_MAX
from tests.server.conftest import OPERATOR, Answer, Api
from tests.server.organised import machine
from tests.server.people import ADA, Person, log_in, person_of, signed_in
from tests.server.test_own_reservations import held_by, path_of
from tests.server.test_payments import HOUR_MS, PRICE, Sale

PURCHASES = "/api/v1/accounts/me/payments"
BOB = "bob@example.org"


def kind(price: int = PRICE, quota: int = 10) -> dict[str, Any]:
    return {
        "code": "ga",
        "name": "Standing",
        "quota": quota,
        "price": {"amount": price, "currency": "EUR"},
    }


@pytest.fixture
async def sale(api: Api) -> Sale:
    return Sale(api, await api.new_event(payment="required"))


async def buy(sale: Sale, who: Person, wanted: list[dict[str, Any]], key: str = "", **body: Any) -> Answer:
    headers = who.headers | ({"Idempotency-Key": key} if key else {})
    body = {"provider": "sandbox", "reservations": [one["id"] for one in wanted], **body}
    return await sale.api.post(PURCHASES, json=body, headers=headers)


async def test_what_one_holds_in_several_events_is_paid_once_and_confirmed(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    other, free = (
        await sale.api.new_event(payment="required"),
        await sale.api.new_event(ticket_types=[kind(price=0)]),
    )
    held = [await held_by(sale.api, ada, one) for one in (sale.event_id, other, other)]
    costs_nothing = await held_by(sale.api, ada, free)
    begun = await buy(sale, ada, held)
    assert (begun.status, begun.json["status"], begun.json["reservation_id"]) == (202, "pending", None)
    assert {part["reservation_id"] for part in begun.json["parts"]} == {one["id"] for one in held}
    await sale.work()
    shown = (await sale.api.get(begun.headers["Location"], headers=ada.headers)).json
    assert (shown["status"], shown["amount"]["amount"]) == ("captured", 3 * PRICE)
    assert list(sale.till.taken.values()) == [3 * PRICE]
    assert [await sale.status(path_of(one)) for one in held] == ["confirmed"] * 3
    assert await sale.status(path_of(costs_nothing)) == "held"
    part = (
        await sale.api.get(f"/api/v1/payments/{shown['parts'][0]['payment_id']}", headers=ada.headers)
    ).json
    assert (part["status"], part["amount"]["amount"], part["part_of"]) == ("captured", PRICE, shown["id"])


async def test_one_that_cannot_be_paid_leaves_all_as_they_were(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    held = [await held_by(sale.api, ada, sale.event_id) for _ in range(2)]
    begun = await buy(sale, ada, held, method="declined")
    await sale.work()
    shown = (await sale.api.get(begun.headers["Location"], headers=ada.headers)).json
    assert (shown["status"], shown["amount"], shown["error"]) == ("failed", None, "The card was declined.")
    assert [await sale.status(path_of(one)) for one in held] == ["held"] * 2
    again = await buy(sale, ada, held)
    await sale.api.post(f"{path_of(held[0])}/cancel", headers=ada.headers)
    await sale.work()
    shown = (await sale.api.get(again.headers["Location"], headers=ada.headers)).json
    assert shown["status"] == "failed"
    assert [await sale.status(path_of(one)) for one in held] == ["released", "held"]
    assert sale.till.taken == {}


async def test_other_money_than_was_asked_for_buys_nothing_and_goes_back_by_itself(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    held = [await held_by(sale.api, ada, sale.event_id) for _ in range(2)]
    sale.till.short = 1
    location = (await buy(sale, ada, held)).headers["Location"]
    await sale.work()
    told = (await sale.api.get(location, headers=OPERATOR)).json
    assert (told["status"], told["detail"]) == ("captured", "captured 8999 EUR of 9000 EUR")
    assert "all of it goes back" in told["error"]
    assert [await sale.status(path_of(one)) for one in held] == ["held"] * 2
    await sale.work()
    parts = [
        (await sale.api.get(f"/api/v1/payments/{part['payment_id']}", headers=ada.headers)).json
        for part in told["parts"]
    ]
    assert [(one["status"], one["amount"]["amount"]) for one in parts] == [
        ("refunded", PRICE - 1),
        ("refunded", PRICE),
    ]
    assert sorted(sale.till.back.values()) == [PRICE - 1, PRICE]


async def test_a_ticket_of_what_was_bought_together_is_paid_back_by_itself(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    held = [await held_by(sale.api, ada, sale.event_id) for _ in range(2)]
    location = (await buy(sale, ada, held)).headers["Location"]
    await sale.work()
    whole = (await sale.api.get(location, headers=ada.headers)).json
    refused = await sale.api.post(f"{location}/refunds", headers=OPERATOR)
    assert (refused.status, refused.code) == (409, "wrong_state")
    first = f"/api/v1/payments/{whole['parts'][0]['payment_id']}"
    assert (await sale.api.post(f"{first}/refunds", headers=OPERATOR)).status == 202
    await sale.work()
    assert (await sale.api.get(first, headers=ada.headers)).json["status"] == "refunded"
    assert sorted([await sale.status(path_of(one)) for one in held]) == ["cancelled", "confirmed"]
    assert list(sale.till.back.values()) == [PRICE]


async def test_the_same_key_is_the_same_purchase_though_nothing_is_held_any_more(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    held = [await held_by(sale.api, ada, sale.event_id)]
    first, again = await buy(sale, ada, held, "k"), await buy(sale, ada, held, "k")
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    await sale.work()
    assert (await buy(sale, ada, held, "k")).json["status"] == "captured"
    other = await buy(sale, ada, held, "k", method="declined")
    assert (other.status, other.code) == (422, "key_reused")


async def test_who_buys_twice_at_once_under_one_key_hears_of_one_purchase(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await signed_in(sale.api)
    held, firsts = [await held_by(sale.api, ada, sale.event_id)], []
    reads = type(sale.api.reads)
    look = reads.reservation

    async def bought_meanwhile(own: Any, reservation_id: str) -> Any:
        if not firsts:
            monkeypatch.setattr(reads, "reservation", look)
            firsts.append(await buy(sale, ada, held, "k"))
            await sale.work()
        return await look(own, reservation_id)

    monkeypatch.setattr(reads, "reservation", bought_meanwhile)
    second = await buy(sale, ada, held, "k")
    assert (second.status, second.json["id"]) == (202, firsts[0].json["id"])


async def test_what_a_stranger_holds_under_ones_e_mail_is_not_bought_unasked(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    mine = await held_by(sale.api, ada, sale.event_id)
    strangers, _ = await sale.api.new_hold(sale.event_id, email=ADA)
    assert (await buy(sale, ada, [])).paths == ["reservations"]
    assert (await buy(sale, ada, [], reservations=None)).paths == ["reservations"]
    whatever = await sale.api.post(PURCHASES, json={"provider": "sandbox"}, headers=ada.headers)
    assert whatever.paths == ["reservations"]
    await buy(sale, ada, [mine])
    await sale.work()
    assert [await sale.status(path) for path in (path_of(mine), strangers)] == ["confirmed", "held"]
    assert list(sale.till.taken.values()) == [PRICE]


async def test_only_ones_own_can_be_named_and_only_once(sale: Sale) -> None:
    ada, bob = await signed_in(sale.api), await signed_in(sale.api, BOB)
    mine, his = [await held_by(sale.api, one, sale.event_id) for one in (ada, bob)]
    for named in (his, {"id": "01890000-0000-7000-8000-000000000001"}, {"id": "x"}):
        refused = await buy(sale, ada, [mine, named])
        assert (refused.status, refused.code) == (404, "not_found"), named
    twice = await buy(sale, ada, [mine, mine])
    assert twice.paths == ["reservations[1]"]
    made = await buy(sale, ada, [mine])
    assert [part["reservation_id"] for part in made.json["parts"]] == [mine["id"]]
    assert (await sale.api.get(made.headers["Location"], headers=bob.headers)).status == 404
    assert (await sale.api.get(made.headers["Location"])).status == 401
    token = {"Reservation-Token": mine["token"]}
    assert (await sale.api.get(made.headers["Location"], headers=token)).status == 401
    assert (await sale.api.get(made.headers["Location"], headers=OPERATOR)).json["step"] == "begin"


async def test_what_is_over_or_confirmed_or_free_is_refused_by_name(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    free = await held_by(sale.api, ada, await sale.api.new_event(ticket_types=[kind(price=0)]))
    refused = await buy(sale, ada, [free])
    assert (refused.status, refused.code, refused.json["reservation_status"]) == (409, "wrong_state", "held")
    held = await held_by(sale.api, ada, sale.event_id)
    await buy(sale, ada, [held])
    await sale.work()
    paid = await buy(sale, ada, [held])
    assert (paid.status, paid.json["reservation_status"]) == (409, "confirmed")
    late = await held_by(sale.api, ada, sale.event_id)
    sale.api.gateway.now_ms += HOUR_MS
    await sale.api.tokens.look(sale.api.accounts, sale.api.machines)
    ada = person_of(await log_in(sale.api))
    expired = await buy(sale, ada, [late])
    assert (expired.status, expired.code) == (410, "hold_expired")


async def test_so_many_reservations_are_paid_together_and_not_one_more(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    event_id = await sale.api.new_event(payment="required", ticket_types=[kind(quota=100)])
    held = [await held_by(sale.api, ada, event_id) for _ in range(PARTS_MAX + 1)]
    assert (await buy(sale, ada, held)).paths == ["reservations"]
    begun = await buy(sale, ada, held[1:])
    assert len(begun.json["parts"]) == PARTS_MAX


async def test_a_purchase_by_wallet_is_by_ones_own(sale: Sale) -> None:
    ada = await signed_in(sale.api)
    held = [await held_by(sale.api, ada, sale.event_id)]
    wrong = await buy(sale, ada, held, provider="wallet", method="another")
    assert wrong.paths == ["method"]
    assert (await buy(sale, ada, held, provider="wallet")).status == 202
    assert [one.method for one in sale.api.payments.payments if one.parts] == [ada.account["id"]]


async def test_who_may_say_whose_wallet_pays_names_it_or_pays_from_his_own(
    sale: Sale,
) -> None:
    ada = await signed_in(sale.api)
    account_id = ada.account["id"]
    kept = sale.api.accounts.kept
    kept[account_id] = replace(kept[account_id], role=Role.ADMIN)
    boss = person_of(await log_in(sale.api))
    for wallet, pays_from in ((None, account_id), ("bob", "bob")):
        named = {} if wallet is None else {"method": wallet}
        path, _ = await sale.hold()
        assert (await sale.pay(path, boss.headers, provider="wallet", **named)).status == 202
        assert sale.api.payments.payments[-1].method == pays_from
    path, _ = await sale.hold()
    assert (await sale.pay(path, OPERATOR, provider="wallet")).paths == ["method"]
    till, office = await machine(sale.api, "sell"), await machine(sale.api, "sell", "manage")
    assert (await sale.pay(path, till, provider="wallet", method="bob")).code == "forbidden"
    assert (await sale.pay(path, office, provider="wallet", method="bob")).status == 202
