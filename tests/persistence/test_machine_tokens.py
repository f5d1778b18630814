"""Machine tokens as rows: each once, and so many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from domain.account import MACHINE_TOKENS_MAX, MachineToken, Scope
from domain.messages import Code, Rejected
from persistence.machine_tokens import PostgresMachines
from tests.persistence.sales import NOW_MS, new_id
from tests.persistence.test_accounts import rows

__all__ = ["rows"]


@pytest.fixture
async def machines(postgres_url: str) -> AsyncIterator[PostgresMachines]:
    made = PostgresMachines(postgres_url)
    yield made
    await made.close()


def a_token(organiser_id: str | None = None, **changes: Any) -> MachineToken:
    said = (new_id(), organiser_id, "Till", (Scope.READ, Scope.SELL), b"hash", "operator", NOW_MS)
    return replace(MachineToken(*said, NOW_MS + 1_000), **changes)


async def test_a_token_is_read_as_it_was_made(machines: PostgresMachines) -> None:
    token = a_token(new_id())
    assert await machines.create(token, None) == token
    assert await machines.token(token.id) == token
    assert token in await machines.serving(NOW_MS)
    assert token not in await machines.serving(token.expires_ms)
    assert await machines.token(new_id()) is None


async def test_a_token_is_made_once_for_a_key(machines: PostgresMachines) -> None:
    token, key = a_token(), (new_id().encode(), b"body")
    made = await asyncio.gather(*(machines.create(token, key) for _ in range(5)))
    assert made == [token] * 5
    refused = await machines.create(token, (key[0], b"other"))
    assert isinstance(refused, Rejected)
    assert refused.code is Code.KEY_REUSED


async def test_what_is_revoked_serves_no_more_and_says_since_when(machines: PostgresMachines) -> None:
    token = a_token()
    await machines.create(token, None)
    assert [await machines.revoke(token.id, NOW_MS + n) for n in (1, 2)] == [True, True]
    assert await machines.token(token.id) == replace(token, revoked_ms=NOW_MS + 1)
    assert token.id not in {one.id for one in await machines.serving(NOW_MS)}
    assert not await machines.revoke(new_id(), NOW_MS)


async def test_tokens_are_listed_by_whose_they_are(machines: PostgresMachines) -> None:
    own = new_id()
    mine = [a_token(own) for _ in range(3)]
    for token in (*mine, a_token(new_id()), a_token()):
        await machines.create(token, None)
    assert await machines.tokens(own, False, None, 10) == mine
    assert await machines.tokens(own, False, mine[0].id, 1) == [mine[1]]
    nobodys = await machines.tokens(None, False, None, 1_000)
    assert {one.organiser_id for one in nobodys} == {None}
    assert len(await machines.tokens(None, True, None, 1_000)) > len(nobodys)


async def test_the_last_one_that_may_serve_is_made_once_and_a_refusal_is_decided_anew(
    machines: PostgresMachines, postgres_url: str
) -> None:
    own = new_id()
    full = [a_token(own) for _ in range(MACHINE_TOKENS_MAX - 1)]
    for token in full:
        await machines.create(token, None)
    second, key = PostgresMachines(postgres_url), (new_id().encode(), b"body")
    wanted = a_token(own)
    answers = await asyncio.gather(machines.create(a_token(own), None), second.create(a_token(own), None))
    await second.close()
    refused = [one for one in answers if isinstance(one, Rejected)]
    assert [one.code for one in refused] == [Code.LIMIT_EXCEEDED]
    late = await machines.create(wanted, key)
    assert isinstance(late, Rejected)
    await machines.revoke(full[0].id, NOW_MS)
    assert await machines.create(wanted, key) == wanted
