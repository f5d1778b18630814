"""What `turnstile webhook` does, read and written in the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from domain.endpoints import DeliveryStatus, Endpoint, FactKind, secret_of, url_fault
from domain.messages import Rejected
from persistence.clock import StoreClock
from persistence.directory import PostgresDirectory
from persistence.endpoints import PostgresEndpoints
from persistence.reads import PostgresReads
from persistence.store import StoreError
from server.command_audit import noted
from server.ids import parse_id, uuid7
from server.payloads_endpoints import NewEndpoint
from server.supervisor.failures import StartFailure

SKEW_MAX_MS = 500


def checked(
    url: str, kinds: Sequence[FactKind], inventory: str, organiser: str, description: str, local: bool
) -> NewEndpoint:
    """By the bounds that the API has too. Raises StartFailure."""
    fault = url_fault(url, local)
    if fault is not None:
        raise StartFailure(f"the address: {fault}")
    ids = {"inventory_id": inventory, "organiser_id": organiser}
    for name, text in ids.items():
        if text and parse_id(text) is None:
            raise StartFailure(f"--{name.removesuffix('_id')}: an id")
    given = {name: parse_id(text) for name, text in ids.items() if text}
    try:
        return msgspec.convert({"url": url, "kinds": kinds, "description": description, **given}, NewEndpoint)
    except msgspec.ValidationError as error:
        raise StartFailure(str(error)) from None


async def list_endpoints(database_url: str, console: Console) -> None:
    """A line an endpoint. Raises StartFailure."""
    async with _opened(database_url) as endpoints:
        found, after = [], None
        while page := await endpoints.page(after, 100):
            found += page
            after = page[-1].id
    if not found:
        console.print("There is no endpoint.")
        return
    table = Table("id", "address", "kinds", "since (UTC)", "status", box=None)
    for one in found:
        kinds = ", ".join(one.kinds) or "all"
        status = "active" if one.paused_ms is None else f"paused: {one.pause_reason}"
        table.add_row(one.id, one.url, kinds, _moment(one.created_ms), status)
    console.print(table)


async def add(database_url: str, wanted: NewEndpoint, console: Console) -> None:
    """Raises StartFailure."""
    async with _opened(database_url) as endpoints:
        now_ms = await _now_ms(database_url)
        if wanted.inventory_id is not None and not await _is_there(database_url, wanted.inventory_id):
            raise StartFailure("--inventory: there is no such event or restaurant")
        fields = {name: getattr(wanted, name) for name in NewEndpoint.__struct_fields__}
        async with noted(database_url, "turnstile webhook add") as deed:
            made = await endpoints.create(Endpoint(id=uuid7(now_ms), created_ms=now_ms, **fields), None)
            if isinstance(made, Rejected):
                raise StartFailure(made.detail)
            deed.made = made.id
        secret = secret_of(await endpoints.secrets_key(), made.id, made.generation)
    console.print(f"endpoint {made.id}\nsecret   {secret}", soft_wrap=True)


async def remove(database_url: str, endpoint_id: str, console: Console) -> None:
    """Raises StartFailure."""
    async with _changed(database_url, "remove", endpoint_id) as endpoints:
        refused = await endpoints.remove(_id(endpoint_id), None)
        if refused is not None:
            raise StartFailure(refused.detail)
    console.print("It is told nothing any more.")


async def pause(database_url: str, endpoint_id: str, console: Console) -> None:
    """Raises StartFailure."""
    async with _changed(database_url, "pause", endpoint_id) as endpoints:
        _found(await endpoints.pause(_id(endpoint_id)))
    console.print("It is paused.")


async def resume(database_url: str, endpoint_id: str, console: Console) -> None:
    """Raises StartFailure."""
    async with _changed(database_url, "resume", endpoint_id) as endpoints:
        _found(await endpoints.resume(_id(endpoint_id)))
    console.print("It is told again.")


async def log(
    database_url: str, endpoint_id: str, status: DeliveryStatus | None, limit: int, console: Console
) -> None:
    """A line a delivery. Raises StartFailure."""
    async with _opened(database_url) as endpoints:
        _found(await endpoints.find(_id(endpoint_id)))
        found = await endpoints.log(_id(endpoint_id), status, None, limit)
    if not found:
        console.print("Nothing was told.")
        return
    table = Table("id", "kind", "status", "created (UTC)", "attempts", "answer", "error", box=None)
    for one in found:
        answer = "" if one.answer is None else str(one.answer)
        tried = (str(one.attempts), answer, one.error or "")
        table.add_row(one.id, one.kind, one.status.value, _moment(one.created_ms), *tried)
    console.print(table)


async def replay(database_url: str, endpoint_id: str, delivery_id: str | None, console: Console) -> None:
    """One, or all that are dead. Raises StartFailure."""
    async with _changed(database_url, "replay", endpoint_id) as endpoints:
        _found(await endpoints.find(_id(endpoint_id)))
        if delivery_id is None:
            console.print(f"To be told again: {await endpoints.replay_dead(_id(endpoint_id))}")
            return
        known = parse_id(delivery_id)
        if known is None or await endpoints.replay(_id(endpoint_id), known) is None:
            raise StartFailure(f"no delivery that has ended has the id {delivery_id}")
    console.print(f"To be told again: {known}")


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[PostgresEndpoints]:
    endpoints = PostgresEndpoints(database_url)
    try:
        yield endpoints
    except StoreError as error:
        raise StartFailure(str(error)) from error
    finally:
        await endpoints.close()


@asynccontextmanager
async def _changed(database_url: str, what: str, endpoint_id: str) -> AsyncIterator[PostgresEndpoints]:
    async with (
        _opened(database_url) as endpoints,
        noted(database_url, f"turnstile webhook {what}", _id(endpoint_id)),
    ):
        yield endpoints


async def _now_ms(database_url: str) -> int:
    directory = PostgresDirectory(database_url)
    try:
        return await directory.now_ms()
    finally:
        await directory.close()


async def _is_there(database_url: str, inventory_id: str) -> bool:
    directory = PostgresDirectory(database_url)
    reads = PostgresReads(database_url, StoreClock(directory.now_ms, SKEW_MAX_MS))
    try:
        found = await reads.event(inventory_id) or await reads.restaurant(inventory_id)
        return found is not None
    finally:
        await reads.close()
        await directory.close()


def _id(text: str) -> str:
    known = parse_id(text)
    if known is None:
        raise StartFailure("an endpoint's id")
    return known


def _found(endpoint: Endpoint | None) -> None:
    if endpoint is None:
        raise StartFailure("There is no such endpoint.")


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
