"""`turnstile serve`: everything is started, watched and ended here.

The order of a start: lock the data folder, end what a killed server left, bind the HTTP port, check servers
that were given, start ours side by side, migrate, start the front ends, wait until one is ready, print.
Whatever fails on the way ends all that was started. The order of a stop: front ends (they finish what is
under way), then Ray, Valkey and PostgreSQL. A second signal hurries.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import SecretStr

from server.embedded.part import Part
from server.embedded.ports import free_port, is_free
from server.embedded.postgres import Postgres
from server.embedded.ray_head import RayHead
from server.embedded.valkey import Valkey
from server.settings import Settings
from server.supervisor.announce import announcement
from server.supervisor.crew import EARLY_DEATHS_MAX, Crew
from server.supervisor.data_folder import DataFolder, write_private
from server.supervisor.external import check_given_servers
from server.supervisor.failures import StartFailure
from server.supervisor.front_end import FrontEnd
from server.supervisor.leftovers import end_leftovers
from server.supervisor.listening import address_of, bind
from server.supervisor.migrating import migrate
from server.supervisor.progress import Progress
from server.supervisor.reachable import http_status

READY_TIMEOUT_S = 120.0  # the owners' processes start, on a small machine one after the other
READY_PROBE_TIMEOUT_S = 10.0  # a probe waits in the socket's queue until the front end accepts
READY_POLL_S = 0.1
SECOND_SIGNAL_AFTER_S = 1.0


def serve(settings: Settings) -> None:
    """Runs until a signal ends it. Raises StartFailure."""
    data = DataFolder.open(settings.data)
    try:
        end_leftovers(data)  # before the port is bound: front ends that outlived their server hold it
        with bind(settings.host, settings.port) as listener:
            asyncio.run(Server(settings, data, listener).run())
    finally:
        data.close()


@dataclass
class Server:
    """One run of everything."""

    settings: Settings
    data: DataFolder
    listener: socket.socket
    progress: Progress = field(default_factory=Progress)
    endpoints: dict[str, Any] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _stop_asked_s: float = 0.0
    _ready: bool = False

    async def run(self) -> None:
        """Until a signal. Raises StartFailure."""
        self.crew = Crew(self.data, self.progress, self._write_endpoints)
        self._listen_for_signals()
        self.progress.line(f"Starting Turnstile (data in {self.data.path}; logs in logs/)")
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
        finally:
            for task in (starting, stopping):
                task.cancel()
            await asyncio.wait([starting, stopping])
            await self._end_all()

    async def _start(self) -> None:
        """Given servers first: while one of them is wrong nothing of ours has been started."""
        await check_given_servers(self.settings, self.data)
        if self.settings.database_url is not None:
            await self._migrate(self.settings.database_url.get_secret_value())
        self._lay_out()
        await _all_of(self._start_postgres(), self._start_valkey(), self._start_ray())
        with self.progress.step("front end") as details:
            for number in range(1, self.settings.workers + 1):
                await self.crew.add(self._front_end(number))
            await self._until_ready()
            details.append(address_of(self.listener))
        self._ready = True
        self.crew.note()
        print(announcement(self.endpoints), flush=True)

    def _lay_out(self) -> None:
        """What will run, at which addresses; an embedded server only where none was given."""
        given = self.settings
        self.postgres = None if given.database_url else Postgres(self.data)
        self.valkey = None if given.redis_url else Valkey(self.data)
        self.ray = None if given.ray_address else RayHead(self.data, _dashboard_port(given))
        token = given.admin_token.get_secret_value() if given.admin_token else self.data.secret("admin_token")
        self.metrics_folder = self.data.emptied("metrics", "*.db")
        self.endpoints = {
            "http": address_of(self.listener),
            "database_url": self.postgres.url if self.postgres else _open(given.database_url),
            "redis_url": self.valkey.url if self.valkey else _open(given.redis_url),
            "ray_address": self.ray.address if self.ray else given.ray_address,
            "dashboard": self.ray.dashboard_address if self.ray else None,
            "ray_auth_token_path": str(self.ray.token_path) if self.ray else None,
            "ray_environment": self.ray.driver_environment if self.ray else {},
            "admin_token": token,
        }

    async def _start_postgres(self) -> None:
        if self.postgres is not None:
            await self._add("PostgreSQL", self.postgres)
            await self._migrate(self.postgres.url)

    async def _start_valkey(self) -> None:
        if self.valkey is not None:
            await self._add("Valkey", self.valkey)

    async def _start_ray(self) -> None:
        if self.ray is not None:
            # A new cluster knows neither the owners nor the drivers of the old one.
            self.crew.after_restart[self.ray.name] = lambda: self.crew.restart("worker")
            await self._add("Ray", self.ray)

    async def _add(self, title: str, part: Part) -> None:
        with self.progress.step(title) as details:
            await self.crew.add(part)
            details.append(part.describe())

    async def _migrate(self, database_url: str) -> None:
        with self.progress.step("migrations"):
            await migrate(self.data, database_url)

    def _front_end(self, number: int) -> FrontEnd:
        return FrontEnd(
            number, self.listener.fileno(), self._front_end_environment, self.settings.drain_timeout_s
        )

    def _front_end_environment(self) -> dict[str, str]:
        """The settings as resolved here, and what a Ray driver needs."""
        return {
            "TURNSTILE_DATA": str(self.data.path),
            "TURNSTILE_PORT": str(self.listener.getsockname()[1]),
            "TURNSTILE_ADMIN_TOKEN": self.endpoints["admin_token"],
            "DATABASE_URL": self.endpoints["database_url"],
            "REDIS_URL": self.endpoints["redis_url"],
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics_folder),
            "RAY_ADDRESS": self.endpoints["ray_address"],
            **self.endpoints["ray_environment"],
        }

    async def _until_ready(self) -> None:
        ready, end_s = f"{self.endpoints['http']}/readyz", time.monotonic() + READY_TIMEOUT_S
        while (status := await http_status(ready, READY_PROBE_TIMEOUT_S)) != HTTPStatus.OK:
            if self.crew.deaths("worker") >= EARLY_DEATHS_MAX:
                raise StartFailure("the front end ended at its start, again and again: see its output above")
            if time.monotonic() > end_s:
                said = f"/readyz says {status}" if status else "it does not answer"
                raise StartFailure(f"the front end was not ready within {READY_TIMEOUT_S:.0f} s: {said}")
            await asyncio.sleep(READY_POLL_S)

    def _write_endpoints(self) -> None:
        """Where everything is, for `turnstile status`, load tests and benchmarks."""
        if self._ready:
            pids = {"supervisor": os.getpid(), **self.crew.pids()}
            text = json.dumps({**self.endpoints, "pids": pids}, indent=2)
            write_private(self.data.path / "endpoints.json", text + "\n")

    def _listen_for_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        """The same wish may come twice at once: to the whole process group, and passed on by `make`."""
        if self._stop.is_set() and time.monotonic() - self._stop_asked_s > SECOND_SIGNAL_AFTER_S:
            self.crew.hurry.set()
        if not self._stop.is_set():
            self._stop_asked_s = time.monotonic()
            self._stop.set()

    async def _end_all(self) -> None:
        self._ready = False
        (self.data.path / "endpoints.json").unlink(missing_ok=True)
        if self._stop.is_set():
            self.progress.line("Stopping: requests under way may finish; a second signal hurries")
        self.listener.close()
        await self.crew.stop(("worker",))
        await self.crew.stop(("ray",))
        await self.crew.stop(("valkey", "postgres"))
        self.data.forget()
        if self._stop.is_set():
            self.progress.line("Stopped; the data stays")


async def _all_of(*starts: Coroutine[Any, Any, None]) -> None:
    """All at once; the first failure ends the others and is the one that is told."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in starts:
                group.create_task(one)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _dashboard_port(settings: Settings) -> int | None:
    """The port asked for; if nobody asked for one and the usual one is taken, another."""
    if not settings.dashboard:
        return None
    wanted = settings.dashboard_port
    if wanted and is_free(wanted):
        return wanted
    if wanted and "dashboard_port" in settings.model_fields_set:
        raise StartFailure(f"port {wanted} is in use (TURNSTILE_DASHBOARD_PORT)")
    return free_port()


def _open(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
