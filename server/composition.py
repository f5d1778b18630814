"""What a front-end process is made of: Ray, PostgreSQL and Valkey behind the handlers' ports.

The only place in `server/` that knows them. `opened` connects them in order and closes them in reverse.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from actors.config import Deployment
from actors.gateway import Gateway, GatewayLimits
from actors.mail.config import MailConfig
from actors.memory import settle
from actors.meter import Meter
from actors.owner import OwnerLimits
from actors.ray_runtime import RayTransport, connect, deploy, disconnect
from actors.stripe_payments import StripeConfig
from actors.submitter import Submitter, SubmitterLimits
from actors.webhooks.config import WebhookConfig
from persistence.accounts import PostgresAccounts
from persistence.audit import PostgresAudit
from persistence.availability import Copies
from persistence.clock import StoreClock
from persistence.directory import PostgresDirectory
from persistence.endpoints import PostgresEndpoints
from persistence.floor import Floor
from persistence.hold_counts import HoldCounts
from persistence.images import PostgresImages
from persistence.ledger import PostgresLedger
from persistence.machine_tokens import PostgresMachines
from persistence.mail_list import PostgresMailList
from persistence.organisers import PostgresOrganisers
from persistence.payments import PostgresPayments
from persistence.reads import PostgresReads, ReadBounds
from persistence.store import Directory
from persistence.submissions import PendingBounds, PostgresSubmissions
from persistence.venues import PostgresVenues
from server.placement import PlacementRule
from server.settings import Settings
from server.supervisor.failures import StartFailure

DATABASE_ID = "database_id"
LEASE_MARGIN_MS = 2_000
"""Beyond a command's deadline: to write down what became of it."""
SETTLED_TIMEOUT_S = 1.0
MAIL_FOLDER = "mail"
"""In the data folder: letters, where no SMTP server is named."""
FLOOR_FILE = "sequences"
"""In the data folder: what all front ends of this server have given out."""


class Closes(Protocol):
    """What holds connections."""

    async def close(self) -> None: ...


Part = TypeVar("Part", bound=Closes)


class Back(NamedTuple):
    """What stands behind the handlers."""

    gateway: Gateway
    reads: PostgresReads
    venues: PostgresVenues
    submissions: PostgresSubmissions
    images: PostgresImages
    accounts: PostgresAccounts
    organisers: PostgresOrganisers
    machines: PostgresMachines
    mails: PostgresMailList
    payments: PostgresPayments
    wallets: PostgresLedger
    endpoints: PostgresEndpoints
    audit: PostgresAudit


