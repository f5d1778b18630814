"""The life of a peer: aiohttp on uvloop, no access log, a settled collector, the listening socket bound once.

A peer is a `Store`; `routes` gives it HTTP. More than one front-end process (`--workers`) shares the socket
by fork, before any event loop exists. On SIGTERM or Ctrl-C, and when the parent is gone, it stops by itself
and drops its relations.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec
import uvloop
from aiohttp import web

from loadtest.peers import memory, routes, wire

BACKLOG_CONNECTIONS = 1024
PARENT_CHECK_INTERVAL_S = 0.5
EXIT_TERMINATED = 143

MakeRunner = Callable[[], web.BaseRunner]


class Options(msgspec.Struct, frozen=True):
    port: int
    workers: int
    quota: int
    database_url: str = ""
    redis_url: str = ""
    ray_address: str = ""


class Store(Protocol):
    """What makes a peer that peer. `create` and `drop` run once, `open` and `close` in every worker."""

    async def create(self) -> None: ...
    async def open(self) -> None: ...
    async def hold(self, reservation: wire.Reservation) -> bool: ...
    async def confirm(self, reservation_id: str) -> wire.Reservation | None: ...
    async def close(self) -> None: ...
    async def drop(self) -> None: ...


def run(description: str, make_store: Callable[[Options], Store]) -> None:
    """The `main` of a peer that keeps something."""
    options = parse(description)
    signal.signal(signal.SIGTERM, end_by_exception)
    store = make_store(options)
    try:
        asyncio.run(store.create())
        serve(options, lambda: routes.low_level(routes.of_store(store)), store.open, store.close)
    finally:
        asyncio.run(store.drop())


def end_by_exception(_number: int, _frame: object) -> None:
    """SIGTERM while still starting: unwinds, so that what was created is dropped."""
    sys.exit(EXIT_TERMINATED)


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--endpoints", type=Path, help="endpoints.json of the running server")
    parser.add_argument(
        "--quota", type=int, default=1_000_000, help="tickets of the open event (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=1, help="front-end processes (default: %(default)s)")
    given = parser.parse_args()
    servers = msgspec.json.decode(given.endpoints.read_bytes()) if given.endpoints else {}
    return Options(
        port=given.port,
        workers=given.workers,
        quota=given.quota,
        database_url=servers.get("database_url") or "",
        redis_url=servers.get("redis_url") or "",
        ray_address=servers.get("ray_address") or "",
    )


async def nothing() -> None:
    """A peer without a store opens and closes nothing."""


def serve(
    options: Options,
    make_runner: MakeRunner,
    on_open: Callable[[], Awaitable[None]] = nothing,
    on_close: Callable[[], Awaitable[None]] = nothing,
) -> None:
    """Returns after SIGTERM or SIGINT, in the parent only, when every worker has ended."""
    own, parent = os.getpid(), os.getppid()
    with socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG_CONNECTIONS) as listening:
        children = fork_workers(options.workers - 1)
        is_child = os.getpid() != own
        try:
            uvloop.run(until_stopped(listening, own if is_child else parent, make_runner, on_open, on_close))
        finally:
            end_workers(children)
            if is_child:
                os._exit(0)  # what comes after, dropping the relations, is the parent's


def fork_workers(count: int) -> list[int]:
    """The children's ids in the parent, an empty list in each child."""
    children: list[int] = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            return []
        children.append(child)
    return children


def end_workers(children: list[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGTERM)
    for child in children:
        os.waitpid(child, 0)


async def until_stopped(
    listening: socket.socket,
    parent: int,
    make_runner: MakeRunner,
    on_open: Callable[[], Awaitable[None]],
    on_close: Callable[[], Awaitable[None]],
) -> None:
    stop = asyncio.Event()
    await on_open()
    # After `on_open`: ray.init puts a SIGTERM handler of its own.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        runner = make_runner()
        await runner.setup()
        memory.settle()
        await web.SockSite(runner, listening, backlog=BACKLOG_CONNECTIONS).start()
        while not stop.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PARENT_CHECK_INTERVAL_S)
        await runner.cleanup()
    finally:
        await on_close()
