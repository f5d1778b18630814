"""Composition of a front end: the only place in `server/` that knows which parts are behind the handlers.

`build_app` takes the parts and makes an application of them, whoever they are; `create_app` is the one that
a worker process serves.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from actors.gateway import Gateway
from actors.meter import Meter
from persistence.store import StoreError
from server.access import Access
from server.composition import opened
from server.customers import CustomerKeys
from server.dispatch import OUTAGES, Dispatcher
from server.drain import DRAINING
from server.handlers_service import ServiceHandlers
from server.metrics import Metrics
from server.openapi import document
from server.parts import Health, Options, Parts
from server.reads import Reads
from server.routes import all_routes
from server.settings import Settings

DISPATCHER = web.AppKey("dispatcher", Dispatcher)
PARTS = web.AppKey("parts", Parts)


def build_app(
    gateway: Gateway,
    reads: Reads,
    access: Access,
    customers: CustomerKeys,
    options: Options,
    metrics: Metrics | None = None,
    outages: tuple[type[Exception], ...] = OUTAGES,
) -> web.Application:
    """An application over these parts. `outages`: what they raise when something cannot be reached."""
    parts = Parts(gateway, reads, access, customers, options, metrics or Metrics(), Health())
    service = ServiceHandlers(parts)
    routes = all_routes(parts, service)
    service.document = document(routes, _version())
    app = web.Application(client_max_size=options.body_max_bytes)
    app[PARTS] = parts
    app[DISPATCHER] = dispatcher = Dispatcher(routes, parts, outages)
    app.on_startup.append(_watch_for_the_stop)
    app.router.add_route("*", "/{path:.*}", dispatcher.handle, expect_handler=_expected_by_the_body_reader)
    return app


def options_of(settings: Settings) -> Options:
    """What the settings say about requests."""
    return Options(
        body_max_bytes=settings.body_max_bytes,
        pool_owners=settings.pool_owners,
        hold_extensions_max=settings.hold_extensions_max,
        log_sample_rate=settings.log_sample_rate,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
    )


async def create_app(settings: Settings) -> web.Application:
    """The application one front-end process serves. Its parts are connected already, and closed at its end."""
    stack, metrics, meter = AsyncExitStack(), Metrics(), Meter()
    try:
        gateway, reads = await stack.enter_async_context(opened(settings, meter))
        access = Access(_admin_token(settings), await reads.secret("reservation_token"))
        customers = CustomerKeys(await reads.secret("customer_key"))
        app = build_app(gateway, reads, access, customers, options_of(settings), metrics, (*OUTAGES, StoreError))
    except BaseException:
        await stack.aclose()
        raise

    async def close(_app: web.Application) -> None:
        await stack.aclose()

    app.on_cleanup.append(close)
    return app


def _admin_token(settings: Settings) -> str:
    assert settings.admin_token is not None, "the supervisor gives every worker one"
    return settings.admin_token.get_secret_value()


async def _watch_for_the_stop(app: web.Application) -> None:
    """The worker has put its stop into the application by now; elsewhere there is none."""
    app[PARTS].health.stop = app.get(DRAINING)


async def _expected_by_the_body_reader(_request: web.Request) -> None:
    """`server/bodies.py` answers `Expect: 100-continue` itself, once a body is wanted."""


def _version() -> str:
    try:
        return version("turnstile")
    except PackageNotFoundError:
        return "0"
