"""The command: finds the server, builds the world with a bar that shows how far it is, says what to try."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from server.demo.api import WHERE_FROM, Api, DemoFailed, opened
from server.demo.builder import Builder, Tally
from server.demo.plan import PLURALS, World
from server.demo.stages import ZONE
from server.settings import Settings
from server.supervisor.data_folder import read_endpoints

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ROWS = ("venues", *PLURALS.values(), "reservations")


class Where(NamedTuple):
    """A server, and its operator's token."""

    url: str
    token: str


def find_server(settings: Settings, url: str) -> Where:
    """The one that is named, or that of the data folder. The folder's token goes to this machine only. Raises
    `DemoFailed`."""
    endpoints = read_endpoints(settings.data) or {}
    found = (url or str(endpoints.get("http", ""))).rstrip("/")
    if not found:
        raise DemoFailed(
            f"no server runs on data folder {settings.data.absolute()} (TURNSTILE_DATA): start one with"
            " `turnstile serve`, or name one with --url"
        )
    host = _host_of(found)
    if settings.admin_token is not None:
        return Where(found, settings.admin_token.get_secret_value())
    if not endpoints or host not in LOOPBACK:
        raise DemoFailed(f"the operator's token of {found} is not known: {WHERE_FROM}")
    return Where(found, str(endpoints["admin_token"]))


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DemoFailed(f"{url} is no server's address: as in --url http://127.0.0.1:8080")
    return parts.hostname


def run_demo(settings: Settings, url: str, seed: int, size: str, concurrency: int, console: Console) -> bool:
    """Whether it came to its end; not if it was interrupted. Raises `DemoFailed`."""
    where = find_server(settings, url)
    try:
        return asyncio.run(_run(where, settings.data, seed, size, concurrency, console))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(where: Where, data: Path, seed: int, size: str, concurrency: int, console: Console) -> bool:
    with _bar(console) as bar:
        task = bar.add_task("making the world", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        async with opened() as session:
            builder = Builder(Api(session, where.url, where.token), seed, size, show)
            _stop_at_interrupt(builder)
            world = await builder.build(concurrency)
    console.print(_sums(builder.tally))
    console.print(_said(builder.tally, world), highlight=False, soft_wrap=True)
    if not builder.tally.stopped:
        for line in to_try(where.url, data, world, builder.tally):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return not builder.tally.stopped


def _stop_at_interrupt(builder: Builder) -> None:
    """The first Ctrl-C lets what is under way come to its end; the second does not wait for it."""
    running = asyncio.current_task()
    assert running is not None

    def interrupted() -> None:
        if builder.tally.stopped:
            running.cancel()
        builder.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _sums(tally: Tally) -> Table:
    table = Table(box=None)
    table.add_column("")
    for column in ("made", "there already"):
        table.add_column(column, justify="right")
    for row in ROWS:
        table.add_row(row, f"{tally.made[row]:,}", f"{tally.there[row]:,}")
    return table


def _said(tally: Tally, world: World) -> str:
    told = f"World {world.seed}, the city of {world.city}: "
    if tally.stopped:
        told += "interrupted; the same command goes on where it stopped."
    elif not tally.made.total():
        told += "all of it was there already, nothing was made."
    else:
        told += "all of it is there."
    if tally.refused:
        told += (
            f" {tally.refused:,} reservations were refused: others were quicker, or their time has passed."
        )
    return told


def to_try(url: str, data: Path, world: World, tally: Tally) -> list[str]:
    """Lines to copy into a shell."""
    api = f"{url}/api/v1"
    match, restaurant, session = (
        next(tally.ids[offer.kind, offer.name] for offer in world.offers if offer.kind == kind)
        for kind in ("match", "restaurant", "session")
    )
    tomorrow = (datetime.now(ZONE) + timedelta(days=1)).date().isoformat()
    two = '{"lines": [{"ticket_type": "main", "quantity": 2}],'
    body = two + ' "customer": {"name": "Ada", "email": "ada@example.org"}}'
    post = "-H 'Content-Type: application/json' -d"
    return [
        "",
        f"All that can be asked: {url}/docs. In a shell:",
        "",
        f"# What is on in {world.city} that still has places",
        f"curl -s '{api}/events?city={quote(world.city)}&available=true&limit=5'",
        "# The first match: what is left, its map of seats, two seats side by side",
        f"curl -s {api}/events/{match}/availability",
        f"curl -s {api}/events/{match}/seats",
        f"curl -s {api}/events/{match}/reservations {post} '{body}'",
        "# A table for two tomorrow at eight, or near it",
        f"curl -s '{api}/restaurants/{restaurant}/search?date={tomorrow}&time=20:00&party_size=2'",
        "# What the first match has sold, for its operator",
        f"TOKEN=$(cat {data / 'secrets' / 'admin_token'})",
        f'curl -s {api}/events/{match}/statistics -H "Authorization: Bearer $TOKEN"',
        "# Who comes to the first session is watched while it changes",
        f"curl -N {api}/events/{session}/availability/stream",
    ]
