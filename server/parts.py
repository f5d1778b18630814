"""What the handlers are composed of: handed to each of them, made in `server/front_end.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from actors.gateway import Gateway
from domain.ticket_codes import TicketCodes
from server.access import Access
from server.accounts import Accounts
from server.audit import AuditLog
from server.belongings import Belongings
from server.contacts import Contacts
from server.customers import CustomerKeys
from server.endpoints import Endpoints
from server.following import Following
from server.hold_caps import HoldBounds, HoldCaps
from server.images import Images
from server.live import Live
from server.machine_tokens import Machines
from server.mails import Mails
from server.metrics import Metrics
from server.organisers import Organisers
from server.passwords import Passwords
from server.payloads_payments import CardProvider
from server.payments import Payments, Wallets
from server.placement import PlacementRule
from server.printing import Printer
from server.reads import Reads
from server.seat_maps import SeatMaps
from server.submissions import Submissions
from server.table_days import TableDays
from server.throttle import Throttle
from server.venues import Venues


@dataclass(slots=True, frozen=True)
class Options:
    """The settings that requests feel."""

    body_max_bytes: int = 65_536
    hold_extensions_max: int = 1
    placement: PlacementRule = field(default_factory=PlacementRule)
    log_sample_rate: float = 0.01
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    ready_timeout_s: float = 2.0
    streams_max: int = 5_000
    stream_interval_ms: int = 100
    mail_folder: Path | None = None
    """Where letters are put for want of an SMTP server; None: there is one."""
    payment_duration_s: int = 600
    hold_bounds: HoldBounds = field(default_factory=HoldBounds)
    webhooks_local: bool = False
    """May this machine be told too, by http?"""
    webhook_secrets: Mapping[str, bytes] = field(default_factory=dict)
    """By provider."""
    card_provider: CardProvider = "sandbox"
    """Beside wallets, the one that there is: who sells tickets for money has no sandbox."""


@dataclass(slots=True)
class Health:
    """Whether this front end wants more requests. `stop` is set when it is about to end."""

    stop: asyncio.Event | None = None

    @property
    def draining(self) -> bool:
        return self.stop is not None and self.stop.is_set()


@dataclass(slots=True, frozen=True)
class Parts:
    """Everything a handler may use."""

    gateway: Gateway
    reads: Reads
    venues: Venues
    submissions: Submissions
    images: Images
    accounts: Accounts
    organisers: Organisers
    machines: Machines
    mails: Mails
    payments: Payments
    wallets: Wallets
    endpoints: Endpoints
    audit: AuditLog
    access: Access
    belongings: Belongings
    customers: CustomerKeys
    passwords: Passwords
    contacts: Contacts
    throttle: Throttle
    options: Options
    metrics: Metrics
    health: Health
    live: Live
    following: Following
    hold_caps: HoldCaps
    seat_maps: SeatMaps
    table_days: TableDays
    codes: TicketCodes
    printer: Printer