@asynccontextmanager
async def opened(settings: Settings, meter: Meter, number: int) -> AsyncIterator[Back]:
    """All of it connected, and the submitter at work. The actors live on when this process ends."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    deadline_ms, kept_s = settings.request_deadline_ms, key_retention_s(settings)
    async with AsyncExitStack() as stack:

        def closed_at_end(part: Part) -> Part:
            stack.push_async_callback(part.close)
            return part

        directory = closed_at_end(PostgresDirectory(url))
        clock = StoreClock(directory.now_ms, settings.clock_skew_max_ms)
        await clock.start()
        stack.push_async_callback(clock.stop)
        bounds = ReadBounds(queue_max_reads=settings.read_queue_max_reads, deadline_ms=deadline_ms)
        reads = closed_at_end(PostgresReads(url, clock, bounds))
        reads.copies = await stack.enter_async_context(_copies(settings, reads, clock, number))
        gateway = await stack.enter_async_context(_gateway(settings, reads, directory, clock, meter))
        yield Back(
            gateway,
            reads,
            venues=closed_at_end(PostgresVenues(url, deadline_ms, kept_s)),
            submissions=await stack.enter_async_context(_submissions(settings, gateway, reads, meter)),
            images=closed_at_end(PostgresImages(url, deadline_ms, kept_s)),
            accounts=closed_at_end(PostgresAccounts(url, deadline_ms, kept_s)),
            organisers=closed_at_end(PostgresOrganisers(url, deadline_ms, kept_s)),
            machines=closed_at_end(PostgresMachines(url, deadline_ms, kept_s)),
            mails=closed_at_end(PostgresMailList(url, deadline_ms)),
            payments=closed_at_end(PostgresPayments(url, deadline_ms)),
            wallets=closed_at_end(PostgresLedger(url, deadline_ms)),
            endpoints=closed_at_end(PostgresEndpoints(url, deadline_ms, kept_s)),
            audit=closed_at_end(PostgresAudit(url, deadline_ms)),
        )


@asynccontextmanager
async def _copies(
    settings: Settings, reads: PostgresReads, clock: StoreClock, number: int
) -> AsyncIterator[Copies]:
    """Availability as Valkey has it, never behind what was given out before."""
    assert settings.redis_url is not None
    floor = Floor(settings.data / FLOOR_FILE, number - 1, settings.workers)
    copies = Copies(
        settings.redis_url.get_secret_value(),
        reads.availability_row,
        clock,
        settings.availability_max_age_ms,
        floor,
    )
    try:
        yield copies
    finally:
        await copies.close()
        floor.close()


@asynccontextmanager
async def _gateway(
    settings: Settings, reads: PostgresReads, directory: Directory, clock: StoreClock, meter: Meter
) -> AsyncIterator[Gateway]:
    """Ray joined, its actors there, and the first owners woken."""
    database_id = UUID(bytes=await reads.secret(DATABASE_ID))
    deployment = deployment_of(settings, f"turnstile-{database_id}", clock.now_ms())
    _join(deployment)
    try:
        deploy(deployment)
        settle()
        gateway = Gateway(RayTransport(deployment), directory, clock, deployment.gateway, meter)
        gateway.wake(*placement_rule(settings).first_owners)
        yield gateway
    finally:
        disconnect()


def _join(deployment: Deployment) -> None:
    """Raises StartFailure."""
    try:
        connect(deployment.ray_address, deployment.namespace)
    except ConnectionError as problem:
        where = deployment.ray_address
        raise StartFailure(f"the Ray cluster at {where} cannot be joined: {problem}") from problem


@asynccontextmanager
async def _submissions(
    settings: Settings, gateway: Gateway, reads: PostgresReads, meter: Meter
) -> AsyncIterator[PostgresSubmissions]:
    """Submissions, and who takes them. What is under way at the end is left to its lease."""
    assert settings.database_url is not None
    store = PostgresSubmissions(
        settings.database_url.get_secret_value(),
        PendingBounds(settings.submissions_pending_max, settings.submissions_pending_per_inventory_max),
        settings.request_deadline_ms,
        key_retention_s(settings),
    )
    limits = SubmitterLimits(
        lease_ms=settings.request_deadline_ms + LEASE_MARGIN_MS,
        patience_ms=settings.submission_patience_s * 1000,
    )
    submitter = Submitter(store, gateway, reads.history, meter, limits)
    store.on_accepted = submitter.wake
    running = asyncio.create_task(submitter.run())
    try:
        yield store
    finally:
        running.cancel()
        await asyncio.wait([running])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_TIMEOUT_S):
                await submitter.settled()
        await store.close()


def deployment_of(settings: Settings, namespace: str, begun_ms: int) -> Deployment:
    """What every actor is told, from the settings."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    assert settings.ray_address is not None
    return Deployment(
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
        ray_address=settings.ray_address,
        namespace=namespace,
        version=tuple(int(part) for part in version("turnstile").split(".")),
        begun_ms=begun_ms,
        timers=settings.timers,
        payment_actors=settings.payment_actors,
        clock_skew_max_ms=settings.clock_skew_max_ms,
        availability_publish_ms=settings.availability_publish_ms,
        news_actors=settings.news_actors,
        mail=_mail_of(settings),
        webhooks=WebhookConfig(settings.webhooks_local),
        stripe=_stripe_of(settings),
        owner=OwnerLimits(
            mailbox_max_commands=settings.mailbox_max_commands,
            batch_max_commands=settings.batch_max_commands,
            passivate_after_s=settings.passivate_after_s,
        ),
        gateway=GatewayLimits(
            request_deadline_ms=settings.request_deadline_ms,
            ask_timeout_ms=settings.ask_timeout_ms,
            outbox_max_commands=settings.outbox_max_commands,
            outbox_max_calls=settings.outbox_max_calls,
            batch_max_commands=min(settings.batch_max_commands, GatewayLimits.batch_max_commands),
            key_retention_s=key_retention_s(settings),
        ),
    )


def placement_rule(settings: Settings) -> PlacementRule:
    """Which owner a new inventory is given."""
    return PlacementRule(
        settings.pool_owners, settings.dedicated_from_capacity, settings.dedicated_from_crowd
    )


def hold_counts_of(settings: Settings) -> HoldCounts:
    """Where holds are counted by who has them."""
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return HoldCounts(redis_url, settings.workers)


def _stripe_of(settings: Settings) -> StripeConfig | None:
    key = settings.stripe_secret_key
    if key is None:
        return None
    return StripeConfig(key.get_secret_value(), public_url_of(settings), settings.stripe_url)


def _mail_of(settings: Settings) -> MailConfig:
    smtp_url = settings.smtp_url
    return MailConfig(
        smtp_url=smtp_url.get_secret_value() if smtp_url else None,
        sender=settings.mail_from,
        public_url=public_url_of(settings),
        folder=str(mail_folder(settings)),
        folder_max_letters=settings.mail_folder_max_letters,
    )


def mail_folder(settings: Settings) -> Path:
    """Where letters are put for want of an SMTP server."""
    return settings.data.absolute() / MAIL_FOLDER


def public_url_of(settings: Settings) -> str:
    """What links begin with."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def key_retention_s(settings: Settings) -> int:
    """How long what an Idempotency-Key did is kept, with a margin."""
    return settings.requests_retention_h * 3600 + 3600
