"""A real front end over the rules themselves, and a client that shows what came back."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from multidict import CIMultiDictProxy

from domain.ticket_codes import TicketCodes
from persistence.accounts import PostgresAccounts
from persistence.hold_counts import HoldCounts
from persistence.reads import PostgresReads
from persistence.venues import PostgresVenues
from server.access import Access
from server.access_tokens import AccessTokens
from server.app import STORE_OUTAGES
from server.customers import CustomerKeys
from server.front_end import build_app
from server.parts import Options
from server.passwords import Passwords
from server.runner import FrontEndRunner
from server.throttle import Throttle
from tests.server.direct_accounts import DirectAccounts
from tests.server.direct_audit import DirectAudit
from tests.server.direct_endpoints import DirectEndpoints
from tests.server.direct_gateway import DirectGateway, DirectReads
from tests.server.direct_images import DirectImages
from tests.server.direct_machines import DirectMachines
from tests.server.direct_mails import DirectMails
from tests.server.direct_organisers import DirectOrganisers
from tests.server.direct_payments import DirectPayments
from tests.server.direct_submissions import DirectSubmissions
from tests.server.direct_venues import DirectVenues
from tests.server.direct_wallets import DirectWallets

ADMIN_TOKEN = "operator-token-0123"
CODES = TicketCodes(b"ticket secret".ljust(32, b"."))
OPERATOR = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
EVENT = {
    "name": "A concert",
    "starts_at": "2027-01-01T20:00:00Z",
    "ticket_types": [
        {"code": "ga", "name": "Standing", "quota": 10, "price": {"amount": 4500, "currency": "EUR"}},
        {"code": "vip", "name": "Seat", "quota": 2, "price": {"amount": 9000, "currency": "EUR"}},
    ],
}


def event_body(**changes: Any) -> dict[str, Any]:
    """A sound event with some fields changed, or without those that are `...`."""
    body = {**copy.deepcopy(EVENT), **changes}
    return {name: value for name, value in body.items() if value is not ...}


def hold_body(quantity: int = 1, code: str = "ga", email: str = "ada@example.org") -> dict[str, Any]:
    """A sound reservation of one line."""
    return {
        "lines": [{"ticket_type": code, "quantity": quantity}],
        "customer": {"name": "Ada Lovelace", "email": email},
    }


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def code(self) -> str:
        """The problem's code; checks that it is one."""
        assert self.headers["Content-Type"] == "application/problem+json", self.raw
        problem = self.json
        assert problem["status"] == self.status
        assert problem["type"] == f"urn:turnstile:problem:{problem['code']}"
        assert problem["title"]
        assert problem["detail"]
        return str(problem["code"])

    @property
    def paths(self) -> list[str]:
        """Where an invalid request is wrong."""
        assert (self.status, self.code) == (422, "invalid")
        return [error["path"] for error in self.json["errors"]]


@dataclass
class Api:
    """A client of one front end, and the parts behind it."""

    session: aiohttp.ClientSession
    gateway: DirectGateway
    reads: DirectReads
    runner: web.BaseRunner
    app: web.Application
    submissions: DirectSubmissions
    accounts: DirectAccounts
    organisers: DirectOrganisers
    machines: DirectMachines
    tokens: AccessTokens
    payments: DirectPayments
    wallets: DirectWallets
    audit: DirectAudit
    event_id: str = ""
    default_headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, **given: Any) -> Answer:
        async with self.session.request(method, path, **given) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **given: Any) -> Answer:
        return await self.ask("GET", path, **given)

    async def post(self, path: str, **given: Any) -> Answer:
        return await self.ask("POST", path, **given)

    async def patch(self, path: str, **given: Any) -> Answer:
        return await self.ask("PATCH", path, **given)

    async def make_event(self, **changes: Any) -> Answer:
        return await self.post("/api/v1/events", json=event_body(**changes), headers=OPERATOR)

    async def hold(self, event_id: str, **given: Any) -> Answer:
        return await self.post(f"/api/v1/events/{event_id}/reservations", json=hold_body(**given))

    async def new_event(self, **changes: Any) -> str:
        """The id of a new event."""
        made = await self.make_event(**changes)
        assert made.status == 201, made.raw
        return str(made.json["id"])

    async def new_hold(self, event_id: str, **given: Any) -> tuple[str, dict[str, str]]:
        """A hold's path, and the header with its token."""
        held = await self.hold(event_id, **given)
        assert held.status == 201, held.raw
        return f"/api/v1/reservations/{held.json['id']}", {"Reservation-Token": held.json["token"]}


def quick_passwords() -> Passwords:
    """As little work as argon2 takes."""
    return Passwords(hasher=PasswordHasher.from_parameters(CHEAPEST))


Start = Callable[..., Awaitable[Api]]


@asynccontextmanager
async def starting() -> AsyncIterator[Start]:
    """Starts front ends with given options; they end with it. `reads`: in place of the rules' own."""
    async with AsyncExitStack() as stack:

        async def begin(
            options: Options | None = None,
            runner_type: Any = FrontEndRunner,
            reads: PostgresReads | None = None,
            venues: PostgresVenues | None = None,
            accounts: PostgresAccounts | None = None,
            passwords: Passwords | None = None,
            throttle: Throttle | None = None,
            hold_counts: HoldCounts | None = None,
            **bounds: Any,
        ) -> Api:
            gateway = DirectGateway()
            direct = DirectReads(gateway)
            submissions = DirectSubmissions(gateway, direct)
            payments = DirectPayments(lambda: gateway.now_ms, gateway.tables, reads=direct)
            wallets, mails = DirectWallets(), DirectMails()
            in_memory = DirectAccounts(direct, wallets, payments, mails)
            tokens = AccessTokens((reads or direct).now_ms)
            organisers, machines = DirectOrganisers(in_memory), DirectMachines()
            await tokens.look(accounts or in_memory, machines)
            access = Access(ADMIN_TOKEN, b"reservation secret".ljust(32, b"."), tokens)
            audit = DirectAudit()
            customers = CustomerKeys(b"customer secret".ljust(32, b"."))
            passwords = passwords or quick_passwords()
            stack.callback(passwords.close)
            app = build_app(
                gateway,
                reads or direct,
                venues or DirectVenues(),
                submissions,
                DirectImages(),
                accounts or in_memory,
                organisers,
                machines,
                mails,
                payments,
                wallets,
                DirectEndpoints(),
                audit,
                access,
                customers,
                passwords,
                CODES,
                options or Options(),
                outages=STORE_OUTAGES,
                throttle=throttle,
                hold_counts=hold_counts or HoldCounts(),
            )
            runner = runner_type(app, access_log=None, shutdown_timeout=1.0, **bounds)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            session = aiohttp.ClientSession(f"http://{host}:{port}")
            await stack.enter_async_context(session)
            return Api(
                session,
                gateway,
                direct,
                runner,
                app,
                submissions,
                in_memory,
                organisers,
                machines,
                tokens,
                payments,
                wallets,
                audit,
            )

        yield begin


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """See `starting`; the front ends end with the test."""
    async with starting() as begin:
        yield begin


@pytest.fixture
async def api(start: Start) -> Api:
    """A front end with the default options."""
    return await start()
