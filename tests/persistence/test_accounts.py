"""Accounts as rows: whole or not at all, whoever does the same at the same time."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from actors.payment_ports import Written
from domain.account import ACCESS_LIFE_MS, Account, MailedToken, Registration, Role, Session
from domain.event_messages import CancelReservation, ConfirmReservation
from domain.ledger import House, Kind, Movement
from domain.mail import Mail, MailKind
from domain.messages import Code, Rejected
from domain.payment import NewPayment, Payment, Standing, Step
from domain.refund import NewRefund, Reason, RefundStep
from domain.restaurant_messages import CompleteStay, History, MarkNoShow
from domain.submission import Done, Final, Submission
from domain.ticket_messages import ReissueTicket, TransferTicket
from domain.views import Dined, FoundGuest
from persistence.accounts import ASKED_FOR, MONEY_KEPT, MONEY_MOVING, NOACCOUNT, PostgresAccounts
from persistence.clock import StoreClock
from persistence.ledger import PostgresLedger
from persistence.mail_list import PostgresMailList
from persistence.maintenance import Maintenance
from persistence.payments import PostgresPayments
from persistence.reads import PostgresReads
from persistence.submissions import PostgresSubmissions
from tests.persistence import restaurants
from tests.persistence.restaurants import DAY, NINETEEN
from tests.persistence.sales import CONTACT, NOW_MS, Sale, new_id, place
from tests.persistence.worlds import WAITING, PostgresWorld

LIFE_MS = 1_000
DAY_MS = 86_400_000


@pytest.fixture
async def accounts(postgres_url: str) -> AsyncIterator[PostgresAccounts]:
    made = PostgresAccounts(postgres_url)
    yield made
    await made.close()


@pytest.fixture
async def rows(postgres_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


def a_token() -> MailedToken:
    return MailedToken(secrets.token_bytes(32), NOW_MS, NOW_MS + LIFE_MS)


def a_registration(**changes: Any) -> Registration:
    made = Registration(f"{new_id()}@example.org", secrets.token_bytes(16), "Ada", "es")
    return msgspec.structs.replace(made, **changes)


RESET = Mail(MailKind.PASSWORD_RESET, parameters={"token": "t", "valid_minutes": 1})


def an_account(role: Role = Role.ADMIN, organiser_id: str | None = None) -> Account:
    wanted = a_registration()
    identity = (new_id(), wanted.email, wanted.customer, wanted.name, wanted.language)
    return Account(*identity, role, organiser_id, 1, NOW_MS)


async def registered(
    accounts: PostgresAccounts, wanted: Registration, key: tuple[bytes, bytes] | None = None
) -> tuple[MailedToken, Rejected | None]:
    token = a_token()
    said = {"token": "t", "valid_minutes": 1}
    mails = (
        Mail(MailKind.CONFIRM_EMAIL, wanted.email, parameters=said),
        Mail(MailKind.ACCOUNT_EXISTS, wanted.email),
    )
    return token, await accounts.register(wanted, token, *mails, key)


async def kinds(rows: Any, email: str) -> list[str]:
    found = await rows.fetch(
        "SELECT kind FROM outgoing_mails WHERE recipient = $1 ORDER BY created_ms", email
    )
    return [row["kind"] for row in found]


async def made_account(accounts: PostgresAccounts) -> Account:
    wanted = a_registration()
    token, _ = await registered(accounts, wanted)
    made = await accounts.confirm(token.token_hash, new_id(), "hash", NOW_MS)
    assert made is not None
    return made


def a_new_session(account: Account) -> Session:
    return Session(new_id(), account.id, secrets.token_bytes(32), NOW_MS, NOW_MS + LIFE_MS)


async def a_session(accounts: PostgresAccounts, account: Account) -> Session:
    session = a_new_session(account)
    assert await accounts.open_session(session, "hash") is not None
    return session


async def test_a_registration_becomes_one_account_however_often_it_is_confirmed(
    accounts: PostgresAccounts, rows: Any
) -> None:
    wanted = a_registration()
    token, refused = await registered(accounts, wanted)
    assert refused is None
    assert await accounts.credentials(wanted.customer) is None
    made = await asyncio.gather(
        *(accounts.confirm(token.token_hash, new_id(), "hash", NOW_MS) for _ in range(6))
    )
    assert len({one.id for one in made if one is not None}) == 1
    assert None not in made
    assert await accounts.credentials(wanted.customer) == (made[0], "hash")
    first = made[0]
    assert first is not None
    assert (first.email, first.role, first.version) == (wanted.email, Role.CUSTOMER, 1)
    assert await kinds(rows, wanted.email) == ["confirm_email"]


async def test_of_two_registrations_of_one_address_the_first_that_is_confirmed_makes_it(
    accounts: PostgresAccounts, rows: Any
) -> None:
    wanted = a_registration()
    first, _ = await registered(accounts, wanted)
    second, _ = await registered(accounts, wanted)
    made = await accounts.confirm(second.token_hash, new_id(), "second", NOW_MS)
    assert made is not None
    assert await accounts.confirm(first.token_hash, new_id(), "hash", NOW_MS) is None
    assert await accounts.credentials(wanted.customer) == (made, "second")
    third, _ = await registered(accounts, wanted)
    assert await accounts.confirm(third.token_hash, new_id(), "hash", NOW_MS) is None
    assert not await accounts.may_reset(third.token_hash, NOW_MS)
    assert await kinds(rows, wanted.email) == ["confirm_email", "confirm_email", "account_exists"]


async def test_a_token_serves_until_it_has_run_out(accounts: PostgresAccounts) -> None:
    token, _ = await registered(accounts, a_registration())
    assert await accounts.confirm(token.token_hash, new_id(), "hash", NOW_MS + LIFE_MS) is None
    assert await accounts.confirm(token.token_hash, new_id(), "hash", NOW_MS + LIFE_MS - 1) is not None


async def test_a_key_registers_once_and_asks_once(accounts: PostgresAccounts, rows: Any) -> None:
    wanted, key = a_registration(), secrets.token_bytes(16)
    answers = await asyncio.gather(*(registered(accounts, wanted, (key, b"body")) for _ in range(5)))
    assert [refused for _, refused in answers] == [None] * 5
    assert await kinds(rows, wanted.email) == ["confirm_email"]
    _, refused = await registered(accounts, wanted, (key, b"other"))
    assert refused is not None
    assert refused.code is Code.KEY_REUSED


async def test_an_address_has_one_account(accounts: PostgresAccounts) -> None:
    account = an_account()
    assert await accounts.create(account, None) == account
    again = await accounts.create(msgspec.structs.replace(account, id=new_id()), None)
    assert isinstance(again, Rejected)
    assert again.code is Code.IN_USE
    assert await accounts.credentials(account.customer) == (account, None)
    staff = an_account(Role.STAFF, new_id())
    assert await accounts.create(staff, "hash") == staff


async def test_of_two_who_change_the_same_version_one_is_stale(accounts: PostgresAccounts) -> None:
    account = await made_account(accounts)
    answers = await asyncio.gather(*(accounts.change(account.id, f"A{n}", None, None, 1) for n in range(5)))
    done = [answer for answer in answers if isinstance(answer, Account)]
    assert len(done) == 1
    assert {answer.code for answer in answers if isinstance(answer, Rejected)} == {Code.STALE}
    assert await accounts.account(account.id) == done[0]
    assert (done[0].version, done[0].language) == (2, "es")
    missing = await accounts.change(new_id(), "A", None, None, None)
    assert isinstance(missing, Rejected)
    assert missing.code is Code.NOT_FOUND


async def test_a_refresh_token_serves_one_of_many_at_once_and_then_the_session_is_over(
    accounts: PostgresAccounts,
) -> None:
    account = await made_account(accounts)
    session = await a_session(accounts, account)
    nexts = [secrets.token_bytes(32) for _ in range(6)]
    renewed = await asyncio.gather(
        *(accounts.renew(session.id, session.secret_hash, one, NOW_MS, NOW_MS + 9_000) for one in nexts)
    )
    assert renewed.count(account) == 1
    assert renewed.count(None) == 5
    assert session.id in await accounts.ended_since(NOW_MS - 1)
    for one in nexts:
        assert await accounts.renew(session.id, one, b"x" * 32, NOW_MS, NOW_MS + 9_000) is None


async def test_the_same_successor_is_had_again_and_a_late_one_not(accounts: PostgresAccounts) -> None:
    account = await made_account(accounts)
    session = await a_session(accounts, account)
    first, second, third = (secrets.token_bytes(32) for _ in range(3))
    end_ms = NOW_MS + LIFE_MS
    for _ in range(2):
        assert await accounts.renew(session.id, session.secret_hash, first, NOW_MS, end_ms) == account
    assert await accounts.renew(session.id, first, second, end_ms - 1, end_ms) == account
    assert await accounts.renew(session.id, second, third, end_ms, end_ms + 1) is None


async def test_sessions_end_alone_or_together(accounts: PostgresAccounts) -> None:
    account = await made_account(accounts)
    kept, one, two = [await a_session(accounts, account) for _ in range(3)]
    await accounts.end_session(one.id, NOW_MS + 1)
    await accounts.end_session(one.id, NOW_MS + 2)
    assert await accounts.set_password(account.id, "new", NOW_MS + 3, kept.id, "hash")
    assert await accounts.ended_since(NOW_MS) >= {one.id, two.id}
    assert one.id not in await accounts.ended_since(NOW_MS + 1)
    assert [found.id for found in await accounts.sessions(account.id, NOW_MS)] == [kept.id]
    assert not await accounts.set_password(new_id(), "new", NOW_MS, None, "hash")


async def test_a_password_that_was_replaced_meanwhile_opens_nothing_and_changes_nothing(
    accounts: PostgresAccounts,
) -> None:
    account, token, late = await made_account(accounts), a_token(), "hash"
    await accounts.ask_reset(account.customer, token, RESET, None)
    assert await accounts.reset(token.token_hash, "new", NOW_MS)
    assert await accounts.open_session(a_new_session(account), late) is None
    assert not await accounts.set_password(account.id, "thief", NOW_MS, None, late)
    assert (await accounts.credentials(account.customer) or ("", ""))[1] == "new"
    assert await accounts.open_session(a_new_session(account), "new") == msgspec.structs.replace(
        account, version=2
    )
    assert len(await accounts.sessions(account.id, NOW_MS)) == 1


async def test_who_logs_in_while_another_change_is_under_way_waits_for_it(
    accounts: PostgresAccounts, rows: Any
) -> None:
    waiting = "SELECT count(*) FROM pg_sleep(0.01), pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    for change, opened in (("password_hash = 'new'", False), ("role = 'admin'", True)):
        account = await made_account(accounts)
        async with rows.transaction():
            await rows.execute(f"UPDATE accounts SET {change} WHERE id = $1", account.id)
            opening = asyncio.create_task(accounts.open_session(a_new_session(account), "hash"))
            while not opening.done() and not await rows.fetchval(waiting):
                pass
        found = await opening
        assert found == (msgspec.structs.replace(account, role=Role.ADMIN) if opened else None)
        assert len(await accounts.sessions(account.id, NOW_MS)) == opened


async def test_a_reset_serves_once_ends_all_sessions_and_takes_other_resets_with_it(
    accounts: PostgresAccounts, rows: Any
) -> None:
    account = await made_account(accounts)
    session = await a_session(accounts, account)
    first, second = a_token(), a_token()
    for token in (first, second):
        assert await accounts.ask_reset(account.customer, token, RESET, None) is None
    sent = await rows.fetch(
        "SELECT language FROM outgoing_mails WHERE recipient = $1 AND kind = 'password_reset'", account.email
    )
    assert [row["language"] for row in sent] == ["es", "es"]
    done = await asyncio.gather(*(accounts.reset(first.token_hash, "new", NOW_MS) for _ in range(4)))
    assert sorted(done) == [False, False, False, True]
    assert not await accounts.may_reset(second.token_hash, NOW_MS)
    assert (await accounts.credentials(account.customer) or ("", ""))[1] == "new"
    assert await accounts.sessions(account.id, NOW_MS) == []
    assert (await kinds(rows, account.email))[-1] == "password_changed"
    assert session.id in await accounts.ended_since(NOW_MS - 1)


async def test_a_reset_of_nobody_mails_nobody(accounts: PostgresAccounts, rows: Any) -> None:
    nobody, token = secrets.token_bytes(16), a_token()
    before = await rows.fetchval("SELECT count(*) FROM outgoing_mails")
    assert await accounts.ask_reset(nobody, token, RESET, None) is None
    assert await rows.fetchval("SELECT count(*) FROM outgoing_mails") == before
    assert not await accounts.may_reset(token.token_hash, NOW_MS)
    assert not await accounts.reset(token.token_hash, "new", NOW_MS)


async def test_whatever_names_an_erased_person_is_gone(accounts: PostgresAccounts, rows: Any) -> None:
    account = await made_account(accounts)
    session = await a_session(accounts, account)
    for email in (account.email, account.email.upper()):
        await registered(accounts, a_registration(customer=account.customer, email=email))
    assert await accounts.erase(account.id, NOW_MS) is None
    assert await accounts.erase(account.id, NOW_MS) is NOACCOUNT
    assert await accounts.account(account.id) is None
    assert session.id in await accounts.ended_since(NOW_MS - 1)
    for relation, column in (
        ("accounts", "customer"),
        ("one_time_tokens", "customer"),
    ):
        found = await rows.fetch(f"SELECT FROM {relation} WHERE {column} = $1", account.customer)
        assert found == [], relation
    assert await kinds(rows, account.email) == []
    assert await kinds(rows, account.email.upper()) == []


async def test_an_erasure_reaches_the_tickets_that_were_passed_on_to_a_person(
    accounts: PostgresAccounts, rows: Any
) -> None:
    account = await made_account(accounts)
    ids = [str(uuid.uuid4()) for _ in range(3)]
    put = "INSERT INTO tickets (inventory_id, reservation_id, number, generation, holder, contact)"
    for reservation_id, holder in zip(ids[1:], (account.customer, b"bob"), strict=True):
        await rows.execute(f"{put} VALUES ($1, $2, 1, 2, $3, 'name')", ids[0], reservation_id, holder)
    assert await accounts.erase(account.id, NOW_MS) is None
    found = await rows.fetch("SELECT holder, contact FROM tickets WHERE inventory_id = $1", ids[0])
    assert dict(found) == {account.customer: b"", b"bob": b"name"}


async def test_staff_find_who_was_erased_no_more_and_the_count_goes_on_for_who_reserves_again(
    accounts: PostgresAccounts, postgres: PostgresWorld
) -> None:
    account, store = await made_account(accounts), postgres.store()
    house, empty = [await restaurants.House.opened(store) for _ in range(2)]
    own = {"customer": account.customer, "phone": b"number"}
    came, missed, left = (replace(house.hold(NINETEEN - before), **own) for before in (0, 0, 480))
    other = replace(house.hold(NINETEEN - 240), phone=b"number")
    await house.does(store, came, missed, left, other)
    await house.does(store, *(ConfirmReservation(one.reservation_id) for one in (came, missed)))
    house.now_ms = DAY * DAY_MS + (NINETEEN + 180) * 60_000
    await house.does(store, CompleteStay(came.reservation_id), MarkNoShow(missed.reservation_id))
    await empty.does(store, replace(empty.hold(), **own))
    reads = PostgresReads(postgres.url, StoreClock(reading_nothing, 500))
    done = History(visits=1, no_shows=1)
    assert house.state.terms is not None
    assert await reads.dined(account.customer) == [Dined(house.id, house.state.terms, done)]
    assert [one.history for one in await reads.guests(house.id, account.customer, 9)] == [done]
    assert await accounts.erase(account.id, NOW_MS) is None
    assert await reads.guests(house.id, account.customer, 9) == []
    assert await reads.guests(empty.id, account.customer, 9) == []
    assert await reads.guests(house.id, b"number", 9) == [FoundGuest(other.contact, History())]
    assert await reads.history(house.id, account.customer) == done
    await reads.close()


async def reading_nothing() -> int:
    raise AssertionError("not asked")


@pytest.mark.parametrize("relation", ["reservations", "tickets"])
async def test_an_erasure_and_an_append_of_the_same_rows_take_their_turns(
    accounts: PostgresAccounts, postgres: PostgresWorld, relation: str
) -> None:
    """Each writes several, in an order of its own, and one of them is in use."""
    account, store = await made_account(accounts), postgres.store()
    sale = await Sale.opened(store)
    holds = [place(customer=account.customer) for _ in range(2)]
    bought = [hold.reservation_id for hold in holds]
    assert await sale.append(store, sale.decided(*holds, *map(ConfirmReservation, bought)))
    passed = [TransferTicket(one, 1, account.customer, CONTACT) for one in bought]
    assert relation == "reservations" or await sale.append(store, sale.decided(*passed))
    in_use = await postgres.connection()
    await in_use.execute("BEGIN")
    key = "id" if relation == "reservations" else "reservation_id"
    await in_use.execute(f"SELECT FROM {relation} WHERE {key} = $1 FOR UPDATE", bought[0])
    command = CancelReservation if relation == "reservations" else partial(ReissueTicket, number=1)
    entry = sale.decided(*map(command, reversed(bought)))
    tasks = []
    for number, work in enumerate((accounts.erase(account.id, NOW_MS), store.append([entry])), 1):
        tasks.append(asyncio.create_task(work))
        await postgres.until(f"{WAITING} HAVING count(*) = {number}")
    await in_use.execute("COMMIT")
    assert await asyncio.gather(*tasks) == [None, {sale.id}]


async def test_who_has_money_in_a_wallet_or_on_its_way_is_not_erased(
    accounts: PostgresAccounts, postgres_url: str
) -> None:
    account = await made_account(accounts)
    ledger, payments = PostgresLedger(postgres_url), PostgresPayments(postgres_url)
    wallet, house = await ledger.open("wallet", account.id, "EUR"), await ledger.house(House.OUTSIDE, "EUR")
    put = Movement(id=new_id(), kind=Kind.ADJUST, from_id=house, to_id=wallet, amount=5, currency="EUR")
    taken_out = msgspec.structs.replace(put, id=new_id(), from_id=wallet, to_id=house)
    assert await ledger.move(put) == put
    assert await accounts.erase(account.id, NOW_MS) is MONEY_KEPT
    assert await ledger.move(taken_out) == taken_out
    named: dict[str, Any] = {"id": new_id(), "inventory_id": "", "reservation_id": "", "deadline_ms": NOW_MS}
    charge = Payment(**named, provider="sandbox", wallet=account.id, amount=5, currency="EUR")
    await payments.accept(NewPayment(payment=charge, request_id=charge.id.encode(), fingerprint=b""))
    assert await accounts.erase(account.id, NOW_MS) is MONEY_MOVING
    taken = next(one for one in await payments.take(1_000, 60_000) if one.id == charge.id)
    paid = msgspec.structs.replace(taken, step=Step.DONE, standing=Standing.CAPTURED, captured=True)
    assert await payments.write([Written(paid, ())]) == {charge.id}
    wanted = NewRefund(
        id=new_id(), payment_id=charge.id, amount=5, reason=Reason.WALLET, request_id=new_id().encode()
    )
    await payments.refund(wanted)
    refund = next(one for one in await payments.take_refunds(1_000, 60_000) if one.id == wanted.id)
    assert await accounts.erase(account.id, NOW_MS) is MONEY_MOVING
    done = msgspec.structs.replace(refund, step=RefundStep.DONE)
    assert await payments.write([Written(done, (), pause_ms=60_000)]) == {refund.id}
    assert await accounts.account(account.id) == account
    assert await accounts.erase(account.id, NOW_MS) is None
    await ledger.close()
    await payments.close()


async def test_who_has_asked_for_a_reservation_behind_the_scenes_is_not_erased_before_the_answer(
    accounts: PostgresAccounts, postgres: PostgresWorld
) -> None:
    account, other = await made_account(accounts), await made_account(accounts)
    sale = await Sale.opened(postgres.store())
    submissions, rows = PostgresSubmissions(postgres.url), await postgres.connection()
    wanted = [place(customer=account.customer) for _ in range(2)]
    for hold in wanted:
        named = (hold.reservation_id, sale.id, "event", hold)
        assert await submissions.accept(Submission(*named, new_id().encode(), b"body")) == hold.reservation_id
    assert await accounts.erase(account.id, NOW_MS) is ASKED_FOR
    assert await accounts.erase(other.id, NOW_MS) is None
    assert await sale.append(postgres.store(), sale.decided(wanted[0]))
    await submissions.settle([(wanted[0].reservation_id, Done(wanted[0].reservation_id))])
    assert await accounts.erase(account.id, NOW_MS) is ASKED_FOR
    await submissions.settle([(wanted[1].reservation_id, Final(Rejected(Code.SOLD_OUT, "None left."), True))])
    assert await accounts.account(account.id) == account
    assert await accounts.erase(account.id, NOW_MS) is None
    left = await rows.fetch("SELECT contact FROM reservations WHERE customer = $1", account.customer)
    assert [row["contact"] for row in left] == [b""]
    left = await rows.fetch("SELECT command FROM submissions WHERE customer = $1", account.customer)
    assert [row["command"] for row in left] == [b"", b""]
    await submissions.close()


async def test_reminders_are_the_accounts_to_choose_and_a_mails_link_ends_them_too(
    accounts: PostgresAccounts, postgres_url: str
) -> None:
    account, mails = await made_account(accounts), PostgresMailList(postgres_url)
    assert account.reminders
    await mails.prefer(account.customer, reminders=False)
    for _ in range(2):
        ended = await accounts.account(account.id)
        assert ended is not None
        assert (ended.reminders, ended.version) == (False, 2)
        await mails.prefer(account.customer, reminders=False)
    late = await accounts.change(account.id, None, None, True, 1)
    assert isinstance(late, Rejected)
    assert late.code is Code.STALE
    assert await accounts.account(account.id) == ended
    again = await accounts.change(account.id, "Countess", None, True, 2)
    assert again == msgspec.structs.replace(account, name="Countess", version=3)
    assert await accounts.change(account.id, None, "en", None, None) == msgspec.structs.replace(
        again, language="en", version=4
    )
    await mails.close()


async def test_a_new_key_is_the_last_and_old_ones_go_when_nothing_of_theirs_lasts(
    database_url: str,
) -> None:
    accounts = PostgresAccounts(database_url)
    first = (await accounts.signing_keys())[0]
    later_ms = first.made_ms + 10
    second = await accounts.rotate_keys(b"2" * 32, later_ms, 5)
    assert await accounts.signing_keys() == [first, second]
    third = await accounts.rotate_keys(b"3" * 32, later_ms + 5 + ACCESS_LIFE_MS, 5)
    assert await accounts.signing_keys() == [first, second, third]
    fourth = await accounts.rotate_keys(b"4" * 32, later_ms + 5 + ACCESS_LIFE_MS + 1, 5)
    assert await accounts.signing_keys() == [second, third, fourth]
    await accounts.close()


async def test_sessions_and_tokens_that_ran_out_are_forgotten(database_url: str) -> None:
    accounts, maintenance = PostgresAccounts(database_url), Maintenance(database_url)
    account = await made_account(accounts)
    await a_session(accounts, account)
    for relation in ("sessions", "one_time_tokens"):
        assert await maintenance.purge(relation, NOW_MS + LIFE_MS) == 0
        assert await maintenance.purge(relation, NOW_MS + LIFE_MS + 1) == 1
    await accounts.close()
    await maintenance.close()


async def test_two_registrations_of_one_address_that_are_confirmed_at_once_wait_for_each_other_nowhere(
    accounts: PostgresAccounts, postgres: PostgresWorld
) -> None:
    """Somebody who is about to have the address holds both up, and does not have it after all."""
    wanted, elsewhere = a_registration(), PostgresAccounts(postgres.url)
    tokens = [(await registered(accounts, wanted))[0] for _ in range(2)]
    third = await postgres.connection()
    await third.execute("BEGIN")
    await third.execute(
        "INSERT INTO accounts (id, customer, email, name, language, role, created_ms, version)"
        " VALUES ($1, $2, $3, 'Ada', 'es', 'customer', 0, 1)",
        new_id(),
        wanted.customer,
        wanted.email,
    )
    confirming = []
    for number, (by, token) in enumerate(zip((accounts, elsewhere), tokens, strict=True), 1):
        confirming.append(asyncio.create_task(by.confirm(token.token_hash, new_id(), "hash", NOW_MS)))
        await postgres.until(f"{WAITING} HAVING count(*) = {number}")
    await third.execute("ROLLBACK")
    first, second = await asyncio.gather(*confirming, return_exceptions=True)
    assert isinstance(first, Account)
    assert second is None
    await elsewhere.close()


async def test_an_erasure_and_a_reset_of_one_account_wait_for_each_other_nowhere(
    accounts: PostgresAccounts, postgres: PostgresWorld
) -> None:
    account, token, elsewhere = await made_account(accounts), a_token(), PostgresAccounts(postgres.url)
    assert await accounts.ask_reset(account.customer, token, RESET, None) is None
    third = await postgres.connection()
    await third.execute("BEGIN")
    await third.execute("SELECT FROM accounts WHERE id = $1 FOR UPDATE", account.id)
    erasing = asyncio.create_task(accounts.erase(account.id, NOW_MS))
    await postgres.until(f"{WAITING} HAVING count(*) = 1")
    resetting = asyncio.create_task(elsewhere.reset(token.token_hash, "new", NOW_MS))
    await postgres.until(f"{WAITING} HAVING count(*) = 2")
    await third.execute("ROLLBACK")
    assert await asyncio.gather(erasing, resetting, return_exceptions=True) == [None, False]
    await elsewhere.close()
