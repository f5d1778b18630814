"""Live seats and times of tables, over the rules themselves. What all streams share is in `test_live`."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from domain import restaurant
from domain.event_messages import CancelReservation
from domain.views import Availability, SeatChanges, SeatStates
from persistence.store import Unreachable
from server import live_feed, readings
from server.front_end import PARTS
from server.live_rows import LiveSeats
from server.parts import Options
from server.readings import Reading
from server.seat_maps import SeatMap
from tests.server.conftest import OPERATOR, Api, Start
from tests.server.live_client import (
    WAIT_MAX_S,
    Stream,
    counts_path,
    seats_path,
    times_path,
    unpacked,
    watching,
)
from tests.server.test_restaurants import RESTAURANTS, TODAY, TOMORROW, House, house_body
from tests.server.test_seats import block, event_in_the_hall, line, reserve

QUICK = Options(stream_interval_ms=1)


@pytest.fixture(autouse=True)
def _read_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 1)


@pytest.fixture
async def api(start: Start) -> Api:
    return await start(QUICK)


@pytest.fixture
async def house(api: Api) -> House:
    made = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    assert made.status == 201, made.raw
    house = House(api, made.json)
    house.at(14, 13, day=18)
    return house


def at(api: Api, path: str, last: int | None = None, **given: Any) -> AbstractAsyncContextManager[Stream]:
    return watching(api.runner.addresses[0][:2], path, last, **given)


async def free(house: House, party_size: int = 2, date: str = TOMORROW) -> dict[str, list[str]]:
    """By time the tables, as a search finds them."""
    found = await house.search(party_size=party_size, date=date)
    return {one["time"]: one["tables"] for one in found.json["times"]}


# --- seats ------------------------------------------------------------------------------------------------


async def test_first_comes_the_map_then_the_seats_that_change(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    await reserve(api, event_id, line("front", 1, "S/A/1"))
    async with at(api, seats_path(event_id)) as stream:
        first = await stream.next()
        assert first is not None
        assert (first.name, unpacked(first.data)[:3]) == ("state", [1, 0, 0])
        assert first.data == (await api.get(f"/api/v1/events/{event_id}/seats")).json
        await block(api, event_id, "S/C/6")
        said = await stream.next()
        assert said is not None
        assert (said.name, said.data["changes"]) == ("delta", [[17, 3]])
        shown = await api.get(f"/api/v1/events/{event_id}/seats", params={"since": first.sequence})
        assert shown.json == said.data


async def test_who_watches_knows_the_map_whatever_is_done_and_whoever_reads_it_meanwhile(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    async with at(api, seats_path(event_id)) as one, at(api, seats_path(event_id)) as two:
        await one.next()
        held = await reserve(api, event_id, line("front", 2, "S/A/1", "S/A/2"))
        path, token = f"/api/v1/reservations/{held.json['id']}", {"Reservation-Token": held.json["token"]}
        await api.patch(path, json={"lines": [line("front", 1, "S/A/3")]}, headers=token)
        await api.get(f"/api/v1/events/{event_id}/seats")
        await api.post(f"{path}/confirm", headers=token)
        await block(api, event_id, "S/B/1", "S/B/2")
        await block(api, event_id, "S/B/2", un="un")
        await reserve(api, event_id, line("stand", 1))
        for stream in (one, two):
            await stream.until(api.gateway.inventories[event_id].sequence)
            shown = unpacked((await api.get(f"/api/v1/events/{event_id}/seats")).json)
            assert [stream.known[seat] for seat in range(18)] == shown
            assert shown[:7] == [0, 0, 2, 0, 0, 0, 3]


async def test_what_another_has_read_is_still_news_to_who_has_not_been_told() -> None:
    kept = SeatMap(SeatStates("e", 1, "plan", bytes(8), False))

    async def read(_: SeatMap | None) -> SeatMap:
        kept.change(SeatChanges(kept.sequence + 1, 0, {0: 1}, False))
        return kept

    reading = Reading(read)
    watched = LiveSeats(reading, kept)
    await reading.current(2)
    assert watched.hear(Availability("e", 2, 0, ()))
    assert await watched.refresh()
    assert watched.sequence == 2
    assert not watched.hear(Availability("e", 2, 0, ()))


async def test_who_comes_back_is_told_the_seats_it_has_missed(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    async with at(api, seats_path(event_id)), at(api, seats_path(event_id)) as stream:
        await stream.next()
        stream.leave()
        await reserve(api, event_id, line("front", 1, "S/A/6"))
        async with at(api, seats_path(event_id), last=stream.last) as back:
            said = await back.next()
            assert said is not None
            assert (said.name, said.data["since"], said.data["changes"]) == ("delta", stream.last, [[5, 1]])
        async with at(api, seats_path(event_id), lines=f"Last-Event-ID: {10**14}\r\n") as lost:
            assert (await lost.next()).name == "state"  # type: ignore[union-attr]


async def test_who_does_not_read_the_map_is_cut_off(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    live = api.app[PARTS].live
    async with at(api, seats_path(event_id)) as slow, at(api, seats_path(event_id)) as quick:
        await quick.next()
        await slow.next()
        slow.stop_reading()
        feed = live._feeds["seats", event_id]
        reader = next(iter(feed.readers))
        async with asyncio.timeout(WAIT_MAX_S):
            while not reader.ended.done():
                await reserve(api, event_id, line("stand", 1))
                reader.write(b":" + b"x" * 60_000 + b"\n\n")  # as so much news would
                await quick.until(api.gateway.inventories[event_id].sequence)
                assert reader.unread_bytes <= 2 * live_feed.UNREAD_MAX_BYTES
                await api.gateway.ask(event_id, _free_a_place(api, event_id))
        assert b"turnstile_streams_cut_total 1.0" in (await api.get("/metrics")).raw


def _free_a_place(api: Api, event_id: str) -> CancelReservation:
    return CancelReservation(next(iter(api.gateway.inventories[event_id].state.reservations)))


async def test_seats_and_counts_of_one_event_are_watched_apart(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    async with at(api, seats_path(event_id)) as seats, at(api, counts_path(event_id)) as counts:
        for stream in (seats, counts):
            await stream.next()
        await reserve(api, event_id, line("front", 1, "S/A/1"))
        assert (await seats.next()).values == {0: 1}  # type: ignore[union-attr]
        assert (await counts.next()).values == {"front": 1}  # type: ignore[union-attr]


async def test_what_has_no_map_or_is_a_draft_is_not_found(api: Api) -> None:
    draft = await event_in_the_hall(api, status="draft")
    plain = await api.new_event()
    for event_id in (draft, plain, "x", "01890000-0000-7000-8000-000000000001"):
        missing = await api.get(seats_path(event_id))
        assert (missing.status, missing.code) == (404, "not_found")
    operator = f"Authorization: {OPERATOR['Authorization']}\r\n"
    async with at(api, seats_path(draft), lines=operator) as stream:
        assert await stream.next() is not None


async def test_with_an_event_its_map_ends(api: Api) -> None:
    event_id = await event_in_the_hall(api)
    async with at(api, seats_path(event_id)) as stream:
        await stream.next()
        deleted = await api.ask("DELETE", f"/api/v1/events/{event_id}", headers=OPERATOR)
        assert deleted.status == 204
        await stream.rest()


async def test_rows_that_cannot_be_read_are_read_again_and_the_streams_go_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "FAILED_PAUSE_S", 0.01)
    event_id = await event_in_the_hall(api)
    async with at(api, seats_path(event_id)) as stream:
        await stream.next()
        with monkeypatch.context() as broken:

            async def fails(*_: object) -> None:
                raise Unreachable("down")

            broken.setattr(api.reads, "seat_changes", fails)
            await reserve(api, event_id, line("front", 1, "S/A/1"))
            said = asyncio.create_task(stream.next())
            async with asyncio.timeout(WAIT_MAX_S):
                while stream.comments < 3:  # noqa: ASYNC110 - the other side is a socket away
                    await asyncio.sleep(0.005)
        assert (await said).values == {0: 1}  # type: ignore[union-attr]


# --- times of tables ----------------------------------------------------------------------------------------


async def test_first_come_the_times_then_those_that_change(api: Api, house: House) -> None:
    async with at(api, times_path(house.id, TOMORROW, 2)) as stream:
        first = await stream.next()
        assert first is not None
        assert first.name == "state"
        assert first.data["times"] == (await house.search()).json["times"]
        assert stream.known["20:00"] == [house.tables["1"]]
        for number in ("2", "3"):
            path, token = await house.held()
            said = await stream.next()
            assert said is not None
            assert (said.name, stream.known["20:00"]) == ("delta", [house.tables[number]])
        await house.held()
        said = await stream.next()
        assert said is not None
        assert "20:00" in said.data["gone"]
        assert stream.known == await free(house)
        await api.post(f"{path}/cancel", headers=token)
        await stream.next()
        assert stream.known == await free(house)
        assert stream.known["20:00"] == [house.tables["2"]]


async def test_nothing_is_told_of_who_reserves(api: Api, house: House) -> None:
    async with at(api, times_path(house.id, TOMORROW, 2)) as stream:
        await stream.next()
        await house.held(note="a birthday")
        said = await stream.next()
        assert said is not None
        assert not {"Ada", "example", "birthday"} & set(str(said.data).replace("'", " ").split())
        assert set(said.data) == {
            "restaurant_id", "sequence", "since", "date", "party_size", "times", "gone"
        }  # fmt: skip


async def test_parties_of_every_size_are_told_theirs_from_one_reading(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings_made = 0
    read = api.reads.table_day

    async def counted(restaurant_id: str, day: int) -> Any:
        nonlocal readings_made
        readings_made += 1
        return await read(restaurant_id, day)

    sizes = range(1, 9)
    async with AsyncExitStack() as stack:
        paths = [times_path(house.id, TOMORROW, size) for size in sizes]
        streams = [await stack.enter_async_context(at(api, path)) for path in paths]
        for stream in streams:
            await stream.next()
        monkeypatch.setattr(api.reads, "table_day", counted)
        for _ in range(2):
            await house.held(party_size=4)
            for size, stream in zip(sizes, streams, strict=True):
                await stream.until(api.gateway.inventories[house.id].sequence)
                assert stream.known == await free(house, size)
        assert readings_made == 2


async def test_another_day_hears_that_nothing_of_it_has_changed(api: Api, house: House) -> None:
    async with at(api, times_path(house.id, "2026-11-20", 2)) as stream:
        await stream.next()
        await house.held()
        said = await stream.next()
        assert said is not None
        assert (said.name, said.data["times"], said.data["gone"]) == ("delta", [], [])


async def test_who_comes_back_knowing_more_than_others_have_been_told_hears_nothing_older(
    start: Start,
) -> None:
    """Its stream goes on in a feed that is still gathering what it knows already, perhaps from elsewhere."""
    api = await start(Options(stream_interval_ms=300))
    house = House(api, (await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)).json)
    house.at(14, 13, day=18)
    path = times_path(house.id, TOMORROW, 2)
    async with at(api, path) as stream:
        await stream.next()
        await house.held(time="19:00")
        await stream.next()
        await house.held(time="20:00")
        known = api.gateway.inventories[house.id].sequence
        async with at(api, path, last=known) as back:
            await stream.until(known)
            await house.held(time="22:00")
            said = await back.next()
            assert said is not None
            assert (said.name, said.data["since"]) == ("delta", known)


async def test_a_day_is_worked_out_once_for_all_who_watch_it_and_beside_the_loop(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a large house it takes tens of milliseconds, in which nobody else would be answered."""
    monkeypatch.setattr(readings, "READING_PAUSE_MS", 60_000)
    worked_in: list[str] = []
    really = restaurant.rebuilt

    def rebuilt(*given: Any) -> Any:
        worked_in.append(threading.current_thread().name)
        return really(*given)

    monkeypatch.setattr(restaurant, "rebuilt", rebuilt)
    async with AsyncExitStack() as stack:
        for size in (2, 3, 2, 4):
            stream = await stack.enter_async_context(at(api, times_path(house.id, TOMORROW, size)))
            assert (await stream.next()).name == "state"  # type: ignore[union-attr]
    assert len(worked_in) == 1
    assert threading.main_thread().name not in worked_in


