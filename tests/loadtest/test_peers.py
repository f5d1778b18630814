"""The peers are honest: never oversold, durable before the reply, nothing left behind, on real servers."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import msgspec
import pytest

from loadtest.bench import targets
from loadtest.bench.stack import described, free_port
from loadtest.peers import wire
from tests.served import Served

CLIENTS = 64
CAPACITY = 5
REPLY_TIMEOUT_S = 30.0
KEEPING = ("row_lock", "redis_lua", "redis_pipelined", "ray_call", "skip_locked")


@contextmanager
def peer(name: str, servers: dict[str, Any], folder: Path, workers: int = 1) -> Iterator[str]:
    """A running peer with few tickets; yields its address."""
    endpoints = folder / "endpoints.json"
    endpoints.touch(mode=0o600)
    endpoints.write_bytes(msgspec.json.encode(servers))
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        few = msgspec.structs.replace(targets.PEERS[name], quota=CAPACITY)
        patch.setitem(targets.PEERS, name, few)
        stack = described(endpoints, None)
        with targets.peer_process(stack, name, port, workers, folder / "peer.log"):
            yield f"http://127.0.0.1:{port}"


def body(client: int) -> dict[str, Any]:
    lines = [{"ticket_type": wire.TICKET_TYPE, "quantity": 1}]
    return {"lines": lines, "customer": {"name": "Ada Lovelace", "email": f"buyer-{client}@example.org"}}


async def post(session: aiohttp.ClientSession, path: str, sent: Any, token: str = "") -> tuple[int, Any]:
    headers = {"Reservation-Token": token} if token else {}
    async with session.post(path, json=sent, headers=headers) as reply:
        return reply.status, await reply.json(content_type=None)


async def crowd(url: str, event: str = wire.OPEN_EVENT) -> list[tuple[int, Any]]:
    """Many clients at once, each on a connection of its own."""
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    timeout = aiohttp.ClientTimeout(total=REPLY_TIMEOUT_S)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        path = f"/api/v1/events/{event}/reservations"
        return list(await asyncio.gather(*(post(session, path, body(client)) for client in range(CLIENTS))))


async def confirm(url: str, held: Any, token: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(url) as session:
        return await post(session, f"/api/v1/reservations/{held['id']}/confirm", {}, token)


async def stored(database_url: str, schema: str) -> dict[str, str]:
    """Status by reservation, as committed."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(f"SELECT id::text, status FROM {schema}.reservations")
        return {row["id"]: row["status"] for row in rows}
    finally:
        await connection.close()


async def schema_exists(database_url: str, schema: str) -> bool:
    connection = await asyncpg.connect(database_url)
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = $1", schema))
    finally:
        await connection.close()


@pytest.mark.parametrize("name", KEEPING)
async def test_sixty_four_clients_get_exactly_the_five_tickets_there_are(
    name: str, running_server: Served, tmp_path: Path
) -> None:
    database_url, schema = running_server.endpoints["database_url"], f"peer_{name}"
    with peer(name, running_server.endpoints, tmp_path) as url:
        replies = await crowd(url)
        assert Counter(status for status, _ in replies) == {201: CAPACITY, 409: CLIENTS - CAPACITY}
        held = [reply for status, reply in replies if status == 201]
        assert await stored(database_url, schema) == {one["id"]: "held" for one in held}
        assert {reply["code"] for status, reply in replies if status == 409} == {"sold_out"}
        assert (await confirm(url, held[0], held[0]["token"]))[1]["status"] == "confirmed"
        assert (await confirm(url, held[0], held[1]["token"]))[0] == 404
        assert Counter((await stored(database_url, schema)).values()) == {"held": 4, "confirmed": 1}
        assert {status for status, _ in await crowd(url, wire.SOLD_OUT_EVENT)} == {409}
    assert not await schema_exists(database_url, schema)


async def test_several_front_end_processes_share_a_port_and_the_tickets(
    running_server: Served, tmp_path: Path
) -> None:
    with peer("row_lock", running_server.endpoints, tmp_path, workers=2) as url:
        replies = await crowd(url)
    assert Counter(status for status, _ in replies) == {201: CAPACITY, 409: CLIENTS - CAPACITY}
    assert not await schema_exists(running_server.endpoints["database_url"], "peer_row_lock")


async def test_echo_and_the_others_reply_in_the_same_shape_and_size(
    running_server: Served, tmp_path: Path
) -> None:
    with peer("echo", running_server.endpoints, tmp_path) as url:
        status, echoed = (await crowd(url))[0]
    with peer("row_lock", running_server.endpoints, tmp_path) as url:
        kept = next(reply for status, reply in await crowd(url) if status == 201)
    assert status == 201
    assert set(echoed) == set(kept) == {field.name for field in msgspec.structs.fields(wire.Reservation)}
    assert abs(len(msgspec.json.encode(echoed)) - len(msgspec.json.encode(kept))) <= 4


@pytest.mark.parametrize("quantity", [0, 11])
async def test_a_quantity_out_of_bounds_is_refused_and_takes_nothing(
    quantity: int, running_server: Served, tmp_path: Path
) -> None:
    sent = body(1)
    sent["lines"][0]["quantity"] = quantity
    with peer("row_lock", running_server.endpoints, tmp_path) as url:
        async with aiohttp.ClientSession(url) as session:
            path = f"/api/v1/events/{wire.OPEN_EVENT}/reservations"
            assert (await post(session, path, sent))[0] == 422
        assert await stored(running_server.endpoints["database_url"], "peer_row_lock") == {}
