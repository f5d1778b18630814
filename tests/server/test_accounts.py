"""Accounts: registered, confirmed, changed, erased; and nothing that tells who has one."""

from __future__ import annotations

from typing import Any

import pytest

from domain.account import CONFIRMATION_LIFE_MS, RESET_LIFE_MS
from domain.unsubscribing import token_for
from server.front_end import PARTS
from server.payloads_accounts import PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS
from tests.server.conftest import OPERATOR, Api, hold_body
from tests.server.people import (
    ACCOUNTS,
    ADA,
    ME,
    PASSWORD,
    confirm,
    confirmed,
    log_in,
    mailed_token,
    person_of,
    register,
    signed_in,
)
from tests.server.test_payments import Sale, euros
from tests.server.test_restaurants import RESTAURANTS, House, house_body
from tests.server.test_wallet_charges import Bank

RESETS = "/api/v1/password-resets"
OTHER_PASSWORD = "another horse's battery"


async def test_an_account_is_there_once_its_mail_was_answered(api: Api) -> None:
    asked = await register(api, " Ada@Example.org ", language="es")
    assert (asked.status, asked.json) == (202, {"status": "accepted"})
    mail = api.accounts.mails[0]
    assert (mail.kind, mail.recipient, mail.language) == ("confirm_email", "Ada@Example.org", "es")
    assert (await log_in(api)).code == "unauthorized"
    made = await confirm(api, mailed_token(api))
    assert made.json | {"id": "", "created_at": ""} == {
        "id": "",
        "email": "Ada@Example.org",
        "name": "Ada Lovelace",
        "language": "es",
        "role": "customer",
        "organiser_id": None,
        "version": 1,
        "created_at": "",
        "reminders": True,
    }
    assert (await log_in(api)).status == 201


async def test_a_repeated_confirmation_shows_the_same_account(api: Api) -> None:
    account = await confirmed(api)
    again = await confirm(api, mailed_token(api))
    assert (again.status, again.json) == (200, account)


async def test_who_registered_another_ones_address_has_no_password_to_it(api: Api) -> None:
    refused = await register(api, ADA, name="Eve", password="password of Eve's")
    assert refused.paths == ["password"]
    assert (await register(api, ADA, name="Eve")).status == 202
    assert (await confirm(api, mailed_token(api))).status == 200
    assert (await log_in(api, password="password of Eve's")).code == "unauthorized"
    assert (await log_in(api)).status == 201


async def test_a_confirmation_that_comes_again_sets_no_other_password(api: Api) -> None:
    await confirmed(api)
    assert (await confirm(api, mailed_token(api), OTHER_PASSWORD)).status == 200
    assert (await log_in(api, password=OTHER_PASSWORD)).code == "unauthorized"
    assert (await log_in(api)).status == 201


@pytest.mark.parametrize(
    ("at_the_bound", "beyond"),
    [
        ("x" * PASSWORD_MIN_CHARACTERS, "x" * (PASSWORD_MIN_CHARACTERS - 1)),
        ("x" * PASSWORD_MAX_CHARACTERS, "x" * (PASSWORD_MAX_CHARACTERS + 1)),
    ],
)
async def test_each_bound_of_a_password_holds_on_both_sides(api: Api, at_the_bound: str, beyond: str) -> None:
    await register(api)
    assert (await confirm(api, mailed_token(api), beyond)).paths == ["password"]
    assert (await confirm(api, mailed_token(api), at_the_bound)).status == 200


async def test_a_confirmation_that_is_late_or_made_up_finds_nothing(api: Api) -> None:
    await register(api)
    token = mailed_token(api)
    assert (await confirm(api, token[::-1])).code == "not_found"
    api.gateway.now_ms += CONFIRMATION_LIFE_MS
    assert (await confirm(api, token)).code == "not_found"
    assert (
        await api.post(f"{RESETS}/confirm", json={"token": token, "password": PASSWORD})
    ).code == "not_found"


async def test_registering_a_known_address_looks_the_same_and_changes_nothing(api: Api) -> None:
    first = await register(api)
    await confirm(api, mailed_token(api))
    again = await register(api, "ADA@example.org", name="Eve")
    assert (again.status, again.raw) == (first.status, first.raw)
    assert api.accounts.mails[-1].kind == "account_exists"
    assert "token" not in api.accounts.mails[-1].parameters
    assert (await log_in(api)).json["account"]["name"] == "Ada Lovelace"


async def test_a_key_registers_once(api: Api) -> None:
    body = {"email": ADA, "name": "Ada"}
    key = {"Idempotency-Key": "register-once"}
    for _ in range(2):
        assert (await api.post(ACCOUNTS, json=body, headers=key)).status == 202
    assert len(api.accounts.mails) == 1
    other = await api.post(ACCOUNTS, json=body | {"name": "Eve"}, headers=key)
    assert other.code == "key_reused"


