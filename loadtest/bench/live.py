"""What live streams cost, and how soon a change is with those who watch; what reading availability costs.

What is watched is the counts of an event, or its map of seats. An event sells at half its peak, at a fixed
rate, first with nobody watching, then with so many readers, at the end with nobody again: the machine's drift
is in the two. How late a change is, is counted from the time that its journal entry has (decided, not yet
committed) to the time a reader has all of the message, its own waiting included. All of it shares the
machine: the sale, its generator, the readers.
"""

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Literal

import asyncpg
import msgspec
import psutil

from loadtest.bench import api, groups, machine, measure, replay, seated, stack, targets, wrk
from loadtest.bench.cpu import Meter
from loadtest.bench.groups import Roots
from loadtest.bench.live_readers import ReadersResult
from loadtest.bench.open_loop import OpenLoopResult, percentile
from loadtest.bench.stack import Stack
from loadtest.peers import wire

QUOTA = 10_000_000
CONNECTIONS = 256
PEAK_SHARE = 0.5
WARMUP_S = 2
SETTLE_S = 2.0
READY_TIMEOUT_S = 90.0
CONNECTIONS_BESIDE = 1_000
REACHED_SHARE = 0.99

Show = Callable[[str], None]
What = Literal["counts", "seats"]


class Reach(msgspec.Struct, frozen=True):
    """How long after it was decided a change was with 99 of 100 readers: of all changes of the measurement
    the middle one, the one that 99 of 100 do not exceed, the last. `missed`: changes that so many never had.
    """

    changes: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    missed: int


class Watched(msgspec.Struct, frozen=True):
    """The sale with so many readers. CPU: per cent of one core."""

    readers: int
    wanted_per_s: float
    sold_per_s: float
    hold_p50_ms: float
    hold_p99_ms: float
    front_end_percent: float
    all_percent: float
    generator_percent: float
    strangers_share: float
    messages_per_s: float = 0.0
    interval_ms: float = 0.0
    lost: int = 0
    reach: Reach | None = None
    message_bytes: float = 0.0


class Read(msgspec.Struct, frozen=True):
    """Requests per second of one round, and the front end's CPU for one."""

    target: str
    per_s: float
    cpu_us: float


class LiveResults(msgspec.Struct, frozen=True):
    machine: dict[str, str]
    load_average: list[float]
    seconds: int
    reader_kb: float
    """Resident memory of the front end for one reader, of as many as there ever are."""
    peak_per_s: float
    watched: list[Watched]
    reads: list[Read]
    what: What = "counts"


def measure_all(what: What, numbers: Sequence[int], seconds: int, rounds: int, show: Show) -> LiveResults:
    load_average = list(os.getloadavg())
    most = max(numbers) + CONNECTIONS_BESIDE
    settings = {"TURNSTILE_CONNECTIONS_MAX": str(most), "TURNSTILE_STREAMS_MAX": str(max(numbers))}
    show("starting the server")
    with stack.temporary_folder() as logs, stack.started(1, settings) as server:
        sale = (SeatSale if what == "seats" else Sale)(server, show)
        reader_kb = sale.reader_kb(max(numbers))
        show(f"a reader: {reader_kb:.1f} kB")
        peak = sale.peak(seconds)
        show(f"peak: {peak:.0f} holds/s")
        rate = peak * PEAK_SHARE
        watched = [sale.watched(readers, rate, seconds) for readers in (0, *numbers, 0)]
        reads = list(reads_beside_echo(server, logs, seconds, rounds, show)) if what == "counts" else []
        described = machine.describe(server.database_url)
    return LiveResults(described, load_average, seconds, reader_kb, peak, watched, reads, what)


