"""One front-end process: `python -m server.worker --fd N`, started by the supervisor on the socket it has
bound.

SIGTERM drains: `/readyz` turns 503, nothing new is accepted, what is under way ends, bounded by
`drain_timeout_s`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
from typing import Any

import uvloop
from aiohttp import web

from server.app import DISPATCHER, create_app
from server.drain import DRAINING
from server.runner import FrontEndRunner
from server.settings import Settings, WrongSettings, load_settings
from server.supervisor.failures import StartFailure
from server.supervisor.listening import BACKLOG_MAX_CONNECTIONS
from server.timeouts import ending_stuck

DRAIN_MARGIN_S = 2.0
LINGERING_MAX_S = 5.0
FILES_BESIDE_MAX = 512
"""Files a front end has open beside its clients' connections."""


def main() -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser(prog="python -m server.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="file descriptor of the listening socket")
    parser.add_argument("--number", type=int, default=1, help="of the server's front ends, from 1")
    given = parser.parse_args()
    try:
        settings = load_settings()
        _allow_files(settings.connections_max + FILES_BESIDE_MAX)
        uvloop.run(run(settings, given.number, socket.socket(fileno=given.fd)))
    except (WrongSettings, StartFailure) as problem:
        sys.exit(f"turnstile: {problem}")


async def run(settings: Settings, number: int, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT. Raises StartFailure."""
    stop = asyncio.Event()
    _listen_for_signals(stop)
    app = await create_app(settings, number)
    _listen_for_signals(stop)  # again: joining Ray puts a handler of its own there, which ends us at once
    in_time = await serve_until(stop, app, settings, listener)
    if not in_time:
        print("turnstile: requests were still under way at the end of the drain", file=sys.stderr, flush=True)
        os._exit(1)  # their tasks would hold a normal exit up


async def serve_until(
    stop: asyncio.Event, app: web.Application, settings: Settings, listener: socket.socket
) -> bool:
    """Serves, drains when `stop` is set, and says whether all requests ended in time."""
    app[DRAINING] = stop
    runner = _runner(app, settings)
    await runner.setup()
    assert runner.server is not None
    async with ending_stuck(runner.server, settings.body_timeout_s):
        await web.SockSite(runner, listener, backlog=BACKLOG_MAX_CONNECTIONS).start()
        await stop.wait()
        try:
            await asyncio.wait_for(runner.cleanup(), settings.drain_timeout_s + DRAIN_MARGIN_S)
        except TimeoutError:
            return False
    return True


def _listen_for_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _ask_to_stop, stop)


def _ask_to_stop(stop: asyncio.Event) -> None:
    """A second signal ends at once."""
    if stop.is_set():
        os._exit(1)
    stop.set()


def _runner(app: web.Application, settings: Settings) -> FrontEndRunner | web.AppRunner:
    """The runner that hands requests to the dispatcher; aiohttp's own for an application that has none."""
    bounds: dict[str, Any] = {
        "access_log": None,  # the dispatcher writes a sampled one
        "keepalive_timeout": settings.keepalive_timeout_s,
        "lingering_time": min(settings.body_timeout_s, LINGERING_MAX_S),
        "shutdown_timeout": settings.drain_timeout_s,
    }
    if DISPATCHER not in app:
        return web.AppRunner(app, **bounds)
    return FrontEndRunner(app, connections_max=settings.connections_max, **bounds)


def _allow_files(wanted: int) -> None:
    """Each connection is an open file, of which a process is commonly given 1,024 until it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"turnstile: only {hard} files may be open, {wanted} are wanted", file=sys.stderr, flush=True)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # the system's own bound is lower still
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
