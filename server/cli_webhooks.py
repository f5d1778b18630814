"""`turnstile webhook`: endpoints, and the log of what was told to each."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from domain.endpoints import DeliveryStatus, FactKind
from server.operators_database import database_url
from server.settings import load_settings

DELIVERIES_SHOWN_MAX = 1_000
webhooks = typer.Typer(
    help="Webhooks: where facts are told, what was told, and that told again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
EndpointId = Annotated[str, typer.Argument(help="Of an endpoint.")]


@webhooks.command("list")
def list_endpoints() -> None:
    """List the endpoints."""
    from server import webhook_command as command

    asyncio.run(command.list_endpoints(database_url(load_settings()), Console()))


@webhooks.command("add")
def add(
    url: Annotated[str, typer.Argument(help="https://...")],
    kind: Annotated[list[FactKind] | None, typer.Option(help="Of facts, again and again; all.")] = None,
    inventory: Annotated[str, typer.Option(help="Id of the only event or restaurant to tell of.")] = "",
    organiser: Annotated[str, typer.Option(help="Id of the only organiser to tell of.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make an endpoint, and print its secret, which is not shown again."""
    from server import webhook_command as command

    settings = load_settings()
    wanted = command.checked(url, kind or [], inventory, organiser, description, settings.webhooks_local)
    asyncio.run(command.add(database_url(settings), wanted, Console()))


@webhooks.command("remove")
def remove(endpoint_id: EndpointId) -> None:
    """Send nothing there any more."""
    from server import webhook_command as command

    asyncio.run(command.remove(database_url(load_settings()), endpoint_id, Console()))


@webhooks.command("pause")
def pause(endpoint_id: EndpointId) -> None:
    """Send nothing there until it is resumed; what happens is kept for it."""
    from server import webhook_command as command

    asyncio.run(command.pause(database_url(load_settings()), endpoint_id, Console()))


@webhooks.command("resume")
def resume(endpoint_id: EndpointId) -> None:
    """Send there again, all that waits first."""
    from server import webhook_command as command

    asyncio.run(command.resume(database_url(load_settings()), endpoint_id, Console()))


@webhooks.command("log")
def log(
    endpoint_id: EndpointId,
    status: Annotated[DeliveryStatus | None, typer.Option(help="Of which deliveries; all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=DELIVERIES_SHOWN_MAX, help="How many at most.")] = 50,
) -> None:
    """List what was told there, the newest first."""
    from server import webhook_command as command

    asyncio.run(command.log(database_url(load_settings()), endpoint_id, status, limit, Console()))


@webhooks.command("replay")
def replay(
    endpoint_id: EndpointId,
    delivery_id: Annotated[str, typer.Argument(help="Of a delivery that has ended.")] = "",
    dead: Annotated[bool, typer.Option("--dead", help="All that are dead.")] = False,
) -> None:
    """Tell something again, under the same id."""
    from server import webhook_command as command

    if bool(delivery_id) == dead:
        raise typer.BadParameter("either a delivery's id or --dead")
    wanted = delivery_id or None
    asyncio.run(command.replay(database_url(load_settings()), endpoint_id, wanted, Console()))