async def test_pausing_and_new_terms_are_told_as_what_they_do_to_the_times(api: Api, house: House) -> None:
    async with at(api, times_path(house.id, TOMORROW, 2)) as stream:
        await stream.next()
        await house.staff(f"{house.path}/pause")
        await stream.next()
        assert stream.known == {}
        await house.staff(f"{house.path}/resume")
        await stream.next()
        hours = [{"weekday": day, "opens": "12:00", "closes": "15:00"} for day in range(7)]
        changed = await api.patch(house.path, json={"services": hours}, headers=OPERATOR)
        assert changed.status == 200
        await stream.next()
        assert stream.known == await free(house)
        assert list(stream.known) == ["12:00", "12:15", "12:30", "12:45", "13:00"]


async def test_who_comes_back_is_told_the_times_that_it_has_missed(api: Api, house: House) -> None:
    path = times_path(house.id, TOMORROW, 2)
    async with at(api, path), at(api, path) as stream:
        await stream.next()
        stream.leave()
        await house.held()
        async with at(api, path, last=stream.last) as back:
            back.known = stream.known
            said = await back.next()
            assert said is not None
            assert (said.name, back.known) == ("delta", await free(house))


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", "date"),
        ("date=x&party_size=2", "date"),
        (f"date={TOMORROW}", "party_size"),
        (f"date={TOMORROW}&party_size=0", "party_size"),
        (f"date={TOMORROW}&party_size=13", "party_size"),
        (f"date={TOMORROW}&party_size=501", "party_size"),
        ("date=2026-11-17&party_size=2", "date"),
        ("date=2027-02-17&party_size=2", "date"),
        ("date=0001-01-01&party_size=2", "date"),
        ("date=9999-12-31&party_size=2", "date"),
    ],
)
async def test_what_can_never_be_had_is_not_watched(house: House, query: str, where: str) -> None:
    refused = await house.api.get(f"{house.path}/availability/stream?{query}")
    assert refused.status == 422
    assert where in (refused.paths[0] or refused.json["errors"][0]["message"])


