"""Reservations are found by their customer: what is filed, what is not yet, and each of them once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import msgspec
import pytest

from domain.account import Account, Role
from domain.event_messages import CancelReservation, PlaceHold
from persistence.accounts import PostgresAccounts
from persistence.clock import StoreClock
from persistence.customers import LAG_MS, first_id_of
from persistence.maintenance import Maintenance
from persistence.reads import PostgresReads
from tests.persistence.sales import NOW_MS, Sale, new_id, place
from tests.persistence.worlds import WAITING, PostgresWorld


@pytest.fixture
async def reads(postgres_url: str) -> AsyncIterator[PostgresReads]:
    made = PostgresReads(postgres_url, StoreClock(_no_clock, 500))
    yield made
    await made.close()


@pytest.fixture
async def maintenance(postgres_url: str) -> AsyncIterator[Maintenance]:
    made = Maintenance(postgres_url)
    yield made
    await made.close()


async def held(postgres: PostgresWorld, customer: bytes, count: int) -> list[PlaceHold]:
    store = postgres.store()
    sale = await Sale.opened(store)
    holds = [msgspec.structs.replace(place(), customer=customer) for _ in range(count)]
    for hold in holds:
        assert await sale.append(store, sale.decided(hold))
    return holds


def made_ms(reservation_id: str) -> int:
    return int(reservation_id[:8] + reservation_id[9:13], 16)


async def test_all_of_a_customers_are_found_before_between_and_after_they_are_filed(
    postgres: PostgresWorld, reads: PostgresReads, maintenance: Maintenance
) -> None:
    customer = secrets.token_bytes(16)
    ids = sorted([hold.reservation_id for hold in await held(postgres, customer, 6)], reverse=True)

    async def found() -> list[str]:
        return [one.reply.reservation.id for one in await reads.of_customer(customer, None, 10)]

    assert await found() == ids
    middle_ms = made_ms(ids[3]) + LAG_MS
    await asyncio.gather(*(maintenance.file_customers(middle_ms) for _ in range(3)))
    assert await found() == ids
    await maintenance.file_customers(made_ms(ids[0]) + 1 + LAG_MS)
    assert await maintenance.file_customers(made_ms(ids[0]) + 1 + LAG_MS) == 0
    assert await found() == ids
    assert [one.reply.reservation.id for one in await reads.of_customer(customer, ids[1], 2)] == ids[2:4]
    assert await reads.of_customer(secrets.token_bytes(16), None, 10) == []


async def test_what_may_still_be_on_its_way_is_not_filed(
    postgres: PostgresWorld, maintenance: Maintenance
) -> None:
    ids = sorted(hold.reservation_id for hold in await held(postgres, secrets.token_bytes(16), 2))
    await maintenance.file_customers(made_ms(ids[0]) + LAG_MS)
    connection = await postgres.connection()
    until = await connection.fetchval("SELECT until_id::text FROM customers_filed")
    assert until < first_id_of(made_ms(ids[0]))


async def test_links_are_asked_for_once_of_what_is_live_and_an_erasure_empties_all_contacts(
    postgres: PostgresWorld, postgres_url: str, maintenance: Maintenance
) -> None:
    customer, email = secrets.token_bytes(16), f"{secrets.token_hex(8)}@example.org"
    store, connection = postgres.store(), await postgres.connection()
    sale = await Sale.opened(store)
    live, over = (msgspec.structs.replace(place(), customer=customer) for _ in range(2))
    assert await sale.append(store, sale.decided(live, over))
    assert await sale.append(store, sale.decided(CancelReservation(over.reservation_id)))
    accounts = PostgresAccounts(postgres_url)
    made = Account(new_id(), email, customer, "Ada", "es", Role.CUSTOMER, None, 1, NOW_MS)
    assert await accounts.create(made, None) == made
    key = (secrets.token_bytes(16), b"body")
    for _ in range(2):
        assert await accounts.recover(customer, email, NOW_MS, key) is None
    assert await accounts.recover(secrets.token_bytes(16), email, NOW_MS, None) is None
    sent = "SELECT kind, language, parameters FROM outgoing_mails WHERE recipient = $1"
    rows = await connection.fetch(sent, email)
    assert [(*row[:2], msgspec.json.decode(row["parameters"])) for row in rows] == [
        ("recover_links", "es", {"reservation_ids": [live.reservation_id]})
    ]
    expired_ms = await connection.fetchval(
        "SELECT expires_ms FROM reservations WHERE id = $1", live.reservation_id
    )
    assert await accounts.recover(customer, f"late-{email}", expired_ms, None) is None
    late = await connection.fetch("SELECT FROM outgoing_mails WHERE recipient = $1", f"late-{email}")
    assert late == []
    await accounts.close()


async def _no_clock() -> int:
    raise AssertionError("not asked")


async def test_an_erasure_and_an_owner_that_ends_the_customers_reservations_wait_for_each_other_nowhere(
    postgres: PostgresWorld,
) -> None:
    """Both go through the rows in one order, whichever was cancelled first."""
    email = f"{secrets.token_hex(8)}@example.org"
    account = Account(new_id(), email, email.encode(), "Ada", "en", Role.CUSTOMER, None, 1, NOW_MS)
    accounts, store = PostgresAccounts(postgres.url), postgres.store()
    await accounts.create(account, None)
    sale = await Sale.opened(store)
    holds = [msgspec.structs.replace(place(), customer=account.customer) for _ in range(2)]
    await sale.append(store, sale.decided(*holds))
    first, second = sorted(hold.reservation_id for hold in holds)
    before = await postgres.connection()
    await before.execute("BEGIN")
    await before.execute("SELECT FROM reservations WHERE id = $1 FOR UPDATE", first)
    erasing = asyncio.create_task(accounts.erase(account.id, NOW_MS))
    await postgres.until(f"{WAITING} HAVING count(*) = 1")
    ended = sale.decided(CancelReservation(second), CancelReservation(first))
    ending = asyncio.create_task(sale.append(store, ended))
    await postgres.until(f"{WAITING} HAVING count(*) = 2")
    await before.execute("COMMIT")
    assert await asyncio.gather(erasing, ending, return_exceptions=True) == [None, True]
    await accounts.close()
