"""The only file that knows Ray: makes actors of plain classes, finds them by name, calls and ends them.

Every Ray error means "outcome unknown" here and becomes `CallFailed`. Ray itself never tries a call again
(`max_task_retries=0`): that is the gateway's business, with the same request id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import Any

import psutil
import ray
from ray.util import metrics

from actors.config import Deployment
from actors.gateway import CREATOR, Gateway
from actors.memory import settle
from actors.meter import Labels, Meter
from actors.owner import InventoryOwner
from actors.timers import ExpiryTimer
from actors.watchdog import Watchdog
from actors.wire import CallFailed
from persistence.availability import Publisher
from persistence.clock import StoreClock
from persistence.directory import PostgresDirectory
from persistence.maintenance import Maintenance
from persistence.postgres import PostgresOwnerStore
from persistence.store import StoreError

log = logging.getLogger(__name__)
WATCHDOG = "watchdog"
OWNER_PREFIXES = ("event:", "pool:")
CALLS_MAX_PER_ACTOR = 1_000
HEALTH_TIMEOUT_S = 1.0
FLUSH_S = 1.0
JOURNAL_SIZE_EVERY_S = 60.0
TIDY_MIN_S = 1.0
LEAVE_GRACE_S = 0.2
"""Between an owner's last answer and its end, so that Ray has sent the answer."""


def connect(deployment: Deployment) -> None:
    """Join the cluster as a driver. Raises ConnectionError if there is none."""
    ray.init(
        address=deployment.ray_address,
        namespace=deployment.namespace,
        configure_logging=False,
        log_to_driver=False,
        include_dashboard=False,
    )


def disconnect() -> None:
    ray.shutdown()


# --- the actors -----------------------------------------------------------------------------------


class OwnerActor:
    """An InventoryOwner and what it needs, in a process of their own."""

    def __init__(self, name: str, deployment: Deployment) -> None:
        self._name = name
        self._deployment = deployment
        self._owner: InventoryOwner | None = None
        self._starting: asyncio.Task[InventoryOwner] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._process = psutil.Process()

    def __repr__(self) -> str:
        return self._name

    async def handle(self, payload: bytes) -> bytes:
        """A gateway's batch."""
        owner = self._owner or await self._started()
        return await owner.handle(payload)

    async def hello(self, version: tuple[int, ...]) -> None:
        """A front end of that version has come: older code makes room."""
        if version > self._deployment.version:
            (await self._started()).leave("newer code is here")

    async def health(self) -> dict[str, object]:
        """What it is doing. Does not wait for anything."""
        said: dict[str, object] = {
            "name": self._name,
            "pid": os.getpid(),
            "rss_bytes": self._process.memory_info().rss,
        }
        return said | (self._owner.health() if self._owner else {"starting": True})

    async def inventories(self, limit: int) -> list[str]:
        return self._owner.inventories(limit) if self._owner else []

    async def _started(self) -> InventoryOwner:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        try:
            return await asyncio.shield(self._starting)
        except Exception:
            self._starting = None
            raise

    async def _start(self) -> InventoryOwner:
        deployment = self._deployment
        process = (ray.get_runtime_context().get_node_id(), self._process.pid, self._process.create_time())
        _watchdog_handle(deployment).born.remote(self._name, process)
        store = PostgresOwnerStore(deployment.database_url)
        clock = StoreClock(store.now_ms, deployment.clock_skew_max_ms)
        await clock.start()
        meter = Meter()
        publisher = Publisher(deployment.redis_url, deployment.availability_publish_ms)
        owner = InventoryOwner(self._name, store, clock, publisher, meter, self._end, deployment.owner)
        self._tasks = [
            asyncio.create_task(owner.run()),
            asyncio.create_task(_flush(meter, {"owner": self._name})),
            asyncio.create_task(self._tidy(owner)),
        ]
        self._owner = owner
        settle()
        return owner

    async def _tidy(self, owner: InventoryOwner) -> None:
        while True:
            await asyncio.sleep(max(TIDY_MIN_S, self._deployment.owner.passivate_after_s / 4))
            owner.tidy()

    def _end(self) -> None:
        myself = ray.get_runtime_context().current_actor
        # Killed without restart the name becomes free, and the next call makes a new one.
        asyncio.get_running_loop().call_later(LEAVE_GRACE_S, lambda: ray.kill(myself, no_restart=True))


