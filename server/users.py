"""`turnstile user create` and `turnstile keys rotate`: what an operator does to accounts from a shell."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import typer

from domain.account import Account, Role
from domain.messages import Rejected
from persistence.accounts import PostgresAccounts
from persistence.clock import StoreClock
from persistence.directory import PostgresDirectory
from persistence.organisers import PostgresOrganisers
from persistence.reads import PostgresReads
from persistence.store import StoreError
from server.access_tokens import KEY_REST_MS
from server.command_audit import noted
from server.customers import CustomerKeys
from server.ids import parse_id, uuid7
from server.passwords import Passwords
from server.payloads_accounts import NewAccount, WantedPassword
from server.settings import Settings
from server.supervisor.failures import StartFailure

SKEW_MAX_MS = 500


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[tuple[PostgresAccounts, PostgresReads, int]]:
    """Accounts, reads and store time. Raises StartFailure."""
    async with AsyncExitStack() as stack:
        directory = PostgresDirectory(database_url)
        stack.push_async_callback(directory.close)
        accounts = PostgresAccounts(database_url)
        stack.push_async_callback(accounts.close)
        reads = PostgresReads(database_url, StoreClock(directory.now_ms, SKEW_MAX_MS))
        stack.push_async_callback(reads.close)
        try:
            yield accounts, reads, await directory.now_ms()
        except (StoreError, OSError) as error:
            raise StartFailure(str(error)) from error


def password_from_input() -> str:
    """Asked for twice where somebody types, else the first line of the standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


async def create_user(
    settings: Settings,
    database_url: str,
    wanted: NewAccount,
    password: str,
    role: Role,
    organiser_id: str | None,
) -> Account:
    """The new account, its e-mail taken as confirmed. Raises StartFailure."""
    organised = role in (Role.STAFF, Role.ORGANISER)
    if organised != (organiser_id is not None):
        raise StartFailure(f"role {role.value}: {'give its' if organised else 'it has no'} --organiser")
    if organiser_id is not None and parse_id(organiser_id) is None:
        raise StartFailure("--organiser: an organiser's id")
    if organiser_id is not None:
        await _check_organiser(database_url, organiser_id)
    passwords = Passwords(settings.password_threads)
    async with _opened(database_url) as (accounts, reads, now_ms):
        customer = CustomerKeys(await reads.secret("customer_key")).key(wanted.email)
        account_id, email = uuid7(now_ms), wanted.email.strip()
        account = Account(
            account_id, email, customer, wanted.name, wanted.language, role, organiser_id, 1, now_ms
        )
        async with noted(database_url, "turnstile user create") as deed:
            made = await accounts.create(account, await passwords.hashed(password))
            if isinstance(made, Rejected):
                raise StartFailure(made.detail)
            deed.made = made.id
    passwords.close()
    return made


async def _check_organiser(database_url: str, organiser_id: str) -> None:
    """Raises StartFailure where there is no such organiser."""
    organisers = PostgresOrganisers(database_url)
    try:
        if await organisers.organiser(organiser_id) is None:
            raise StartFailure("--organiser: there is no such organiser")
    except StoreError as error:
        raise StartFailure(str(error)) from error
    finally:
        await organisers.close()


def checked(email: str, name: str, language: str, password: str) -> tuple[NewAccount, str]:
    """And the password, by the bounds that the API has too. Raises StartFailure."""
    given = {"email": email, "name": name, "language": language}
    try:
        wanted = msgspec.convert(given, NewAccount)
    except msgspec.ValidationError as error:
        raise StartFailure(str(error)) from None
    try:
        return wanted, msgspec.convert(password, WantedPassword)
    except msgspec.ValidationError as error:
        raise StartFailure(f"password: {error}") from None


async def rotate_keys(database_url: str) -> str:
    """The id of the new key. Raises StartFailure."""
    async with _opened(database_url) as (accounts, _, now_ms):
        async with noted(database_url, "turnstile keys rotate") as deed:
            key = await accounts.rotate_keys(secrets.token_bytes(32), now_ms, KEY_REST_MS)
            deed.made = key.id
        return key.id