class Sale:
    """Sells events of a running server, a new one for each measurement."""

    def __init__(self, server: Stack, show: Show) -> None:
        self._server = server
        self._show = show
        self._roots = Roots(os.getpid(), server.pid, {}, str(server.folder))
        found = msgspec.json.decode(server.endpoints_file.read_bytes())
        self._front_end = psutil.Process(found["pids"]["worker-1"])

    def reader_kb(self, readers: int) -> float:
        """Before there was any load: what that leaves free would hide what readers take."""
        event = self._event()
        before = self._front_end.memory_info().rss
        with readers_of(self._server, self.stream(event), readers) as ended:
            time.sleep(SETTLE_S)
            after = self._front_end.memory_info().rss
            ended()
        return (after - before) / readers / 1e3

    def peak(self, seconds: int) -> float:
        path = reservations_of(self._event())
        wrk.run(self._server.http, path, "hold", wire.TICKET_TYPE, CONNECTIONS, WARMUP_S)
        result = wrk.run(self._server.http, path, "hold", wire.TICKET_TYPE, CONNECTIONS, seconds)
        return (result.requests - result.refused) / result.seconds

    def watched(self, readers: int, rate_per_s: float, seconds: int) -> Watched:
        """Readers first, then a sale of some seconds before the one that is measured."""
        event = self._event()
        with readers_of(self._server, self.stream(event), readers) as ended:
            time.sleep(SETTLE_S)
            self._sell(event, rate_per_s, WARMUP_S, 0)
            with Meter(self._roots) as meter:
                begun_s = time.time()
                held = self._sell(event, rate_per_s, seconds, math.ceil(rate_per_s * WARMUP_S))
                took_s = time.time() - begun_s
            sold = held.statuses.get("201", 0)
            time.sleep(SETTLE_S)
            heard = ended()
        spent = meter.spent
        percent = {group: 100 * used / took_s for group, used in spent.groups_s.items()}
        ours = sum(percent.get(group, 0.0) for group in groups.TURNSTILE_GROUPS)
        found = Watched(
            readers=readers,
            wanted_per_s=rate_per_s,
            sold_per_s=sold / held.seconds,
            hold_p50_ms=held.p50_ms,
            hold_p99_ms=held.p99_ms,
            front_end_percent=percent.get(groups.FRONT_END, 0.0),
            all_percent=ours,
            generator_percent=percent.get(groups.GENERATOR, 0.0),
            strangers_share=spent.strangers_share(took_s, os.cpu_count() or 1),
        )
        if heard is not None:
            commits = asyncio.run(journal_of(self._server.database_url, event, begun_s, begun_s + seconds))
            found = with_readers(found, heard, commits, begun_s, begun_s + seconds)
        self._show(str(found))
        return found

    def stream(self, event: str) -> str:
        """The path of what is watched."""
        return f"/api/v1/events/{event}/availability/stream"

    def _event(self) -> str:
        event = api.create_event(self._server, QUOTA)
        api.hold(self._server, event)  # its owner is a new process, which takes a moment to start
        return event

    def _sell(self, event: str, rate_per_s: float, seconds: int, sold: int) -> OpenLoopResult:
        """`sold`: so many have been sold by now."""
        path = reservations_of(event)
        return measure.run_open_loop(self._server.http, path, rate_per_s, seconds, CONNECTIONS)


class SeatSale(Sale):
    """Of 60,000 seats, each hold names the next."""

    def __init__(self, server: Stack, show: Show) -> None:
        super().__init__(server, show)
        self._venue = seated.venue(server)
        self._days = count()

    def stream(self, event: str) -> str:
        return f"/api/v1/events/{event}/seats/stream"

    def peak(self, seconds: int) -> float:
        return seated.rate(self._server, self._event(), "seat", CONNECTIONS, seconds)

    def _event(self) -> str:
        event = seated.event(self._server, self._venue, next(self._days))
        seated.wake(self._server, event)
        return event

    def _sell(self, event: str, rate_per_s: float, seconds: int, sold: int) -> OpenLoopResult:
        seats = range(sold, sold + math.ceil(rate_per_s * seconds))
        assert seats.stop <= seated.ROWS * seated.ROW_SEATS, "not so many seats: measure for less long"
        port = int(self._server.http.rpartition(":")[2])
        requests = seated.holds(port, reservations_of(event), seats)
        path = replay.write(self._server.folder / "seats.requests", requests)
        return measure.run_open_loop(self._server.http, path, rate_per_s, seconds, CONNECTIONS)


def with_readers(
    found: Watched,
    heard: ReadersResult,
    commits: Sequence[tuple[int, float]],
    from_s: float,
    until_s: float,
) -> Watched:
    """With what the readers had of what was committed in that time."""
    counted = sum(from_s <= at_s <= until_s for one in heard.arrivals for at_s in one.at_s)
    per_s = counted / (until_s - from_s)
    return msgspec.structs.replace(
        found,
        messages_per_s=per_s,
        interval_ms=1e3 * heard.readers / per_s if per_s else 0.0,
        message_bytes=heard.delta_bytes / max(heard.messages, 1),
        lost=heard.lost,
        reach=reach_of(heard, commits),
    )