class TimerActor:
    """An ExpiryTimer with a gateway of its own."""

    def __init__(self, part: int, deployment: Deployment) -> None:
        self._part = part
        self._deployment = deployment
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"timer:{self._part}"

    async def start(self) -> None:
        """Begin, if it has not begun. Called by whoever finds the timer, so that a restarted one goes on."""
        if self._tasks:
            return
        deployment, meter = self._deployment, Meter()
        directory = PostgresDirectory(deployment.database_url, connections_max=1)
        clock = StoreClock(directory.now_ms, deployment.clock_skew_max_ms)
        gateway = Gateway(RayTransport(deployment), directory, clock, deployment.gateway, meter)
        timer = ExpiryTimer(self._part, deployment.timers, directory, gateway, clock, meter)
        self._tasks = [
            asyncio.create_task(self._run(clock, timer, meter)),
            asyncio.create_task(_flush(meter, {"owner": repr(self)})),
        ]

    async def _run(self, clock: StoreClock, timer: ExpiryTimer, meter: Meter) -> None:
        await clock.start()
        if self._part == 0:
            # One process does the housekeeping; which one makes no difference.
            maintenance = Maintenance(self._deployment.database_url)
            self._tasks.append(asyncio.create_task(maintenance.run(clock.now_ms)))
            self._tasks.append(asyncio.create_task(_show_journal(maintenance, meter)))
        await timer.run()


class WatchdogActor:
    """The Watchdog, in a process of its own."""

    def __init__(self, deployment: Deployment) -> None:
        self._incarnations = _RayIncarnations(deployment)
        self._watchdog = Watchdog(self._incarnations)

    def __repr__(self) -> str:
        return WATCHDOG

    async def born(self, owner: str, process: tuple[str, int, float]) -> None:
        """A new incarnation tells its process (node, pid, create time): once stopped, it cannot any more."""
        self._incarnations.processes[owner] = process

    async def check(self, owner: str) -> bool:
        return await self._watchdog.check(owner)


class _RayIncarnations:
    """The owners as Ray and this node's processes show them."""

    def __init__(self, deployment: Deployment) -> None:
        self._namespace = deployment.namespace
        self.processes: dict[str, tuple[str, int, float]] = {}

    async def health(self, owner: str) -> dict[str, object]:
        try:
            handle: Any = ray.get_actor(owner, namespace=self._namespace)
            said: dict[str, object] = await handle.health.remote()
        except (ray.exceptions.RayError, ValueError) as error:
            raise LookupError(f"{owner}: {type(error).__name__}") from error
        return said

    async def end(self, owner: str) -> None:
        """By signal where it is near, for Ray takes seven seconds to end a stopped process; else by Ray.

        One that has not said that it is born, or whose process has ended, is being made: it is left alone.
        """
        node, pid, create_time = self.processes.get(owner, ("", 0, 0.0))
        if not node:
            return
        if node == ray.get_runtime_context().get_node_id():
            _end_process(pid, create_time)
            return
        handle: Any = ray.get_actor(owner, namespace=self._namespace)
        await asyncio.to_thread(ray.kill, handle, no_restart=False)


