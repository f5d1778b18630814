"""Live availability over the rules themselves: what streams tell, how they go on, what bounds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from server import live, live_feed
from server.front_end import PARTS
from server.parts import Options
from server.timeouts import ending_stuck
from tests.server.conftest import OPERATOR, Api, Start
from tests.server.live_client import WAIT_MAX_S, Stream, counts_path, watching

QUICK = Options(stream_interval_ms=1)
TYPES = 100
READERS = 250


@pytest.fixture
async def api(start: Start) -> Api:
    return await start(QUICK)


@asynccontextmanager
async def _watching(api: Api, event_id: str, last: int | None = None, **given: Any) -> AsyncIterator[Stream]:
    async with watching(api.runner.addresses[0][:2], counts_path(event_id), last, **given) as stream:
        yield stream


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_MAX_S):
        while not condition():  # noqa: ASYNC110 - the other side is a socket away
            await asyncio.sleep(0.01)


def _streams(api: Api) -> int:
    return api.app[PARTS].metrics.streams


# --- what is told ---------------------------------------------------------------------------------


async def test_first_comes_the_state_then_what_changes(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        first = await stream.next()
        assert first is not None
        shown = await api.get(f"/api/v1/events/{event_id}/availability")
        assert (first.name, first.data) == ("state", shown.json)
        for held in (2, 5):
            await api.hold(event_id, quantity=held - stream.known["ga"])
            said = await stream.next()
            assert said is not None
            assert (said.name, said.held) == ("delta", {"ga": held})
            shown = await api.get(f"/api/v1/events/{event_id}/availability")
            assert said.sequence == shown.json["sequence"]
            assert said.data["ticket_types"] == shown.json["ticket_types"][:1]


async def test_the_head_says_what_it_is_and_that_nobody_may_keep_it(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id, lines="X-Request-Id: mine\r\n") as stream:
        assert stream.status == 200
        for line in ("text/event-stream", "no-store", "X-Accel-Buffering: no", "Connection: close", "mine"):
            assert line in stream.head
        assert "Content-Length" not in stream.head


async def test_many_readers_of_one_event_are_told_the_same(api: Api) -> None:
    event_id = await api.new_event()
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(_watching(api, event_id)) for _ in range(READERS)]
        for stream in streams:
            await stream.next()
        assert _streams(api) == READERS
        await api.hold(event_id, quantity=3)
        said = await asyncio.gather(*(stream.next() for stream in streams))
        assert all(one == said[0] for one in said)
        assert streams[0].known == {"ga": 3, "vip": 0}
    await _until(lambda: _streams(api) == 0)


async def test_what_changes_quickly_is_told_together(start: Start) -> None:
    api = await start(Options(stream_interval_ms=200))
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        for code in ("ga", "vip", "ga", "ga", "ga"):
            held = await api.hold(event_id, code=code)
            assert held.status == 201
        sequence = api.gateway.inventories[event_id].sequence
        heard = 1
        while (await stream.until(stream.last + 1)).sequence < sequence:
            heard += 1
        assert heard < 5
        assert stream.known == {"ga": 4, "vip": 1}


async def test_readers_so_many_that_writes_would_be_too_many_hear_less_often(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WRITES_MAX_PER_S", 10)
    event_id = await api.new_event()
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(_watching(api, event_id))
        await _until(lambda: _streams(api) == 5)
        assert api.app[PARTS].live._pause_s() == 0.5


async def test_where_types_are_added_or_removed_the_state_is_told_again(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        kind = {"code": "new", "name": "New", "quota": 5, "price": {"amount": 1, "currency": "EUR"}}
        changed = await api.patch(
            f"/api/v1/events/{event_id}",
            json={"ticket_types": [kind], "removed_ticket_types": ["vip"]},
            headers=OPERATOR,
        )
        assert changed.status == 200
        said = await stream.next()
        assert said is not None
        assert (said.name, said.held) == ("state", {"ga": 0, "new": 0})


async def test_while_nothing_changes_a_comment_says_that_it_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "HEARTBEAT_S", 0.05)
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        said = asyncio.create_task(stream.next())
        await _until(lambda: stream.comments > 2)
        await api.hold(event_id)
        assert (await said) is not None


# --- going on -------------------------------------------------------------------------------------


async def test_who_comes_back_is_told_what_it_has_missed(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id), _watching(api, event_id) as stream:
        await stream.next()
        await api.hold(event_id, code="vip")
        await stream.next()
        stream.leave()
        for _ in range(2):
            await api.hold(event_id)
        async with _watching(api, event_id, last=stream.last) as back:
            said = await back.next()
            assert said is not None
            assert (said.name, said.data["since"], said.held) == ("delta", stream.last, {"ga": 2})


async def test_who_comes_back_and_has_missed_nothing_is_told_nothing(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as other:
        first = await other.next()
        assert first is not None
        async with _watching(api, event_id, last=first.sequence) as back:
            said = asyncio.create_task(back.next())
            await _until(lambda: bool(back.retry_ms))
            await api.hold(event_id)
            event = await said
            assert event is not None
            assert (event.name, event.held) == ("delta", {"ga": 1})


async def test_what_is_not_known_any_more_is_told_as_the_state(api: Api) -> None:
    event_id = await api.new_event()
    await api.hold(event_id)
    async with _watching(api, event_id, last=1) as stream:
        said = await stream.next()
        assert said is not None
        assert (said.name, said.held) == ("state", {"ga": 1, "vip": 0})


@pytest.mark.parametrize("last", ["", "x", "-1", "1.5", "٣", "9" * 16, "9" * 5000])
async def test_a_last_event_that_is_none_of_ours_is_as_none(api: Api, last: str) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id, lines=f"Last-Event-ID: {last}\r\n") as stream:
        said = await stream.next()
        assert said is not None
        assert said.name == "state"


async def test_a_front_end_that_knows_less_than_the_client_says_nothing_older(api: Api) -> None:
    event_id = await api.new_event()
    old = await api.reads.availability(event_id)
    assert old is not None
    await api.hold(event_id)
    api.reads.old_copies[event_id] = old
    sequence = api.gateway.inventories[event_id].sequence
    async with _watching(api, event_id) as behind, _watching(api, event_id, last=sequence) as ahead:
        assert (await behind.next()).sequence == old.sequence  # type: ignore[union-attr]
        await api.hold(event_id)
        said = await ahead.next()
        assert said is not None
        assert said.sequence == sequence + 1


# --- bounds ---------------------------------------------------------------------------------------


async def test_there_are_so_many_streams_and_not_one_more(start: Start) -> None:
    api = await start(Options(streams_max=2))
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/availability/stream"
    async with _watching(api, event_id) as one, _watching(api, event_id) as two:
        for stream in (one, two):
            await stream.next()
        async with asyncio.timeout(WAIT_MAX_S):
            refused = await api.get(path)
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "overloaded", "1")
        assert (await api.get(f"/api/v1/events/{event_id}/availability")).status == 200
        two.leave()
        await _until(lambda: _streams(api) == 1)
        async with _watching(api, event_id) as third:
            assert await third.next() is not None


async def test_who_does_not_read_is_cut_off_and_the_others_go_on(api: Api) -> None:
    price = {"amount": 1, "currency": "EUR"}
    kinds = [{"code": f"t{n}", "name": "T", "quota": 10_000, "price": price} for n in range(TYPES)]
    event_id = await api.new_event(ticket_types=kinds)
    lines = [{"ticket_type": kind["code"], "quantity": 1} for kind in kinds]
    customer = {"name": "Ada", "email": "ada@example.org"}
    async with _watching(api, event_id) as slow, _watching(api, event_id) as quick:
        await slow.next()
        slow.stop_reading()
        await quick.next()
        async with asyncio.timeout(WAIT_MAX_S):
            while _streams(api) == 2:
                held = await api.post(
                    f"/api/v1/events/{event_id}/reservations", json={"lines": lines, "customer": customer}
                )
                assert held.status == 201
                await quick.until(api.gateway.inventories[event_id].sequence)
                assert _unread_bytes(api) <= live_feed.UNREAD_MAX_BYTES + len(held.raw) + 20_000
        assert b"turnstile_streams_cut_total 1.0" in (await api.get("/metrics")).raw
        await api.hold(event_id, code="t1")
        await quick.until(api.gateway.inventories[event_id].sequence)
        assert len(quick.known) == TYPES


def _unread_bytes(api: Api) -> int:
    server = api.runner.server
    assert server is not None
    return max(transport.get_write_buffer_size() for transport in server._connections.values())


async def test_idle_times_do_not_end_a_stream(start: Start) -> None:
    api = await start(QUICK, keepalive_timeout=0.1)
    event_id = await api.new_event()
    server = api.runner.server
    assert server is not None
    async with ending_stuck(server, 0.1), _watching(api, event_id) as stream:
        await stream.next()
        await asyncio.sleep(0.6)
        await api.hold(event_id)
        assert await stream.next() is not None


async def test_a_client_that_has_gone_is_forgotten_at_once_and_with_the_last_the_event(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        assert len(api.gateway.on_change) == 1
    await _until(lambda: _streams(api) == 0)
    assert api.gateway.on_change == []
    assert api.app[PARTS].live._feeds == {}


async def test_with_an_event_that_is_deleted_its_streams_end(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        deleted = await api.ask("DELETE", f"/api/v1/events/{event_id}", headers=OPERATOR)
        assert deleted.status < 300
        await stream.rest()
        assert (await api.get(f"/api/v1/events/{event_id}/availability/stream")).code == "not_found"


async def test_at_a_stop_streams_end_with_a_time_to_come_back_and_none_begin(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as one, _watching(api, event_id) as two:
        for stream in (one, two):
            await stream.next()
        await api.app.shutdown()
        for stream in (one, two):
            await stream.rest()
            assert len(stream.retry_ms) == 2
            assert all(1_000 <= pause_ms <= 5_000 for pause_ms in stream.retry_ms)
    refused = await api.get(f"/api/v1/events/{event_id}/availability/stream")
    assert (refused.status, refused.code) == (503, "unavailable")


async def test_streams_whose_task_breaks_end_so_that_clients_come_back(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        with monkeypatch.context() as broken:
            broken.setattr(live_feed.Messages, "message", lambda *_: 1 / 0)
            await api.hold(event_id)
            await stream.rest()
    assert "broke off" in capsys.readouterr().out
    await _until(lambda: _streams(api) == 0)
    async with _watching(api, event_id) as stream:
        assert await stream.next() is not None


# --- as other routes ------------------------------------------------------------------------------


async def test_head_is_answered_and_ends(api: Api) -> None:
    event_id = await api.new_event()
    async with _watching(api, event_id, method="HEAD") as stream:
        assert "text/event-stream" in stream.head
        assert await stream.next() is None
    assert _streams(api) == 0


async def test_an_event_that_is_not_there_is_not_found(api: Api) -> None:
    for event_id in ("x", "01890000-0000-7000-8000-000000000001"):
        missing = await api.get(f"/api/v1/events/{event_id}/availability/stream")
        assert (missing.status, missing.code) == (404, "not_found")


async def test_a_draft_is_shown_to_operators_only(api: Api) -> None:
    event_id = await api.new_event(status="draft")
    missing = await api.get(f"/api/v1/events/{event_id}/availability/stream")
    assert (missing.status, missing.code) == (404, "not_found")
    operator = f"Authorization: {OPERATOR['Authorization']}\r\n"
    async with _watching(api, event_id, lines=operator) as stream:
        assert await stream.next() is not None


async def test_a_query_is_refused(api: Api) -> None:
    event_id = await api.new_event()
    assert (await api.get(f"/api/v1/events/{event_id}/availability/stream?x=1")).paths == ["query"]


async def test_pages_of_set_origins_may_watch(start: Start) -> None:
    api = await start(Options(cors_origins=("https://shop.example",)))
    event_id = await api.new_event()
    async with _watching(api, event_id, lines="Origin: https://shop.example\r\n") as stream:
        assert "Access-Control-Allow-Origin: https://shop.example" in stream.head
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    path = f"/api/v1/events/{event_id}/availability/stream"
    preflight = await api.ask("OPTIONS", path, headers=asked)
    assert "Last-Event-ID" in preflight.headers["Access-Control-Allow-Headers"]


async def test_streams_also_go_under_aiohttps_own_router(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "HEARTBEAT_S", 0.05)
    api = await start(QUICK, runner_type=web.AppRunner)
    event_id = await api.new_event()
    async with _watching(api, event_id) as stream:
        await stream.next()
        await api.hold(event_id)
        assert await stream.next() is not None
    await _until(lambda: _streams(api) == 0)
