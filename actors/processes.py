"""What lives in each actor's process, and what it needs there: an owner, an expiry timer, or the watchdog
(what tells of news is in `actors.news.process`).

Plain classes: `actors.ray_runtime` makes actors of them and is their `Host`. Each begins to work when it is
made, so that one which is made again after a crash goes on without being told. A front end that comes says
`hello`: what was made for an older one, with other settings or older code, leaves and is made anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import psutil

from actors.config import Deployment
from actors.gateway import Gateway, Transport
from actors.line import Address, Lines
from actors.memory import settle
from actors.meter import Meter
from actors.owner import InventoryOwner
from actors.payment_ports import Provider
from actors.payments import PaymentLimits, PaymentWorker
from actors.stripe_payments import StripePayments
from actors.timers import ExpiryTimer
from actors.watchdog import Health, Watchdog
from persistence.clock import StoreClock
from persistence.directory import PostgresDirectory
from persistence.ledger import PostgresLedger
from persistence.maintenance import Maintenance
from persistence.payments import PostgresPayments
from persistence.postgres import PostgresOwnerStore
from persistence.publisher import Publisher
from persistence.sandbox import Sandbox
from persistence.store import StoreError
from persistence.wallet_provider import WalletProvider

log = logging.getLogger(__name__)
WATCHDOG = "watchdog"
JOURNAL_SIZE_EVERY_S = 60.0
SUBMISSIONS_EVERY_S = 5.0
TIDY_MIN_S = 1.0
START_AGAIN_S = 1.0
MAKING_MAX_S = 60.0
"""An owner that has never told its process, and does not answer for so long, is not just being made."""

Result = TypeVar("Result")
Process = tuple[str, int, float]
"""Node, process id, and when that process was made, for ids are used again."""


class Host(Protocol):
    """What the world around an actor's process does for it."""

    def process(self) -> Process:
        """This one."""

    def address(self) -> str:
        """Where the front ends reach this machine."""

    def end(self) -> None:
        """End this process, soon, for good: whoever needs the name makes a new actor of it."""

    def born(self, owner: str, process: Process) -> None:
        """Tell the watchdog which process an owner is in. Does not wait."""

    def transport(self) -> Transport:
        """The way to the owners."""

    def keep_shown(self, meter: Meter, tags: dict[str, str]) -> Awaitable[None]:
        """For ever hand over what has gathered in the meter."""

    async def owner_names(self) -> list[str]:
        """Of all that live or are being made."""

    async def locate(self, owner: str) -> Health:
        """See `actors.watchdog.Incarnations`."""

    async def kill(self, owner: str, process: Process | None) -> None:
        """End that process, also if it is stopped; without one, whatever has the name now."""


class Actor:
    """One named process; the base of all of them."""

    def __init__(self, name: str, deployment: Deployment, host: Host) -> None:
        self._name = name
        self._deployment = deployment
        self._host = host
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return self._name

    async def hello(self, deployment: Deployment) -> bool:
        """A front end has come that was started with `deployment`. False: this one makes room for another."""
        if not deployment.replaces(self._deployment):
            return True
        self._leave()
        return False

    def _leave(self) -> None:
        self._host.end()

    def _keep(self, *works: Awaitable[None]) -> None:
        self._tasks += [asyncio.ensure_future(work) for work in works]


class OwnerActor(Actor):
    """An InventoryOwner, its store, its clock, and its way to the read copies."""

    def __init__(self, name: str, deployment: Deployment, host: Host) -> None:
        super().__init__(name, deployment, host)
        self._owner: InventoryOwner | None = None
        self._me = psutil.Process()
        self._process = host.process()
        host.born(name, self._process)
        self._starting: asyncio.Task[InventoryOwner] = asyncio.create_task(self._start())
        self._listening = asyncio.create_task(Lines(self._handle).listen(host.address()))

    async def address(self) -> Address:
        """Where this process takes batches."""
        return await asyncio.shield(self._listening)

    async def health(self) -> dict[str, object]:
        """What it is doing. Does not wait for anything."""
        said: dict[str, object] = {
            "name": self._name,
            "pid": os.getpid(),
            "process": self._process,
            "rss_bytes": self._me.memory_info().rss,
        }
        return said | (self._owner.health() if self._owner else {"starting": True})

    async def inventories(self, limit: int) -> list[str]:
        return self._owner.inventories(limit) if self._owner else []

    async def _handle(self, payload: bytes) -> bytes:
        """A gateway's batch."""
        owner = self._owner or await self._started()
        return await owner.handle(payload)

    async def _started(self) -> InventoryOwner:
        if self._starting.done() and self._starting.exception():
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> InventoryOwner:
        deployment = self._deployment
        store = PostgresOwnerStore(deployment.database_url)
        clock = StoreClock(store.now_ms, deployment.clock_skew_max_ms)
        await clock.start()
        meter = Meter()
        publisher = Publisher(deployment.redis_url, deployment.availability_publish_ms)
        owner = InventoryOwner(self._name, store, clock, publisher, meter, self._host.end, deployment.owner)
        self._keep(owner.run(), self._tidy(owner), self._host.keep_shown(meter, {"owner": self._name}))
        self._owner = owner
        settle()
        return owner

    async def _tidy(self, owner: InventoryOwner) -> None:
        while True:
            await asyncio.sleep(max(TIDY_MIN_S, self._deployment.owner.passivate_after_s / 4))
            owner.tidy()

    def _leave(self) -> None:
        if self._owner is None:
            self._host.end()
        else:
            self._owner.leave("a newer front end is here")


