"""A front end of given parts: an application over whoever decides and whoever is read.

`server/app.py` gives it the real ones; tests and measurements give it theirs.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from actors.gateway import Gateway
from domain.ticket_codes import TicketCodes
from server.access import Access
from server.accounts import Accounts
from server.audit import AuditLog
from server.belongings import Belongings
from server.client_address import ClientAddress
from server.contacts import Contacts
from server.customers import CustomerKeys
from server.dispatch import OUTAGES, Dispatcher, Outages
from server.drain import DRAINING
from server.endpoints import Endpoints
from server.following import Following
from server.handlers_service import ServiceHandlers
from server.hold_caps import HoldCaps, HoldCounts
from server.images import Images
from server.live import Live
from server.machine_tokens import Machines
from server.mails import Mails
from server.metrics import Metrics
from server.openapi import document
from server.organisers import Organisers
from server.parts import Health, Options, Parts
from server.passwords import Passwords
from server.payments import Payments, Wallets
from server.printing import Printer
from server.reads import Reads
from server.routes import all_routes
from server.seat_maps import seat_maps
from server.submissions import Submissions
from server.table_days import table_days
from server.throttle import Throttle
from server.venues import Venues

DISPATCHER = web.AppKey("dispatcher", Dispatcher)
PARTS = web.AppKey("parts", Parts)


def build_app(
    gateway: Gateway,
    reads: Reads,
    venues: Venues,
    submissions: Submissions,
    images: Images,
    accounts: Accounts,
    organisers: Organisers,
    machines: Machines,
    mails: Mails,
    payments: Payments,
    wallets: Wallets,
    endpoints: Endpoints,
    audit: AuditLog,
    access: Access,
    customers: CustomerKeys,
    passwords: Passwords,
    codes: TicketCodes,
    options: Options,
    metrics: Metrics | None = None,
    outages: Outages = OUTAGES,
    throttle: Throttle | None = None,
    hold_counts: HoldCounts | None = None,
) -> web.Application:
    """An application over these parts. `outages`: what they raise when something cannot be
    reached or has no room. `hold_counts`: without them no hold is counted."""
    metrics = metrics or Metrics()
    live = Live(reads, metrics, options.streams_max, options.stream_interval_ms, tuple(outages))
    parts = Parts(
        gateway,
        reads,
        venues,
        submissions,
        images,
        accounts,
        organisers,
        machines,
        mails,
        payments,
        wallets,
        endpoints,
        audit,
        access,
        Belongings(reads, venues, payments, organisers, machines, endpoints),
        customers,
        passwords,
        Contacts(accounts, reads.now_ms),
        throttle or Throttle(),
        options,
        metrics,
        Health(),
        live,
        Following(payments, tuple(outages)),
        HoldCaps(options.hold_bounds, hold_counts, reads, ClientAddress(options.trusted_proxies)),
        seat_maps(reads),
        table_days(reads),
        codes,
        printer := Printer(),
    )
    service = ServiceHandlers(parts)
    routes = all_routes(parts, service)
    service.document = document(routes, _version())
    app = web.Application(client_max_size=options.body_max_bytes)
    app[PARTS] = parts
    app[DISPATCHER] = dispatcher = Dispatcher(routes, parts, outages)
    app.on_startup.append(_watch_for_the_stop)
    app.on_shutdown.append(_end_streams)
    app.on_cleanup.append(lambda _app: printer.close())
    app.router.add_route("*", "/{path:.*}", dispatcher.handle, expect_handler=_expected_by_the_body_reader)
    return app


async def _watch_for_the_stop(app: web.Application) -> None:
    """The worker has put its stop into the application by now; elsewhere there is none."""
    app[PARTS].health.stop = app.get(DRAINING)


async def _end_streams(app: web.Application) -> None:
    """They would not end by themselves, and a stop waits for what is under way."""
    app[PARTS].following.close()
    await app[PARTS].live.close()


async def _expected_by_the_body_reader(_request: web.Request) -> None:
    """`server/bodies.py` answers `Expect: 100-continue` itself, once a body is wanted."""


@cache
def _version() -> str:
    try:
        return version("turnstile")
    except PackageNotFoundError:
        return "0"