@pytest.mark.parametrize(
    ("field", "at_the_bound", "beyond"),
    [
        ("name", "x" * 200, "x" * 201),
        ("name", "x", ""),
        ("language", "es", "de"),
        ("email", "a@b", "ab"),
        ("email", "\u00a0a@b\u2003", "a\u200bc@b"),
        ("email", "a" * 64 + "@" + "b" * 189, "a" * 64 + "@" + "b" * 190),
    ],
)
async def test_each_bound_of_a_registration_holds_on_both_sides(
    api: Api, field: str, at_the_bound: str, beyond: str
) -> None:
    assert (await register(api, **{field: at_the_bound})).status == 202
    assert (await register(api, **{field: beyond})).paths == [field]
    assert len(api.accounts.mails) == 1


async def test_one_sees_and_changes_oneself_under_if_match(api: Api) -> None:
    ada = await signed_in(api)
    shown = await api.get(ME, headers=ada.headers)
    assert (shown.json, shown.headers["ETag"]) == (ada.account, '"1"')
    first = {"If-Match": '"1"', **ada.headers}
    changed = await api.patch(ME, json={"name": "Countess", "language": "es"}, headers=first)
    assert (changed.json["name"], changed.json["language"], changed.headers["ETag"]) == (
        "Countess",
        "es",
        '"2"',
    )
    stale = await api.patch(ME, json={"name": "Eve"}, headers=first)
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale", 2)
    assert (await api.patch(ME, json={"role": "admin"}, headers=ada.headers)).paths == ["role"]
    assert (await api.get(ME, headers=ada.headers)).json["name"] == "Countess"


async def test_who_has_no_account_has_none_to_see(api: Api) -> None:
    assert (await api.get(ME)).code == "unauthorized"
    assert (await api.get(ME, headers=OPERATOR)).code == "forbidden"


async def test_the_present_password_opens_the_way_to_another_and_other_sessions_end(api: Api) -> None:
    ada, elsewhere = await signed_in(api), person_of(await log_in(api))
    wanted = {"present": "wrong", "password": OTHER_PASSWORD}
    assert (await api.post(f"{ME}/password", json=wanted, headers=ada.headers)).code == "forbidden"
    wanted["present"] = PASSWORD
    assert (await api.post(f"{ME}/password", json=wanted, headers=ada.headers)).status == 204
    assert (await api.get(ME, headers=ada.headers)).status == 200
    assert (await api.get(ME, headers=elsewhere.headers)).code == "unauthorized"
    assert (await log_in(api)).code == "unauthorized"
    assert (await log_in(api, password=OTHER_PASSWORD)).status == 201


async def test_a_reset_is_mailed_to_who_has_an_account_and_serves_once(api: Api) -> None:
    ada = await signed_in(api)
    nobodys = await api.post(RESETS, json={"email": "eve@example.org"})
    mails = len(api.accounts.mails)
    adas = await api.post(RESETS, json={"email": "ADA@example.org"})
    assert (adas.status, adas.raw) == (nobodys.status, nobodys.raw) == (202, b'{"status":"accepted"}')
    assert [mail.kind for mail in api.accounts.mails[mails:]] == ["password_reset"]
    wanted = {"token": mailed_token(api), "password": OTHER_PASSWORD}
    assert (await confirm(api, wanted["token"])).code == "not_found"
    assert (await api.post(f"{RESETS}/confirm", json=wanted)).status == 204
    assert api.accounts.mails[-1].kind == "password_changed"
    assert (await api.post(f"{RESETS}/confirm", json=wanted)).code == "not_found"
    await api.tokens.look(api.accounts, api.machines)
    assert (await api.get(ME, headers=ada.headers)).code == "unauthorized"
    assert (await log_in(api, password=OTHER_PASSWORD)).status == 201


async def test_a_reset_runs_out(api: Api) -> None:
    await confirmed(api)
    await api.post(RESETS, json={"email": ADA})
    api.gateway.now_ms += RESET_LIFE_MS
    wanted = {"token": mailed_token(api), "password": OTHER_PASSWORD}
    assert (await api.post(f"{RESETS}/confirm", json=wanted)).code == "not_found"


async def test_reminders_are_ended_and_wanted_again_as_by_the_link_in_one_of_them(api: Api) -> None:
    ada = await signed_in(api)
    assert ada.account["reminders"]
    ended = await api.patch(ME, json={"reminders": False}, headers={"If-Match": '"1"', **ada.headers})
    assert (ended.status, ended.json["reminders"], ended.headers["ETag"]) == (200, False, '"2"')
    stale = await api.patch(ME, json={"reminders": True}, headers={"If-Match": '"1"', **ada.headers})
    assert stale.code == "stale"
    assert not (await api.get(ME, headers=ada.headers)).json["reminders"]
    customer = api.app[PARTS].customers.key(ADA)
    wanted = await api.patch(ME, json={"reminders": True}, headers=ada.headers)
    assert (wanted.json["reminders"], wanted.json["name"]) == (True, "Ada Lovelace")
    assert (await api.get(ME, headers=ada.headers)).json["reminders"]
    token = token_for(customer, api.app[PARTS].access.reservation_secret)
    assert (await api.post(f"/api/v1/unsubscribe/{token}")).status == 200
    assert not (await log_in(api)).json["account"]["reminders"]
    assert (await api.patch(ME, json={"reminders": None}, headers=ada.headers)).paths == ["reminders"]


