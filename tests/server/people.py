"""People of tests: accounts that were registered and confirmed, and the headers of who is logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.server.conftest import Answer, Api

ACCOUNTS, ME, SESSIONS = "/api/v1/accounts", "/api/v1/accounts/me", "/api/v1/sessions"
PASSWORD = "correct horse battery"
ADA = "ada@example.org"


@dataclass
class Person:
    """Somebody who is logged in."""

    account: dict[str, Any]
    access: str
    refresh: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


async def register(api: Api, email: str = ADA, **changes: Any) -> Answer:
    body = {"email": email, "name": "Ada Lovelace", **changes}
    return await api.post(ACCOUNTS, json=body)


async def confirm(api: Api, token: str, password: str = PASSWORD) -> Answer:
    return await api.post(f"{ACCOUNTS}/confirm", json={"token": token, "password": password})


def mailed_token(api: Api) -> str:
    """Of the last mail that has one."""
    return str([mail for mail in api.accounts.mails if "token" in mail.parameters][-1].parameters["token"])


async def confirmed(api: Api, email: str = ADA) -> dict[str, Any]:
    """An account, made as people make it."""
    assert (await register(api, email)).status == 202
    made = await confirm(api, mailed_token(api))
    assert made.status == 200, made.raw
    account: dict[str, Any] = made.json
    return account


async def log_in(api: Api, email: str = ADA, password: str = PASSWORD) -> Answer:
    return await api.post(SESSIONS, json={"email": email, "password": password})


def person_of(answer: Answer) -> Person:
    assert answer.status in (200, 201), answer.raw
    said = answer.json
    return Person(said["account"], said["access_token"], said["refresh_token"])


async def signed_in(api: Api, email: str = ADA) -> Person:
    """Registered, confirmed, logged in."""
    await confirmed(api, email)
    return person_of(await log_in(api, email))
