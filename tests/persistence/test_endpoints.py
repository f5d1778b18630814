"""Webhook endpoints as rows, their log, and what `turnstile webhook` prints of them."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from rich.console import Console

from domain.endpoints import ENDPOINTS_MAX, DeliveryStatus, Endpoint, EndpointChange, secret_of
from domain.messages import Code, Rejected
from persistence.endpoints import PostgresEndpoints
from persistence.maintenance import DELIVERIES_RETENTION_MS, Maintenance
from server import webhook_command as command
from server.supervisor.failures import StartFailure
from tests.persistence.sales import NOW_MS, new_id, new_request_id

URL = "https://hooks.example/"


@pytest.fixture
async def endpoints(postgres_url: str) -> AsyncIterator[PostgresEndpoints]:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("DELETE FROM webhook_deliveries; DELETE FROM webhook_endpoints")
    await connection.close()
    made = PostgresEndpoints(postgres_url)
    yield made
    await made.close()


def an_endpoint() -> Endpoint:
    return Endpoint(id=new_id(), url=URL, created_ms=NOW_MS, kinds=("hold.placed",), description="a")


async def made(endpoints: PostgresEndpoints) -> Endpoint:
    endpoint = await endpoints.create(an_endpoint(), None)
    assert isinstance(endpoint, Endpoint)
    return endpoint


async def told(url: str, endpoint: Endpoint, count: int, status: str = "delivered") -> list[str]:
    """Deliveries to it, the newest first."""
    connection = await asyncpg.connect(url)
    ids = [new_id() for _ in range(count)]
    for at, id_ in enumerate(ids):
        await connection.execute(
            "INSERT INTO webhook_deliveries VALUES ($1, $2, $1, $1, 1, 0, 'hold.placed', '{}', $3, $4, 0, 1)",
            id_,
            endpoint.id,
            status,
            NOW_MS + at,
        )
    await connection.close()
    return ids[::-1]


async def test_a_key_makes_one_endpoint_and_takes_no_other_body(endpoints: PostgresEndpoints) -> None:
    key = new_request_id()
    answers = await asyncio.gather(*(endpoints.create(an_endpoint(), (key, b"body")) for _ in range(5)))
    assert len({one.id for one in answers if isinstance(one, Endpoint)}) == 1
    refused = await endpoints.create(an_endpoint(), (key, b"other"))
    assert isinstance(refused, Rejected)
    assert refused.code is Code.KEY_REUSED
    assert len(await endpoints.page(None, 10)) == 1


async def test_there_are_so_many_and_not_one_more(endpoints: PostgresEndpoints) -> None:
    for _ in range(ENDPOINTS_MAX):
        one = await made(endpoints)
    refused = await endpoints.create(an_endpoint(), (new_request_id(), b""))
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.facts["limit"]) == (Code.LIMIT_EXCEEDED, ENDPOINTS_MAX)
    assert await endpoints.remove(one.id, None) is None
    await made(endpoints)


async def test_of_two_who_change_the_same_version_one_is_stale(endpoints: PostgresEndpoints) -> None:
    one = await made(endpoints)
    change = EndpointChange(url=URL + "x")
    answers = await asyncio.gather(*(endpoints.change(one.id, change, 1) for _ in range(4)))
    changed = [answer for answer in answers if isinstance(answer, Endpoint)]
    assert [(answer.url, answer.kinds, answer.version) for answer in changed] == [(URL + "x", one.kinds, 2)]
    assert {answer.code for answer in answers if isinstance(answer, Rejected)} == {Code.STALE}
    everything = await endpoints.change(one.id, EndpointChange(kinds=()), None)
    assert isinstance(everything, Endpoint)
    assert (everything.kinds, everything.description) == ((), "a")


async def test_a_removed_one_is_gone(endpoints: PostgresEndpoints) -> None:
    one = await made(endpoints)
    stale = await endpoints.remove(one.id, 2)
    assert stale is not None
    assert stale.code is Code.STALE
    assert await endpoints.remove(one.id, 1) is None
    again = await endpoints.remove(one.id, None)
    assert again is not None
    assert again.code is Code.NOT_FOUND
    assert await endpoints.find(one.id) is None
    assert await endpoints.pause(one.id) is None
    assert await endpoints.resume(one.id) is None


async def test_a_key_replaces_a_secret_once(endpoints: PostgresEndpoints) -> None:
    one, key = await made(endpoints), new_request_id()
    answers = [await endpoints.rotate(one.id, 1, (key, b"")) for _ in range(3)]
    generations = [answer.generation for answer in answers if isinstance(answer, Endpoint)]
    assert generations == [2, 2, 2]
    other = await endpoints.rotate(one.id, None, (key, b"other"))
    assert isinstance(other, Rejected)
    assert other.code is Code.KEY_REUSED
    third = await endpoints.rotate(one.id, None, None)
    assert isinstance(third, Endpoint)
    assert third.generation == 3
    assert third.old_secret_until_ms > 0
    again = await endpoints.rotate(one.id, 1, (key, b""))
    assert isinstance(again, Endpoint)
    assert again.generation == 2


async def test_the_log_is_in_pages_and_by_status(endpoints: PostgresEndpoints, postgres_url: str) -> None:
    one, other = await made(endpoints), await made(endpoints)
    delivered = await told(postgres_url, one, 3)
    dead = await told(postgres_url, one, 2, "dead")
    await told(postgres_url, other, 1)
    first = await endpoints.log(one.id, DeliveryStatus.DELIVERED, None, 2)
    assert [row.id for row in first] == delivered[:2]
    place = first[-1].created_ms, first[-1].id
    rest = await endpoints.log(one.id, DeliveryStatus.DELIVERED, place, 2)
    assert [row.id for row in rest] == delivered[2:]
    assert {row.id for row in await endpoints.log(one.id, None, None, 10)} == {*delivered, *dead}
    assert await endpoints.delivery(other.id, dead[0]) is None
    found = await endpoints.delivery(one.id, dead[0])
    assert found is not None
    assert found.body == b"{}"


async def test_what_is_pending_is_not_told_again(endpoints: PostgresEndpoints, postgres_url: str) -> None:
    one = await made(endpoints)
    (pending,) = await told(postgres_url, one, 1, "pending")
    dead = await told(postgres_url, one, 2, "dead")
    assert await endpoints.replay(one.id, pending) is None
    assert await endpoints.replay(new_id(), dead[0]) is None
    assert await endpoints.replay_dead(one.id) == 2


async def test_deliveries_are_kept_for_a_month(endpoints: PostgresEndpoints, postgres_url: str) -> None:
    one, keeper = await made(endpoints), Maintenance(postgres_url)
    old, new = reversed(await told(postgres_url, one, 2))
    assert await keeper.purge("webhook_deliveries", NOW_MS + DELIVERIES_RETENTION_MS + 1) == 1
    assert [row.id for row in await endpoints.log(one.id, None, None, 10)] == [new] != [old]
    await keeper.close()


# --- the command ----------------------------------------------------------------------------------


def a_console() -> Console:
    return Console(file=io.StringIO(), width=300)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_the_command_makes_shows_pauses_and_removes_one(
    endpoints: PostgresEndpoints, postgres_url: str
) -> None:
    console = a_console()
    wanted = command.checked(URL, [], "", "", "", local=False)
    await command.add(postgres_url, wanted, console)
    (one,) = await endpoints.page(None, 10)
    assert secret_of(await endpoints.secrets_key(), one.id, 1) in said(console)
    console = a_console()
    await command.pause(postgres_url, one.id, console)
    await command.list_endpoints(postgres_url, console)
    await command.resume(postgres_url, one.id, console)
    (dead,) = await told(postgres_url, one, 1, "dead")
    await command.log(postgres_url, one.id, None, 10, console)
    await command.replay(postgres_url, one.id, None, console)
    await command.remove(postgres_url, one.id, console)
    await command.list_endpoints(postgres_url, console)
    for expected in (URL, "paused: by the operator", dead, "To be told again: 1", "There is no endpoint."):
        assert expected in said(console)
    assert not re.search("whsec_", said(console))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"url": "http://hooks.example/"}, "Only https"),
        ({"inventory": "x"}, "--inventory"),
        ({"organiser": "x"}, "--organiser"),
        ({"description": "x" * 201}, "description"),
    ],
)
def test_the_command_takes_what_the_api_takes(given: dict[str, str], says: str) -> None:
    values = {"url": URL, "inventory": "", "organiser": "", "description": "", **given}
    with pytest.raises(StartFailure, match=says):
        command.checked(
            values["url"], [], values["inventory"], values["organiser"], values["description"], local=False
        )


async def test_the_command_knows_no_endpoint_that_there_is_none_of(
    endpoints: PostgresEndpoints, postgres_url: str
) -> None:
    for work in (command.pause, command.resume, command.remove):
        with pytest.raises(StartFailure, match="no such endpoint"):
            await work(postgres_url, new_id(), a_console())
        with pytest.raises(StartFailure, match="id"):
            await work(postgres_url, "x", a_console())
    one = await made(endpoints)
    with pytest.raises(StartFailure, match="no delivery"):
        await command.replay(postgres_url, one.id, new_id(), a_console())
