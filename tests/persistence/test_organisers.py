"""Organisers and members as rows: whole or not at all, whoever does the same at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from domain.account import MEMBERS_MAX_ACCOUNTS, Account, Invitation, MailedToken, Organiser, Role
from domain.mail import Mail, MailKind
from domain.messages import Code, Rejected
from persistence.accounts import PostgresAccounts
from persistence.clock import StoreClock
from persistence.organisers import PostgresOrganisers
from persistence.reads import PostgresReads
from tests.persistence.restaurants import House
from tests.persistence.restaurants import terms as house_terms
from tests.persistence.sales import NOW_MS, Sale, new_id, terms
from tests.persistence.test_accounts import (
    RESET,
    a_registration,
    a_session,
    a_token,
    accounts,
    made_account,
    registered,
    rows,
)
from tests.persistence.worlds import PostgresWorld

__all__ = ["accounts", "rows"]


@pytest.fixture
async def organisers(postgres_url: str) -> AsyncIterator[PostgresOrganisers]:
    made = PostgresOrganisers(postgres_url)
    yield made
    await made.close()


async def made_organiser(organisers: PostgresOrganisers, name: str = "Playhouse") -> str:
    made = await organisers.create(Organiser(new_id(), name, NOW_MS), None)
    assert isinstance(made, Organiser)
    return made.id


async def invited(
    organisers: PostgresOrganisers, organiser_id: str, customer: bytes, role: Role = Role.STAFF
) -> MailedToken:
    token = a_token()
    said = {"token": "t", "valid_days": 1, "organiser": "Playhouse"}
    mail = Mail(MailKind.INVITATION, "a@b.cd", parameters=said)
    assert await organisers.invite(Invitation(organiser_id, role), customer, token, mail, None) is None
    return token


async def joined(organisers: PostgresOrganisers, organiser_id: str, account: Account) -> Account:
    token = await invited(organisers, organiser_id, account.customer)
    member = await organisers.join(account.id, token.token_hash, NOW_MS)
    assert isinstance(member, Account)
    return member


async def test_an_organiser_is_made_once_for_a_key(organisers: PostgresOrganisers) -> None:
    key = (new_id().encode(), b"body")
    made = await asyncio.gather(
        *(organisers.create(Organiser(new_id(), "One", NOW_MS), key) for _ in range(5))
    )
    assert len(set(map(str, made))) == 1
    assert isinstance(made[0], Organiser)
    assert await organisers.organiser(made[0].id) == made[0]
    refused = await organisers.create(Organiser(new_id(), "Two", NOW_MS), (key[0], b"other"))
    assert isinstance(refused, Rejected)
    assert refused.code is Code.KEY_REUSED


async def test_organisers_are_listed_in_the_order_they_were_made_in(organisers: PostgresOrganisers) -> None:
    ids = [await made_organiser(organisers, f"No. {number}") for number in range(3)]
    found = await organisers.organisers(ids[0], 10)
    assert [one.id for one in found][:2] == ids[1:]
    assert await organisers.organiser(new_id()) is None


async def test_an_invitation_is_accepted_once_by_whom_it_went_to(
    organisers: PostgresOrganisers, accounts: PostgresAccounts
) -> None:
    organiser_id = await made_organiser(organisers)
    account, other = await made_account(accounts), await made_account(accounts)
    token = await invited(organisers, organiser_id, account.customer)
    stranger = await organisers.join(other.id, token.token_hash, NOW_MS)
    assert isinstance(stranger, Rejected)
    assert stranger.code is Code.NOT_FOUND
    made = await asyncio.gather(*(organisers.join(account.id, token.token_hash, NOW_MS) for _ in range(5)))
    assert len(set(map(str, made))) == 1
    member = made[0]
    assert isinstance(member, Account)
    assert (member.role, member.organiser_id, member.version) == (Role.STAFF, organiser_id, 2)
    assert await organisers.members(organiser_id) == [member]
    late = await organisers.join(account.id, token.token_hash, token.expires_ms)
    assert isinstance(late, Rejected)


async def test_an_invitation_outlives_a_registration_and_a_forgotten_password(
    organisers: PostgresOrganisers, accounts: PostgresAccounts
) -> None:
    organiser_id = await made_organiser(organisers)
    wanted = a_registration()
    token = await invited(organisers, organiser_id, wanted.customer)
    registration, _ = await registered(accounts, wanted)
    account = await accounts.confirm(registration.token_hash, new_id(), "hash", NOW_MS)
    assert account is not None
    reset = a_token()
    await accounts.ask_reset(account.customer, reset, RESET, None)
    assert await accounts.reset(reset.token_hash, "hash", NOW_MS)
    assert isinstance(await organisers.join(account.id, token.token_hash, NOW_MS), Account)


async def test_who_is_dismissed_is_a_customer_whose_sessions_and_invitations_are_gone(
    organisers: PostgresOrganisers, accounts: PostgresAccounts
) -> None:
    organiser_id, other_id = await made_organiser(organisers), await made_organiser(organisers, "Another")
    account = await made_account(accounts)
    member = await joined(organisers, organiser_id, account)
    pending = await invited(organisers, organiser_id, account.customer, Role.ORGANISER)
    others = await invited(organisers, other_id, account.customer)
    session = await a_session(accounts, member)
    assert await organisers.dismiss(other_id, member.id, NOW_MS) is None
    assert await organisers.dismiss(organiser_id, member.id, NOW_MS) == [session.id]
    assert await organisers.dismiss(organiser_id, member.id, NOW_MS) is None
    assert session.id in await accounts.ended_since(NOW_MS - 1)
    there = await accounts.account(member.id)
    assert there is not None
    assert (there.role, there.organiser_id) == (Role.CUSTOMER, None)
    assert isinstance(await organisers.join(member.id, pending.token_hash, NOW_MS), Rejected)
    assert isinstance(await organisers.join(member.id, others.token_hash, NOW_MS), Account)


async def test_nobody_works_for_two_and_who_joins_twice_has_the_later_role(
    organisers: PostgresOrganisers, accounts: PostgresAccounts
) -> None:
    organiser_id, other_id = await made_organiser(organisers), await made_organiser(organisers, "Another")
    member = await joined(organisers, organiser_id, await made_account(accounts))
    others = await invited(organisers, other_id, member.customer)
    refused = await organisers.join(member.id, others.token_hash, NOW_MS)
    assert isinstance(refused, Rejected)
    assert refused.code is Code.IN_USE
    token = await invited(organisers, organiser_id, member.customer, Role.ORGANISER)
    promoted = await organisers.join(member.id, token.token_hash, NOW_MS)
    assert isinstance(promoted, Account)
    assert promoted.role is Role.ORGANISER


async def test_the_last_place_is_given_once(
    organisers: PostgresOrganisers, accounts: PostgresAccounts, rows: Any, postgres_url: str
) -> None:
    organiser_id = await made_organiser(organisers)
    await rows.execute(
        "INSERT INTO accounts (id, customer, email, name, language, role, organiser_id, created_ms, version)"
        " SELECT gen_random_uuid(), ($1 || n)::bytea, 'a@b', 'A', 'en', 'staff', $2::uuid, 1, 1"
        " FROM generate_series(1, $3::int) n",
        organiser_id,
        organiser_id,
        MEMBERS_MAX_ACCOUNTS - 1,
    )
    second = PostgresOrganisers(postgres_url)
    candidates = [await made_account(accounts) for _ in range(2)]
    tokens = [await invited(organisers, organiser_id, one.customer) for one in candidates]
    pairs = zip((organisers, second), candidates, tokens, strict=True)
    answers = await asyncio.gather(*(front.join(one.id, t.token_hash, NOW_MS) for front, one, t in pairs))
    await second.close()
    refused = [one.code for one in answers if isinstance(one, Rejected)]
    assert refused == [Code.LIMIT_EXCEEDED]
    assert len(await organisers.members(organiser_id)) == MEMBERS_MAX_ACCOUNTS


async def test_whose_an_inventory_is_stands_in_its_row_from_the_append_on(postgres: PostgresWorld) -> None:
    store, organiser_id = postgres.store(), new_id()
    clock = StoreClock(store.now_ms, 500)
    await clock.start()
    reads = PostgresReads(postgres.url, clock)
    sale = await Sale.opened(store, replace(terms(10), organiser_id=organiser_id))
    house = await House.opened(store, replace(house_terms(4), organiser_id=organiser_id))
    nobodys = await Sale.opened(store, terms(10))
    assert await reads.belongs(sale.id) == ("event", organiser_id)
    assert await reads.belongs(house.id) == ("restaurant", organiser_id)
    assert await reads.belongs(nobodys.id) == ("event", None)
    for nowhere in (new_id(), "nonsense"):
        assert await reads.belongs(nowhere) is None
    event, restaurant = await reads.event(sale.id), await reads.restaurant(house.id)
    assert event is not None
    assert restaurant is not None
    assert event.terms.organiser_id == restaurant.terms.organiser_id == organiser_id
    await reads.close()
    await clock.stop()
