"""The measurement of live streams: what it makes of arrivals, and what its page says."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from loadtest.bench.goals import verdicts_of
from loadtest.bench.live import LiveResults, Reach, Read, Watched, reach_of, with_readers
from loadtest.bench.live_page import figures, markdown
from loadtest.bench.live_readers import Arrivals, Reader, Readers, ReadersResult

ALONE = Watched(0, 100.0, 100.0, 1.0, 2.0, 10.0, 20.0, 5.0, 0.01)
REACH = Reach(10, 200.0, 400.0, 450.0, 0)


def _heard(*arrivals: Arrivals, readers: int = 100) -> ReadersResult:
    return ReadersResult(readers, 0, sum(len(one.at_s) for one in arrivals), 0, list(arrivals))


def test_a_change_has_reached_who_had_a_message_that_takes_it_there_or_beyond() -> None:
    at_once = [10.1] * 99 + [12.0]
    reach = reach_of(_heard(Arrivals(4, 6, at_once), Arrivals(6, 7, [10.5] * 100)), [(5, 10.0), (7, 10.4)])
    assert (reach.changes, reach.missed) == (2, 0)
    assert reach.p50_ms == pytest.approx(100)
    assert reach.max_ms == pytest.approx(100)


def test_the_slowest_reader_but_one_in_a_hundred_counts() -> None:
    reach = reach_of(_heard(Arrivals(4, 6, [10.1] * 98 + [10.7, 12.0])), [(5, 10.0)])
    assert reach.max_ms == pytest.approx(700)


def test_readers_who_were_told_by_different_messages_are_counted_together() -> None:
    first, second = Arrivals(4, 5, [10.1] * 50), Arrivals(3, 6, [10.2] * 50)
    assert reach_of(_heard(first, second), [(5, 10.0)]).max_ms == pytest.approx(200)


def test_a_change_that_too_few_had_is_missed() -> None:
    assert reach_of(_heard(Arrivals(4, 5, [10.1] * 98)), [(5, 10.0), (6, 10.0)]).missed == 2


def test_only_messages_of_the_measurement_make_its_rate() -> None:
    heard = _heard(Arrivals(4, 5, [9.0, 10.5, 11.0, 13.0]), readers=2)
    found = with_readers(ALONE, heard, [], 10.0, 12.0)
    assert (found.messages_per_s, found.interval_ms) == (1.0, 2000.0)


def test_a_reader_notes_a_message_when_all_of_it_is_there() -> None:
    readers = Readers()
    reader = Reader(readers, b"")
    delta = b'id: 7\nevent: delta\ndata: {"event_id":"x","sequence":7,"since":5,"ticket_types":[]}\n\n'
    asyncio.run(_fed(reader, b"HTTP/1.1 200 OK\r\n\r\nretry: 5\n\n", b"id: 5\nevent: state\n"))
    assert readers.opened == 0
    asyncio.run(_fed(reader, b'data: {"sequence":5}\n\n' + delta[:40]))
    assert (readers.opened, readers.at_s) == (1, {})
    asyncio.run(_fed(reader, delta[40:] + b":\n\n"))
    assert [(one.since, one.sequence, len(one.at_s)) for one in readers.result().arrivals] == [(5, 7, 1)]


async def _fed(reader: Reader, *parts: bytes) -> None:
    for part in parts:
        reader.data_received(part)


def test_a_change_that_readers_never_had_is_no_goal_reached() -> None:
    reach = Reach(10, 200.0, 300.0, 450.0, 1)
    watched = Watched(2_000, 100.0, 90.0, 1.0, 2.0, 10.0, 20.0, 5.0, 0.01, reach=reach)
    found = LiveResults({}, [1.0], 5, 25.0, 200.0, [ALONE, watched, ALONE], [])
    assert verdicts_of("live", figures(found))[0].startswith("missed: a change is with 99 % of 2,000 readers")
    more = msgspec.structs.replace(watched, readers=5_000)
    few = LiveResults({}, [1.0], 5, 25.0, 200.0, [ALONE, more], [])
    assert figures(few) == {}


@pytest.mark.parametrize(
    ("sold", "p99_ms", "met"), [(80.0, 500.0, True), (79.0, 400.0, False), (80.0, 501.0, False)]
)
def test_the_page_says_whether_the_goals_are_met(sold: float, p99_ms: float, met: bool) -> None:
    reach = Reach(10, 200.0, p99_ms, 450.0, 0)
    watched = Watched(2_000, 100.0, sold, 1.0, 2.0, 10.0, 20.0, 5.0, 0.01, reach=reach)
    reads = [Read("echo", 100.0, 10.0), Read("reads", 70.0, 12.0)]
    page = markdown(LiveResults({"cores": "2"}, [1.0], 5, 25.0, 200.0, [ALONE, watched, ALONE], reads))
    assert ("- missed" not in page) == met
    assert (
        "- reached: reads of availability, 256 connections, against bare echo: 0.70 x (at least 0.7 x)."
        in page
    )
    assert page.count("- reached") + page.count("- missed") == 3
    assert f"| 2,000 | {sold:.0f} | {sold / 100:.2f} |" in page