def _end_process(pid: int, create_time: float) -> None:
    """SIGKILL, unless the id has gone to another process meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.create_time() == create_time:
            process.send_signal(signal.SIGKILL)


def _actor(plain: type, **options: Any) -> Any:
    remote: Any = ray.remote(plain)
    return remote.options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=CALLS_MAX_PER_ACTOR,
        lifetime="detached",
        get_if_exists=True,
        **options,
    )


def _owner_handle(deployment: Deployment, name: str) -> Any:
    actor = _actor(OwnerActor, name=name, namespace=deployment.namespace)
    return actor.remote(name, deployment)


def _watchdog_handle(deployment: Deployment) -> Any:
    return _actor(WatchdogActor, name=WATCHDOG, namespace=deployment.namespace).remote(deployment)


def deploy(deployment: Deployment) -> None:
    """See to it that the watchdog, the timers and the first owner live. Safe to repeat."""
    _watchdog_handle(deployment)
    timers = [
        _actor(TimerActor, name=f"timer:{part}", namespace=deployment.namespace).remote(part, deployment)
        for part in range(deployment.timers)
    ]
    ray.get([timer.start.remote() for timer in timers])
    _owner_handle(deployment, CREATOR).hello.remote(deployment.version)


# --- calling them ---------------------------------------------------------------------------------


class RayTransport:
    """Calls owners by name; makes the one that is called for the first time."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._handles: dict[str, Any] = {}

    async def call(self, owner: str, payload: bytes) -> bytes:
        try:
            handle = self._handles.get(owner) or await self._find(owner)
            answer: bytes = await handle.handle.remote(payload)
        except ray.exceptions.RayError as error:
            self._handles.pop(owner, None)
            raise CallFailed(f"{owner}: {type(error).__name__}") from error
        return answer

    async def check(self, owner: str) -> None:
        try:
            watchdog = await asyncio.to_thread(_watchdog_handle, self._deployment)
            await watchdog.check.remote(owner)
        except (ray.exceptions.RayError, ValueError) as error:
            log.warning("watchdog cannot be asked", extra={"error": repr(error)})

    async def owners(self) -> list[dict[str, object]]:
        names = await asyncio.to_thread(ray.util.list_named_actors)
        names = sorted(name for name in names if name.startswith(OWNER_PREFIXES))
        return list(await asyncio.gather(*(self._ask(name) for name in names)))

    async def _find(self, owner: str) -> Any:
        handle = await asyncio.to_thread(_owner_handle, self._deployment, owner)
        handle.hello.remote(self._deployment.version)
        self._handles[owner] = handle
        return handle

    async def _ask(self, name: str) -> dict[str, object]:
        try:
            handle: Any = ray.get_actor(name, namespace=self._deployment.namespace)
            said: dict[str, object] = await asyncio.wait_for(handle.health.remote(), HEALTH_TIMEOUT_S)
            said["owns"] = await asyncio.wait_for(handle.inventories.remote(100), HEALTH_TIMEOUT_S)
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            return {"name": name, "last_error": f"does not respond: {type(error).__name__}"}
        return said


# --- figures --------------------------------------------------------------------------------------

_HISTOGRAM_BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]


async def _show_journal(maintenance: Maintenance, meter: Meter) -> None:
    """How large the journal is, part by part."""
    while True:
        try:
            for partition in await maintenance.partitions():
                meter.show("journal_bytes", partition.size_bytes, (("partition", partition.name),))
        except StoreError as error:
            log.warning("the journal's size cannot be had", extra={"error": repr(error)})
        await asyncio.sleep(JOURNAL_SIZE_EVERY_S)


async def _flush(meter: Meter, tags: dict[str, str]) -> None:
    """Hand what has gathered to Ray's metrics, once a second; an idle owner hands over nothing."""
    shown: dict[str, Any] = {}

    def series(kind: Any, name: str, labels: Labels, **options: Any) -> Any:
        if name not in shown:
            keys = tuple(dict(labels)) + tuple(tags)
            shown[name] = kind(
                f"turnstile_{name}", description=name.replace("_", " "), tag_keys=keys, **options
            )
        return shown[name]

    while True:
        await asyncio.sleep(FLUSH_S)
        counters, gauges, observations = meter.drain()
        for (name, labels), amount in counters.items():
            series(metrics.Counter, name, labels).inc(amount, tags | dict(labels))
        for (name, labels), value in gauges.items():
            series(metrics.Gauge, name, labels).set(value, tags | dict(labels))
        for name, values in observations.items():
            histogram = series(metrics.Histogram, name, (), boundaries=_HISTOGRAM_BOUNDS)
            for value in values:
                histogram.observe(value, tags)
