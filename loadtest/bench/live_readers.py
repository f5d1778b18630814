"""Clients of live streams, thousands in one process: they note when each message came, and little else.

Raw sockets on uvloop. `python -m loadtest.bench.live_readers --port N --path P --readers R` says READY when
all have had their first message, and when its standard input ends prints what came since as JSON.
"""

import argparse
import asyncio
import os
import re
import resource
import sys
import time
from array import array
from typing import cast

import msgspec
import uvloop

CONNECT_AT_ONCE = 100
READY_TIMEOUT_S = 60.0
FILES_BESIDE = 100
_SEQUENCES = re.compile(rb'"sequence":(\d+),(?:"plan_id":"[^"]*","seats":\d+,)?"since":(\d+)')


class Arrivals(msgspec.Struct, frozen=True):
    """Of one message: from which sequence to which it takes a reader, and when it came to each."""

    since: int
    sequence: int
    at_s: list[float]


class ReadersResult(msgspec.Struct, frozen=True):
    """`lost`: streams that ended before they were ended. `delta_bytes`: of all messages after the first."""

    readers: int
    lost: int
    messages: int
    received_bytes: int
    arrivals: list[Arrivals]
    delta_bytes: int = 0


class Readers:
    """What all of them have had."""

    def __init__(self) -> None:
        self.opened = 0
        self.lost = 0
        self.received_bytes = 0
        self.delta_bytes = 0
        self.at_s: dict[tuple[int, int], array[float]] = {}

    def result(self) -> ReadersResult:
        arrivals = [
            Arrivals(since, sequence, list(at_s)) for (since, sequence), at_s in sorted(self.at_s.items())
        ]
        messages = sum(len(one.at_s) for one in arrivals)
        received = self.received_bytes, arrivals, self.delta_bytes
        return ReadersResult(self.opened, self.lost, messages, *received)


class Reader(asyncio.Protocol):
    """One stream. A message is noted when all of it is there."""

    def __init__(self, readers: Readers, request: bytes) -> None:
        self._readers = readers
        self._request = request
        self._received = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now_s = time.time()
        readers = self._readers
        readers.received_bytes += len(data)
        whole, end, self._received = (self._received + data).rpartition(b"\n\n")
        if not end:
            return
        if not self._is_open and b"event: " in whole:
            self._is_open = True
            readers.opened += 1
        else:
            readers.delta_bytes += len(whole)
        for sequence, since in _SEQUENCES.findall(whole):
            key = int(since), int(sequence)
            at_s = readers.at_s.get(key)
            if at_s is None:
                at_s = readers.at_s[key] = array("d")
            at_s.append(now_s)

    def connection_lost(self, _error: Exception | None) -> None:
        self._readers.lost += 1


async def run(port: int, path: str, count: int) -> ReadersResult:
    loop = asyncio.get_running_loop()
    readers = Readers()
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
    for begun in range(0, count, CONNECT_AT_ONCE):
        await asyncio.gather(
            *(
                loop.create_connection(lambda: Reader(readers, request), "127.0.0.1", port)
                for _ in range(min(CONNECT_AT_ONCE, count - begun))
            )
        )
    async with asyncio.timeout(READY_TIMEOUT_S):
        while readers.opened < count:  # noqa: ASYNC110 - counted by thousands of protocols
            await asyncio.sleep(0.05)
    print("READY", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    return readers.result()


async def say(port: int, path: str, count: int) -> None:
    """Ends the process by itself: taking leave of thousands of connections takes long, and is for nothing."""
    print(msgspec.json.encode(await run(port, path, count)).decode(), flush=True)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Readers of a live stream on 127.0.0.1; prints JSON.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True, help="path of the stream")
    parser.add_argument("--readers", type=int, required=True)
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, given.readers + FILES_BESIDE), hard), hard))
    uvloop.run(say(given.port, given.path, given.readers))


if __name__ == "__main__":
    main()