async def test_an_export_has_everything_that_is_kept(api: Api) -> None:
    sale = Sale(api, await api.new_event(payment="required"))
    ada, bob = await signed_in(api), await signed_in(api, "bob@example.org")
    path, token = await api.new_hold(sale.event_id)
    paid = (await sale.pay(path, token)).headers["Location"]
    await sale.work()
    assert (await api.post(f"{paid}/refunds", json={"amount": euros(100)}, headers=OPERATOR)).status == 202
    await sale.work()
    name = ada.account["id"]
    for reason in ("a gift", "another"):
        put = {"amount": euros(500), "direction": "in", "reason": reason}
        assert (
            await api.post(f"/api/v1/wallets/{name}/adjustments", json=put, headers=OPERATOR)
        ).status == 201
    bobs, theirs = await api.new_hold(await api.new_event(), email="bob@example.org")
    assert (await api.post(f"{bobs}/confirm", headers=theirs)).status == 200
    to = {"name": "Ada", "email": ADA}
    assert (await api.post(f"{bobs}/tickets/1/transfer", json=to, headers=theirs)).status == 200
    assert (await api.patch(ME, json={"reminders": False}, headers=ada.headers)).status == 200

    export = (await api.get(f"{ME}/export", headers=ada.headers)).json
    assert export["account"] == ada.account | {"reminders": False, "version": 2}
    assert len(export["sessions"]) == 1
    assert [one["id"] for one in export["reservations"]] == [path.rpartition("/")[2]]
    (payment,) = export["payments"]
    assert (payment["id"], payment["reservation_id"]) == (paid.rpartition("/")[2], path.rpartition("/")[2])
    assert [(one["status"], one["amount"]) for one in payment["refunds"]] == [("done", euros(100))]
    (wallet,) = export["wallets"]
    assert (wallet["wallet"], wallet["balance"]) == (name, euros(1_000))
    assert [one["reason"] for one in wallet["movements"]] == ["another", "a gift"]
    (ticket,) = export["tickets"]
    assert (ticket["reservation_id"], ticket["number"]) == (bobs.rpartition("/")[2], 1)
    assert ticket["holder"] == to
    assert export["restaurants"] == []
    house = House(api, (await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)).json)
    table, key = await house.held(customer={"name": "Bob", "email": "bob@example.org"})
    for what in ("confirm", "cancel"):
        assert (await api.post(f"{table}/{what}", headers=key)).status == 200
    others = (await api.get(f"{ME}/export", headers=bob.headers)).json
    assert (others["payments"], others["wallets"], others["tickets"]) == ([], [], [])
    (counted,) = others["restaurants"]
    assert (counted["restaurant_id"], counted["cancellations"]) == (house.id, 1)


async def test_who_has_money_here_is_not_erased_before_it_is_gone(api: Api) -> None:
    bank = Bank(api, await signed_in(api))
    await bank.charge()
    for said in ("under way", "pay it out"):
        refused = await api.ask("DELETE", ME, headers=bank.who.headers)
        assert (refused.status, refused.code) == (409, "in_use")
        assert said in refused.json["detail"]
        assert (await api.get(ME, headers=bank.who.headers)).status == 200
        await bank.work()
    assert (await bank.pay_out(500)).status == 202
    refused = await api.ask("DELETE", ME, headers=bank.who.headers)
    assert (refused.status, refused.code) == (409, "in_use"), "until it is paid out"
    await bank.work()
    assert (await api.ask("DELETE", ME, headers=bank.who.headers)).status == 204


async def test_an_erased_account_is_gone_and_its_tokens_with_it(api: Api) -> None:
    ada, elsewhere = await signed_in(api), person_of(await log_in(api))
    assert (await api.ask("DELETE", ME, headers=ada.headers)).status == 204
    for person in (ada, elsewhere):
        assert (await api.get(ME, headers=person.headers)).code == "unauthorized"
    assert (await log_in(api)).code == "unauthorized"
    assert api.accounts.mails == []
    assert (await signed_in(api)).account["id"] != ada.account["id"]


async def test_an_event_that_is_not_sold_to_guests_is_sold_to_accounts(api: Api) -> None:
    event_id = await api.new_event(guests=False)
    ada = await signed_in(api)
    path = f"/api/v1/events/{event_id}/reservations"
    assert (await api.post(path, json=hold_body())).code == "unauthorized"
    assert (await api.post(path, json=hold_body(), headers=ada.headers)).status == 201


async def test_a_customer_sees_no_draft_and_does_nothing_of_an_operators(api: Api) -> None:
    draft = await api.new_event(status="draft")
    ada = await signed_in(api)
    path = f"/api/v1/events/{draft}"
    assert (await api.get(path, headers=ada.headers)).code == "not_found"
    held: dict[str, Any] = {"json": hold_body(), "headers": ada.headers}
    assert (await api.post(f"{path}/reservations", **held)).code == "not_found"
    assert (await api.post(f"{path}/publish", headers=ada.headers)).code == "forbidden"
    assert (await api.get(path, headers=OPERATOR)).json["status"] == "draft"
