"""Composition of a front end: Ray, PostgreSQL and Valkey behind the handlers, as a worker serves it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from aiohttp import web

from actors.gateway import NotMade
from actors.meter import Meter
from domain.ticket_codes import TicketCodes
from persistence.store import Overloaded, StoreError
from server import logs
from server.access import Access
from server.access_tokens import AccessTokens
from server.client_address import ClientAddress
from server.composition import hold_counts_of, mail_folder, opened, placement_rule
from server.customers import CustomerKeys
from server.dispatch import OUTAGES, Outages
from server.front_end import DISPATCHER, build_app
from server.hold_caps import HoldBounds
from server.meter_metrics import publishing
from server.metrics import Metrics
from server.parts import Options
from server.passwords import Passwords
from server.settings import Settings
from server.throttle import Group, Throttle

__all__ = ["DISPATCHER", "create_app"]

STORE_OUTAGES: Outages = {
    **OUTAGES,
    Overloaded: "overloaded",
    StoreError: "unavailable",
    NotMade: "overloaded",
}


async def create_app(settings: Settings, number: int) -> web.Application:
    """The application that one front-end process serves, which has that number, from 1. Its parts are
    connected already, and close with it."""
    logs.configure(settings.log_level)
    stack, metrics, meter = AsyncExitStack(), Metrics(), Meter()
    try:
        back = await stack.enter_async_context(opened(settings, meter, number))
        tokens = AccessTokens(back.reads.now_ms)
        await tokens.look(back.accounts, back.machines)
        looking = asyncio.create_task(tokens.keep_looking(back.accounts, back.machines))
        stack.push_async_callback(_ended, looking)
        access = Access(_admin_token(settings), await back.reads.secret("reservation_token"), tokens)
        customers = CustomerKeys(await back.reads.secret("customer_key"))
        codes = TicketCodes(await back.reads.secret("ticket_key"))
        passwords = Passwords(settings.password_threads, settings.password_queue_max)
        stack.callback(passwords.close)
        webhooks = {"sandbox": await back.reads.secret("sandbox_webhook"), **_webhook_secrets(settings)}
        options = replace(options_of(settings), webhook_secrets=webhooks)
        throttle = throttle_of(settings)
        stack.push_async_callback(throttle.close)
        counts = hold_counts_of(settings)
        stack.push_async_callback(counts.close)
        app = build_app(
            *back,
            access,
            customers,
            passwords,
            codes,
            options,
            metrics,
            STORE_OUTAGES,
            throttle,
            counts,
        )
    except BaseException:
        await stack.aclose()
        raise

    async def close(_app: web.Application) -> None:
        await stack.aclose()

    app.on_cleanup.append(close)
    metrics.before_flush.append(publishing(meter, metrics.registry))
    return app


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _admin_token(settings: Settings) -> str:
    assert settings.admin_token is not None, "the supervisor gives every worker one"
    return settings.admin_token.get_secret_value()


def throttle_of(settings: Settings) -> Throttle:
    """How often somebody may ask, counted together with the other front ends."""
    bounds = {
        Group.ANY: (settings.limit_requests_per_s, 1),
        Group.RESERVE: (settings.limit_reservations_per_minute, 60),
        Group.LOG_IN: (settings.limit_log_ins_per_minute, 60),
        Group.LOG_IN_EMAIL: (settings.limit_log_ins_per_email_per_minute, 60),
        Group.ASK_FOR_MAIL: (settings.limit_mails_per_hour, 3_600),
        Group.ASK_EMAIL: (settings.limit_mails_per_email_per_hour, 3_600),
    }
    valkey = settings.redis_url.get_secret_value() if settings.redis_url is not None else None
    return Throttle(bounds, ClientAddress(settings.trusted_proxies), valkey)


def _webhook_secrets(settings: Settings) -> dict[str, bytes]:
    secret = settings.stripe_webhook_secret
    return {} if secret is None else {"stripe": secret.get_secret_value().encode()}


def options_of(settings: Settings) -> Options:
    """What the settings say about requests."""
    return Options(
        body_max_bytes=settings.body_max_bytes,
        hold_extensions_max=settings.hold_extensions_max,
        placement=placement_rule(settings),
        log_sample_rate=settings.log_sample_rate,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        streams_max=settings.streams_max,
        stream_interval_ms=settings.availability_publish_ms,
        mail_folder=None if settings.smtp_url else mail_folder(settings),
        payment_duration_s=settings.payment_duration_s,
        hold_bounds=HoldBounds(settings.limit_holds_per_account, settings.limit_holds_per_address),
        webhooks_local=settings.webhooks_local,
        card_provider="sandbox" if settings.stripe_secret_key is None else "stripe",
    )
