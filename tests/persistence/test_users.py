"""`turnstile user create`: what it makes, and what it refuses in one line."""

from __future__ import annotations

from typing import Any

import pytest

from domain.account import Account, Organiser, Role
from persistence.organisers import PostgresOrganisers
from server.passwords import Passwords
from server.settings import Settings
from server.supervisor.failures import StartFailure
from server.users import checked, create_user
from tests.persistence.sales import NOW_MS, new_id
from tests.server.conftest import quick_passwords

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def quick(*_: Any) -> Passwords:
        return quick_passwords()

    monkeypatch.setattr("server.users.Passwords", quick)


async def made(
    url: str, email: str, role: Role = Role.ADMIN, organiser_id: str | None = None, **changes: str
) -> Account:
    given = {"email": email, "name": "Ada", "language": "en", "password": PASSWORD, **changes}
    return await create_user(Settings(), url, *checked(**given), role, organiser_id)


async def test_an_address_gets_one_user_however_it_is_spelled(postgres_url: str) -> None:
    name = new_id()
    account = await made(postgres_url, f" {name}@example.org ")
    assert (account.email, account.role) == (f"{name}@example.org", Role.ADMIN)
    with pytest.raises(StartFailure, match="already"):
        await made(postgres_url, f"{name.upper()}@EXAMPLE.org")


async def test_staff_and_organisers_belong_to_an_organiser_and_others_to_none(postgres_url: str) -> None:
    organiser_id = new_id()
    organisers = PostgresOrganisers(postgres_url)
    await organisers.create(Organiser(organiser_id, "Playhouse", NOW_MS), None)
    staff = await made(postgres_url, f"{new_id()}@example.org", Role.STAFF, organiser_id)
    assert await organisers.members(organiser_id) == [staff]
    await organisers.close()
    wrong = [(Role.STAFF, None), (Role.ADMIN, organiser_id), (Role.ORGANISER, "x"), (Role.STAFF, new_id())]
    for role, given in wrong:
        with pytest.raises(StartFailure, match="organiser"):
            await made(postgres_url, f"{new_id()}@example.org", role, given)


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"email": "ada"}, {"name": ""}, {"language": "de"}])
async def test_what_the_api_would_refuse_is_refused(postgres_url: str, wrong: dict[str, str]) -> None:
    with pytest.raises(StartFailure, match=next(iter(wrong))):
        await made(postgres_url, **{"email": "ada@example.org", **wrong})


async def test_where_no_database_is_it_says_so() -> None:
    with pytest.raises(StartFailure, match="PostgreSQL"):
        await made("postgresql://nobody@127.0.0.1:1/nowhere", "ada@example.org")
