"""The generator with a fixed rate: latencies count from the intended time, whatever the server does."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from loadtest.bench import replay
from loadtest.bench.open_loop import (
    OpenLoop,
    OpenLoopResult,
    Record,
    complete_status,
    holds,
    percentile,
    request_bytes,
)
from loadtest.peers import wire

REPLY = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.asynccontextmanager
async def server(pause_at: int = -1, pause_s: float = 0.0, drop_at: int = -1) -> AsyncIterator[int]:
    """Answers at once; pauses, or hangs up, at the n-th request."""
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                wire.hold_body.decode(await reader.readexactly(length))
                seen += 1
                if seen == drop_at:
                    break
                await asyncio.sleep(pause_s if seen == pause_at else 0)
                writer.write(REPLY)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()


async def test_every_request_is_sent_and_answered_at_its_rate() -> None:
    async with server() as port:
        result = await OpenLoop(port, holds(port, "/x", "ga"), connections=4).run(200.0, 0.5)
    assert result.sent == 100
    assert result.statuses == {"201": 100}
    assert result.failed == 0
    assert 0.45 < result.seconds < 2.0


async def test_a_stalled_server_is_seen_by_all_requests_that_were_meant_for_that_time() -> None:
    """One connection, one pause of 300 ms: a closed loop sees one slow request, an open one sixty."""
    async with server(pause_at=20, pause_s=0.3) as port:
        result = await OpenLoop(port, holds(port, "/x", "ga"), connections=1).run(200.0, 0.6)
    assert result.statuses == {"201": 120}
    assert sum(ms > 50 for _, ms in result.windows) >= 3
    assert result.max_ms >= 290
    assert any(ms >= 250 for _, ms in result.gaps)


async def test_a_request_whose_connection_breaks_counts_as_failed_and_the_rest_goes_on() -> None:
    async with server(drop_at=10) as port:
        result = await OpenLoop(port, holds(port, "/x", "ga"), connections=2).run(200.0, 0.3)
    assert result.failed == 1
    assert result.statuses == {"201": 59}


@pytest.mark.parametrize("from_file", [False, True])
async def test_as_a_process_it_prints_its_result(from_file: bool, tmp_path: Path) -> None:
    async with server() as port:
        what = ["--path", "/x"]
        if from_file:
            file = replay.write(tmp_path / "requests", holds(port, "/x", "ga")[:7])
            what = ["--requests", str(file)]
        options = ["--port", str(port), *what, "--rate", "100", "--seconds", "0.3", "--connections", "2"]
        command = [sys.executable, "-m", "loadtest.bench.open_loop", *options]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
    assert msgspec.json.decode(output, type=OpenLoopResult).statuses == {"201": 30}


def test_requests_in_a_file_are_read_as_they_were_written(tmp_path: Path) -> None:
    search = replay.request(80, "GET", "/r/search?party_size=2")
    assert search == b"GET /r/search?party_size=2 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"
    hold = replay.request(80, "POST", "/r", {"party_size": 2}, {"Authorization": "Bearer x"})
    head, _, body = hold.partition(b"\r\n\r\n")
    assert (body, b"Content-Length: 16" in head) == (b'{"party_size":2}', True)
    assert replay.read(replay.write(tmp_path / "requests", [search, hold, search])) == [search, hold, search]


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 50) == 50.0
    assert percentile(values, 99) == 99.0
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 99) == 0.0


def test_a_reply_is_complete_when_its_body_is() -> None:
    assert complete_status(REPLY) == "201"
    assert complete_status(REPLY[:-1]) is None
    assert complete_status(REPLY[:20]) is None


def test_gaps_are_between_successes_only() -> None:
    record = Record()
    start = record._success
    record.answered(start, start + 0.01, "201")
    record.answered(start, start + 0.5, "503")
    record.answered(start, start + 1.01, "201")
    assert [round(ms) for _, ms in record.gaps] == [1000]


def test_a_request_is_one_the_server_can_parse() -> None:
    head, _, body = request_bytes(80, "/p", "ga", 7).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /p HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert wire.hold_body.decode(body).customer.email == "buyer-000007@example.org"


@pytest.mark.parametrize("rate", [1.0])
async def test_nobody_listening_is_counted_and_ends(rate: float) -> None:
    load = OpenLoop(9, holds(9, "/x", "ga"), connections=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loadtest.bench.open_loop.DRAIN_TIMEOUT_S", 0.2)
        result = await load.run(rate, 1.0)
    assert result.failed == 1