@pytest.mark.parametrize(("date", "party_size"), [(TODAY, 1), ("2027-02-16", 12)])
async def test_from_today_to_as_far_ahead_as_there_are_reservations(
    api: Api, house: House, date: str, party_size: int
) -> None:
    async with at(api, times_path(house.id, date, party_size)) as stream:
        assert (await stream.next()).name == "state"  # type: ignore[union-attr]


async def test_a_restaurant_that_is_not_there_is_not_found_nor_is_an_event(api: Api) -> None:
    for nowhere in ("x", "01890000-0000-7000-8000-000000000001", await api.new_event()):
        missing = await api.get(times_path(nowhere, TOMORROW, 2))
        assert (missing.status, missing.code) == (404, "not_found")


async def test_a_restaurant_has_no_counts_to_watch(api: Api, house: House) -> None:
    for path in (counts_path(house.id), seats_path(house.id), f"/api/v1/events/{house.id}/availability"):
        assert (await api.get(path)).code == "not_found"


# --- both -------------------------------------------------------------------------------------------------


async def test_streams_of_all_kinds_count_as_streams(start: Start) -> None:
    api = await start(Options(streams_max=2))
    event_id = await event_in_the_hall(api)
    made = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    times = times_path(made.json["id"], TOMORROW, 2)
    async with at(api, seats_path(event_id)) as one, at(api, times) as two:
        for stream in (one, two):
            assert await stream.next() is not None
        for path in (seats_path(event_id), times, counts_path(event_id)):
            refused = await api.get(path)
            assert (refused.status, refused.code) == (503, "overloaded")


async def test_head_is_answered_and_ends_and_other_methods_are_refused(api: Api, house: House) -> None:
    for path in (seats_path(await event_in_the_hall(api)), times_path(house.id, TOMORROW, 2)):
        async with at(api, path, method="HEAD") as stream:
            assert "text/event-stream" in stream.head
            assert await stream.next() is None
        refused = await api.post(path, json={})
        assert (refused.status, refused.code) == (405, "method_not_allowed")