class TimerActor(Actor):
    """An ExpiryTimer with a gateway of its own."""

    def __init__(self, part: int, deployment: Deployment, host: Host) -> None:
        super().__init__(timer_name(part), deployment, host)
        self._part = part
        self._meter = Meter()
        self._keep(self._run(), host.keep_shown(self._meter, {"owner": self._name}))

    async def _run(self) -> None:
        deployment, meter = self._deployment, self._meter
        directory = PostgresDirectory(deployment.database_url, connections_max=1)
        clock = StoreClock(directory.now_ms, deployment.clock_skew_max_ms)
        await until_done(clock.start)
        gateway = Gateway(self._host.transport(), directory, clock, deployment.gateway, meter)
        timer = ExpiryTimer(self._part, deployment.timers, directory, gateway, clock, meter)
        if self._part == 0:
            # One process does the housekeeping; which one makes no difference.
            maintenance = Maintenance(deployment.database_url)
            self._keep(
                maintenance.run(clock.now_ms),
                maintenance.keep_filing(clock.now_ms),
                _show_journal(maintenance, meter),
                _show_submissions(maintenance, meter),
            )
        await timer.run()


class PaymentActor(Actor):
    """A PaymentWorker with a gateway, and the providers that it asks. They share nothing but the relation."""

    def __init__(self, part: int, deployment: Deployment, host: Host) -> None:
        super().__init__(payments_name(part), deployment, host)
        self._meter = Meter()
        self._keep(self._run(), host.keep_shown(self._meter, {"owner": self._name}))

    async def _run(self) -> None:
        deployment, meter = self._deployment, self._meter
        url = deployment.database_url
        directory = PostgresDirectory(url, connections_max=1)
        clock = StoreClock(directory.now_ms, deployment.clock_skew_max_ms)
        await until_done(clock.start)
        gateway = Gateway(self._host.transport(), directory, clock, deployment.gateway, meter)
        wallets = WalletProvider(PostgresLedger(url))
        payments = PostgresPayments(url)
        providers: dict[str, Provider] = {"sandbox": Sandbox(url, payments), "wallet": wallets}
        if deployment.stripe is not None:
            providers["stripe"] = StripePayments(deployment.stripe)
        limits = PaymentLimits(begins_late_ms=deployment.gateway.request_deadline_ms + 1_000)
        worker = PaymentWorker(payments, gateway, providers, clock, meter, limits, wallets)
        await worker.run()


class WatchdogActor(Actor):
    """The Watchdog, and which process each owner is in: a process that is stopped can no longer tell."""

    def __init__(self, deployment: Deployment, host: Host) -> None:
        super().__init__(WATCHDOG, deployment, host)
        self._processes: dict[str, Process] = {}
        self._unknown_since_s: dict[str, float] = {}
        self._watchdog = Watchdog(self)
        self._keep(self._ask_all())

    async def born(self, owner: str, process: Process) -> None:
        """A new incarnation of that owner tells its process."""
        self._learn(owner, process)

    async def check(self, owner: str) -> bool:
        return await self._watchdog.check(owner)

    async def locate(self, owner: str) -> Health:
        """See `actors.watchdog.Incarnations`."""
        health = await self._host.locate(owner)

        async def learned() -> dict[str, object]:
            said = await health()
            match said.get("process"):
                case (str() as node, int() as pid, float() as made_at):
                    self._learn(owner, (node, pid, made_at))
            return said

        return learned

    async def end(self, owner: str) -> None:
        """See `actors.watchdog.Incarnations`. One that is only being made is left alone."""
        process = self._processes.get(owner)
        if process is None:
            since_s = self._unknown_since_s.setdefault(owner, time.monotonic())
            if time.monotonic() - since_s < MAKING_MAX_S:
                return
            del self._unknown_since_s[owner]
        await self._host.kill(owner, process)

    def _learn(self, owner: str, process: Process) -> None:
        self._processes[owner] = process
        self._unknown_since_s.pop(owner, None)

    async def _ask_all(self) -> None:
        """A watchdog that was made again has to find out what the one before it was told."""
        await asyncio.gather(*(self._watchdog.check(name) for name in await self._host.owner_names()))


def timer_name(part: int) -> str:
    return f"timer:{part}"


def payments_name(part: int) -> str:
    return f"payments:{part}"


async def until_done(start: Callable[[], Awaitable[Result]]) -> Result:
    """Its result, once the store answers."""
    while True:
        try:
            return await start()
        except StoreError as error:
            log.warning("the store does not answer yet", extra={"error": repr(error)})
            await asyncio.sleep(START_AGAIN_S)


async def _show_journal(maintenance: Maintenance, meter: Meter) -> None:
    """How large the journal is, part by part."""
    while True:
        try:
            for partition in await maintenance.partitions():
                meter.show("journal_bytes", partition.size_bytes, (("partition", partition.name),))
        except StoreError as error:
            log.warning("the journal's size cannot be had", extra={"error": repr(error)})
        await asyncio.sleep(JOURNAL_SIZE_EVERY_S)


async def _show_submissions(maintenance: Maintenance, meter: Meter) -> None:
    """How many are pending, and since when."""
    while True:
        try:
            pending, oldest_ms = await maintenance.pending_submissions()
            meter.show("submissions_pending", pending)
            meter.show("submissions_oldest_pending_ms", oldest_ms)
        except StoreError as error:
            log.warning("pending submissions cannot be counted", extra={"error": repr(error)})
        await asyncio.sleep(SUBMISSIONS_EVERY_S)
