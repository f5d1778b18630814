"""A connection that breaks, freezes or is refused becomes one of three errors, in time, and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest

from persistence.connection import Limits, Link, Links
from persistence.postgres import PostgresOwnerStore
from persistence.store import OutcomeUnknown, Refused, Unreachable
from server.embedded.ports import free_port
from tests.persistence.sales import OWNER, Sale, terms
from tests.persistence.worlds import PostgresWorld
from tests.tools.tcp_proxy import TcpProxy, tcp_proxy

LIMITS = Limits(
    connect_timeout_s=3.0,
    command_timeout_s=2.0,
    statement_timeout_s=1.0,
    close_timeout_s=0.3,
    reconnect_pause_max_s=0.1,
)

PATIENT = replace(LIMITS, command_timeout_s=20.0)
"""Where the server is to end a statement, and not who waits for it."""


@dataclass
class Line:
    """A link over a proxy."""

    link: Link
    proxy: TcpProxy
    url: str


@pytest.fixture
async def line(postgres_url: str) -> AsyncIterator[Line]:
    address = urlsplit(postgres_url)
    assert address.hostname is not None
    assert address.port is not None
    async with tcp_proxy(address.hostname, address.port) as proxy:
        login = address.netloc.rpartition("@")[0]
        url = address._replace(netloc=f"{login}@127.0.0.1:{proxy.port}").geturl()
        link = Link(url, "line", LIMITS)
        yield Line(link, proxy, url)
        await link.close()


async def test_a_line_that_is_cut_under_a_statement_leaves_the_outcome_unknown(line: Line) -> None:
    await line.link.fetch("SELECT 1")
    under_way = asyncio.create_task(line.link.fetch("SELECT pg_sleep(0.9)"))
    await asyncio.sleep(0.05)
    line.proxy.cut()
    with pytest.raises(OutcomeUnknown) as lost:
        await under_way
    assert not isinstance(lost.value, Unreachable)
    assert (await line.link.fetch("SELECT 2"))[0][0] == 2


async def test_a_line_that_was_cut_while_idle_is_made_again(line: Line) -> None:
    before = (await line.link.fetch("SELECT pg_backend_pid()"))[0][0]
    line.proxy.cut()
    await asyncio.sleep(0.05)
    assert (await line.link.fetch("SELECT pg_backend_pid()"))[0][0] != before


async def test_a_frozen_server_keeps_nobody_longer_than_the_limit(line: Line) -> None:
    await line.link.fetch("SELECT 1")
    line.proxy.freeze()
    started_s = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await line.link.fetch("SELECT 1")
    with pytest.raises(Unreachable):
        await line.link.fetch("SELECT 1")
    assert time.monotonic() - started_s < 8.0
    line.proxy.cut()
    line.proxy.thaw()
    assert (await line.link.fetch("SELECT 1"))[0][0] == 1


async def test_closing_does_not_wait_for_a_frozen_server(line: Line) -> None:
    await line.link.fetch("SELECT 1")
    line.proxy.freeze()
    started_s = time.monotonic()
    await line.link.close()
    assert time.monotonic() - started_s < 1.5


async def test_no_server_is_unreachable_and_asked_again_at_a_bounded_rate() -> None:
    link = Link(f"postgresql://nobody@127.0.0.1:{free_port()}/none", "nowhere", LIMITS)
    started_s = time.monotonic()
    for _ in range(6):
        with pytest.raises(Unreachable):
            await link.fetch("SELECT 1")
    assert 0.2 < time.monotonic() - started_s < 3.0


async def test_a_wrong_password_is_unreachable(postgres_url: str) -> None:
    address = urlsplit(postgres_url)
    wrong = address._replace(netloc=f"turnstile:wrong@{address.hostname}:{address.port}").geturl()
    with pytest.raises(Unreachable, match="password"):
        await Link(wrong, "stranger", LIMITS).fetch("SELECT 1")


async def test_a_cancelled_caller_costs_the_others_nothing(line: Line) -> None:
    before = (await line.link.fetch("SELECT pg_backend_pid()"))[0][0]
    under_way = asyncio.create_task(line.link.fetch("SELECT pg_sleep(0.9)"))
    waiting = asyncio.create_task(line.link.fetch("SELECT pg_backend_pid()"))
    await asyncio.sleep(0.05)
    under_way.cancel()
    assert (await waiting)[0][0] != before
    with pytest.raises(asyncio.CancelledError):
        await under_way


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(line: Line) -> None:
    link = Link(line.url, "patient", PATIENT)
    with pytest.raises(OutcomeUnknown, match="57014"):
        await link.fetch("SELECT pg_sleep(5)")
    await link.close()


async def test_a_faulty_statement_is_refused_and_the_connection_kept(line: Line) -> None:
    before = (await line.link.fetch("SELECT pg_backend_pid()"))[0][0]
    for sql in ("SELECT 1 / 0", "SELEKT", "SELECT 1 FROM nowhere"):
        with pytest.raises(Refused):
            await line.link.fetch(sql)
    assert (await line.link.fetch("SELECT pg_backend_pid()"))[0][0] == before


async def test_an_error_repeats_nothing_of_what_was_to_be_stored(postgres: PostgresWorld) -> None:
    store = postgres.store()
    sale = await Sale.opened(store, terms(5))
    entry = sale.holds(1)
    await sale.append(store, entry)
    again = sale.holds(1)
    again.placed = entry.placed
    with pytest.raises(Refused) as refused:
        await store.append([again])
    assert "ada" not in f"{refused.value!r}".lower()
    assert entry.placed[0].contact.hex() not in f"{refused.value!r}"
    with pytest.raises(Refused) as refused:
        await store.claim("ada@example.org", OWNER)
    assert "ada" not in f"{refused.value!r}"


async def test_a_waiting_statement_that_could_not_pass_is_nobodys_fault(postgres: PostgresWorld) -> None:
    """A deadlock or a lock that did not come says nothing about what was to be stored."""
    store = PostgresOwnerStore(postgres.url, limits=PATIENT)
    sale = await Sale.opened(store)
    other = await postgres.connection()
    await other.execute("BEGIN")
    await other.execute("SELECT 1 FROM inventories WHERE id = $1 FOR UPDATE", sale.id)
    with pytest.raises(OutcomeUnknown, match="57014"):
        await sale.append(store, sale.holds(1))
    await other.execute("ROLLBACK")
    await store.close()


async def test_links_serve_as_many_at_once_as_there_are_and_no_more(line: Line) -> None:
    links = Links(line.url, "pool", LIMITS, 2)
    started_s = time.monotonic()
    rows = await asyncio.gather(*(links.fetch("SELECT pg_backend_pid(), pg_sleep(0.1)") for _ in range(4)))
    assert len({one[0][0] for one in rows}) == 2
    assert time.monotonic() - started_s > 0.19
    await links.close()


async def test_sessions_are_set_up_so_that_the_server_ends_what_is_left_behind(line: Line) -> None:
    async def setting(name: str) -> str:
        return str((await line.link.fetch("SELECT current_setting($1)", name))[0][0])

    assert await setting("synchronous_commit") == "on"
    assert await setting("statement_timeout") == "1s"
    assert await setting("idle_in_transaction_session_timeout") == "1s"
    assert await setting("tcp_user_timeout") != "0"
    assert await setting("tcp_keepalives_idle") == "5"
    assert await setting("application_name") == "line"
