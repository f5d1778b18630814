"""`turnstile status`: where a running server's parts are, whether each answers, and what its owners do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from server.supervisor.reachable import (
    POSTGRES_PORT,
    host_and_port,
    http_status,
    port_answers,
    postgres_answers,
    redis_problem,
)

OWNERS_TIMEOUT_S = 5.0


@dataclass(slots=True, frozen=True)
class PartStatus:
    """One part, without its password."""

    name: str
    address: str
    answers: bool


async def look(endpoints: dict[str, Any]) -> list[PartStatus]:
    """Asks every part at once."""
    database = host_and_port(endpoints["database_url"], POSTGRES_PORT)
    redis = host_and_port(endpoints["redis_url"], 6379)
    ray_host, _, ray_port = str(endpoints["ray_address"]).rpartition(":")
    http = endpoints["http"]
    answers = await asyncio.gather(
        _http_answers(f"{http}/healthz"),
        _http_answers(f"{http}/readyz"),
        postgres_answers(*database),
        _redis_answers(endpoints["redis_url"]),
        port_answers(ray_host, int(ray_port)),
    )
    addresses = (http, f"{http}/readyz", _joined(database), _joined(redis), endpoints["ray_address"])
    names = ("front end", "ready", "PostgreSQL", "Redis", "Ray")
    return [PartStatus(*row) for row in zip(names, addresses, answers, strict=True)]


async def owners(endpoints: dict[str, Any]) -> list[dict[str, Any]]:
    """What the owners say of themselves; nothing if the front end does not answer."""
    headers = {"Authorization": f"Bearer {endpoints['admin_token']}"}
    timeout = aiohttp.ClientTimeout(total=OWNERS_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{endpoints['http']}/api/v1/owners", headers=headers) as answer,
        ):
            items: list[dict[str, Any]] = (await answer.json())["items"] if answer.status == 200 else []
            return items
    except (aiohttp.ClientError, TimeoutError, OSError):
        return []


def show_owners(said: list[dict[str, Any]], console: Console, limit: int) -> None:
    """As a table; at most `limit` inventories of each owner by their ids."""
    table = Table("owner", "pid", "inventories", "waiting", "commands/s", "MB", "last error", box=None)
    for owner in said:
        owns = [str(inventory_id) for inventory_id in owner.get("owns", [])]
        shown = f"{owner.get('inventories', 0)}" + (f"  {' '.join(owns[:limit])}" if owns else "")
        if len(owns) > limit:
            shown += " ..."
        table.add_row(
            str(owner["name"]),
            str(owner.get("pid", "")),
            shown,
            str(owner.get("depth", "")),
            str(owner.get("commands_per_s", "")),
            f"{owner.get('rss_bytes', 0) / 1e6:.0f}",
            str(owner.get("last_error", ""))[:80],
        )
    console.print(table)


def show(parts: list[PartStatus], endpoints: dict[str, Any], console: Console) -> None:
    """As a table."""
    table = Table("part", "address", "answers", box=None)
    for part in parts:
        table.add_row(part.name, part.address, "yes" if part.answers else "[red]NO[/red]")
    if endpoints.get("dashboard"):
        table.add_row("dashboard", endpoints["dashboard"], "")
    console.print(table)


async def _http_answers(url: str) -> bool:
    return await http_status(url) == 200


async def _redis_answers(url: str) -> bool:
    return await redis_problem(url) is None


def _joined(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
