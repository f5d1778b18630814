"""Serves a peer: aiohttp on uvloop, no access log, no middleware, the listening socket bound once.

A peer is a `Store`; this file gives it HTTP, so that all peers pay the same for it. More than one front-end
process (`--workers`) shares the socket by fork, before any event loop exists. On SIGTERM or Ctrl-C, and
when the parent is gone, it stops by itself and drops its relations.
"""

import argparse
import asyncio
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

from loadtest.peers import wire

BODY_MAX_BYTES = 16_384
BACKLOG_CONNECTIONS = 1024
PARENT_CHECK_INTERVAL_S = 0.5

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SOLD_OUT = wire.problem(
    409, "sold_out", "Not enough left of this ticket type, and nothing on hold that could come free."
)
INVALID = wire.problem(422, "invalid", "One line of 1 to 10 tickets and a customer are expected.")
WRONG_STATE = wire.problem(409, "wrong_state", "The reservation is not held any more.")
FORBIDDEN = wire.problem(404, "not_found", "There is no such reservation.")


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
        serve(options, lambda: store_handlers(store), store.open, store.close)
    finally:
        asyncio.run(store.drop())


def end_by_exception(_number: int, _frame: object) -> None:
    """SIGTERM while still starting: unwinds, so that what was created is dropped."""
    sys.exit(143)


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument(
        "--endpoints", type=Path, help="endpoints.json of the running server (PostgreSQL, Valkey, Ray)"
    )
    parser.add_argument(
        "--quota", type=int, default=1_000_000, help="tickets of the open event (default: %(default)s)"
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


def store_handlers(store: Store) -> tuple[Handler, Handler]:
    async def hold(request: web.Request) -> web.Response:
        try:
            body = wire.hold_body.decode(await request.read())
        except msgspec.MsgspecError:
            return refused(422, INVALID)
        if len(body.lines) != 1 or not 1 <= body.lines[0].quantity <= wire.QUANTITY_MAX:
            return refused(422, INVALID)
        reservation = wire.new_reservation(request.match_info["event_id"], body)
        if not await store.hold(reservation):
            return refused(409, SOLD_OUT)
        return created(wire.reply(reservation), reservation.id)

    async def confirm(request: web.Request) -> web.Response:
        reservation_id = request.match_info["reservation_id"]
        if not wire.is_token_of(request.headers.get("Reservation-Token", ""), reservation_id):
            return refused(404, FORBIDDEN)
        reservation = await store.confirm(reservation_id)
        if reservation is None:
            return refused(409, WRONG_STATE)
        return web.Response(body=wire.reply(reservation), content_type="application/json")

    return hold, confirm


def created(body: bytes, reservation_id: str) -> web.Response:
    location = f"/api/v1/reservations/{reservation_id}"
    return web.Response(
        status=201, body=body, headers={"Location": location, "Content-Type": "application/json"}
    )


def refused(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/problem+json")


async def nothing() -> None:
    """A peer without a store opens and closes nothing."""


def serve(
    options: Options,
    handlers: Callable[[], tuple[Handler, Handler]],
    on_open: Callable[[], Awaitable[None]] = nothing,
    on_close: Callable[[], Awaitable[None]] = nothing,
) -> None:
    """Returns after SIGTERM or SIGINT, in the parent only, when every worker has ended."""
    own, parent = os.getpid(), os.getppid()
    with socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG_CONNECTIONS) as listening:
        children = fork_workers(options.workers - 1)
        is_child = os.getpid() != own
        try:
            served = serve_until_stopped(listening, own if is_child else parent, handlers, on_open, on_close)
            uvloop.run(served)
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


async def serve_until_stopped(
    listening: socket.socket,
    parent: int,
    handlers: Callable[[], tuple[Handler, Handler]],
    on_open: Callable[[], Awaitable[None]],
    on_close: Callable[[], Awaitable[None]],
) -> None:
    stop = asyncio.Event()
    await on_open()
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # after `on_open`: ray.init puts a SIGTERM handler of its own
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        runner = web.AppRunner(application(*handlers()), access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        await web.SockSite(runner, listening, backlog=BACKLOG_CONNECTIONS).start()
        while not stop.is_set() and os.getppid() == parent:
            await wait_at_most(stop, PARENT_CHECK_INTERVAL_S)
        await runner.cleanup()
    finally:
        await on_close()


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def application(hold: Handler, confirm: Handler) -> web.Application:
    app = web.Application(client_max_size=BODY_MAX_BYTES)
    app.router.add_get("/healthz", healthy)
    app.router.add_post("/api/v1/events/{event_id}/reservations", hold)
    app.router.add_post("/api/v1/reservations/{reservation_id}/confirm", confirm)
    return app


async def healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