def reach_of(heard: ReadersResult, commits: Sequence[tuple[int, float]]) -> Reach:
    """Of each commit (sequence, when): when had 99 of 100 readers a message that takes them there?"""
    needed = math.ceil(heard.readers * REACHED_SHARE)
    reached_s: dict[tuple[int, ...], float | None] = {}
    late_ms: list[float] = []
    missed = 0
    for sequence, at_s in commits:
        tellers = tuple(n for n, one in enumerate(heard.arrivals) if one.since < sequence <= one.sequence)
        if tellers not in reached_s:
            all_s = sorted(at for n in tellers for at in heard.arrivals[n].at_s)
            reached_s[tellers] = all_s[needed - 1] if len(all_s) >= needed else None
        when_s = reached_s[tellers]
        if when_s is None:
            missed += 1
        else:
            late_ms.append((when_s - at_s) * 1e3)
    return Reach(
        changes=len(commits),
        p50_ms=percentile(late_ms, 50),
        p99_ms=percentile(late_ms, 99),
        max_ms=max(late_ms, default=0.0),
        missed=missed,
    )


@contextmanager
def readers_of(server: Stack, path: str, count: int) -> Iterator[Callable[[], ReadersResult | None]]:
    """So many streams, all open; what is yielded ends them and says what they had."""
    if count == 0:
        yield lambda: None
        return
    port = server.http.rpartition(":")[2]
    command = [sys.executable, "-m", "loadtest.bench.live_readers"]
    command += ["--port", port, "--path", path, "--readers", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None

        def ended() -> ReadersResult:
            output, _ = process.communicate(timeout=READY_TIMEOUT_S)
            if process.returncode != 0:
                raise stack.DidNotStart(f"the readers ended with {process.returncode}")
            return msgspec.json.decode(output, type=ReadersResult)

        try:
            if process.stdout.readline() != "READY\n":
                raise stack.DidNotStart(f"{count} readers could not be connected")
            yield ended
        finally:
            process.kill()


async def journal_of(database_url: str, event: str, from_s: float, until_s: float) -> list[tuple[int, float]]:
    """(sequence, time) of the event's appends in that time."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT seq, at_ms FROM journal WHERE inventory_id = $1 AND at_ms BETWEEN $2 AND $3 ORDER BY seq",
            event,
            int(from_s * 1e3),
            int(until_s * 1e3),
        )
    finally:
        await connection.close()
    return [(row["seq"], row["at_ms"] / 1e3) for row in rows]


def reads_beside_echo(server: Stack, logs: Path, seconds: int, rounds: int, show: Show) -> Iterator[Read]:
    """Reads of an event's availability and the benchmark's bare echo, in turns."""
    event = api.create_event(server, QUOTA)
    api.hold(server, event)
    port = stack.free_port()
    with targets.peer_process(server, "echo", port, 1, logs / "echo.log") as echo:
        roots = Roots(os.getpid(), server.pid, {echo: "echo"}, str(server.folder))
        cases: list[tuple[str, str, str, wrk.Mode, str]] = [
            ("reads", server.http, f"/api/v1/events/{event}/availability", "read", groups.FRONT_END),
            ("echo", f"http://127.0.0.1:{port}", reservations_of(wire.OPEN_EVENT), "hold",
             groups.peer_front_end("echo")),
        ]  # fmt: skip
        for number in range(rounds):
            for name, url, path, mode, group in cases if number % 2 else reversed(cases):
                wrk.run(url, path, mode, wire.TICKET_TYPE, CONNECTIONS, 1)
                with Meter(roots) as meter:
                    result = wrk.run(url, path, mode, wire.TICKET_TYPE, CONNECTIONS, seconds)
                cpu_us = meter.spent.groups_s.get(group, 0.0) * 1e6 / max(result.requests, 1)
                found = Read(name, (result.requests - result.refused) / result.seconds, cpu_us)
                show(str(found))
                yield found


def reservations_of(event: str) -> str:
    return f"/api/v1/events/{event}/reservations"
