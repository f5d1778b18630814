"""The only file that knows Ray: makes actors of plain classes, finds them by name, calls and ends them.

What owners are asked goes by `actors.line`; Ray is asked who and where they are. Every Ray error means
"outcome unknown" here and becomes `CallFailed`. Ray itself never tries a call again: that is the gateway's
business, with the same request id. (Each method has `max_task_retries=0`. The actors themselves have -1,
which for such methods only means that a call made while an actor is restarted waits for it; with 0 Ray
refuses it, and says so a second later.)
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import signal
import time
from collections.abc import Awaitable
from textwrap import shorten
from typing import Any

import psutil
import ray
from ray.util import metrics

from actors.config import Deployment
from actors.gateway import CREATOR
from actors.line import Address, Line, open_line
from actors.meter import Labels, Meter
from actors.news.process import NewsActor, news_name
from actors.processes import (
    WATCHDOG,
    OwnerActor,
    PaymentActor,
    Process,
    TimerActor,
    WatchdogActor,
    payments_name,
    timer_name,
)
from actors.watchdog import Health
from actors.wire import CallFailed

log = logging.getLogger(__name__)
OWNER_PREFIXES = ("event:", "pool:")
CALLS_MAX_PER_ACTOR = 1_000
HEALTH_TIMEOUT_S = 1.0
FLUSH_S = 1.0
LEAVE_MAX_S = 2.0
LEAVE_GRACE_S = 0.2
"""Between an actor's last answer and its end, so that Ray has sent the answer."""
PLACED_BY_BYTES = 2**20
"""Of memory, that an actor asks for. Ray picks the node of one that asks for nothing by lot, and so little is
left on every node that can still make a process."""
REASON_MAX_CHARS = 300
DEPLOY_MAX_S = 30.0
FIND_MAX_S = 20.0
"""To make an owner, or wait until it is made again, and have a line to it."""


def connect(address: str, namespace: str | None = None) -> None:
    """Join the cluster as a driver. Raises ConnectionError, which says in one line why that cannot be: nobody
    is there, it wants a token that we lack, its versions are others."""
    try:
        ray.init(
            address=address,
            namespace=namespace,
            configure_logging=False,
            log_to_driver=False,
            include_dashboard=False,
        )
    except (RuntimeError, OSError, ray.exceptions.RayError) as error:
        raise ConnectionError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """The innermost one's words; Ray quotes a traceback, of which the last line says it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return shorten(lines[-1] if "Traceback" in str(error) else " ".join(lines), REASON_MAX_CHARS)


def disconnect() -> None:
    ray.shutdown()


# --- the world around an actor's process -----------------------------------------------------------


class RayHost:
    """A `Host`. Made by whoever makes the actor, and sent to it."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def process(self) -> Process:
        me = psutil.Process()
        return ray.get_runtime_context().get_node_id(), me.pid, me.create_time()

    def address(self) -> str:
        node: Any = ray.util
        return str(node.get_node_ip_address())

    def end(self) -> None:
        loop = asyncio.get_running_loop()
        # Killed without restart the name becomes free, and the next call makes a new one. Where Ray cannot
        # do that, the process ends all the same; the one Ray then makes claims nothing until it is asked.
        loop.call_later(LEAVE_GRACE_S, _kill_this_actor)
        loop.call_later(LEAVE_MAX_S, os._exit, 1)

    def born(self, owner: str, process: Process) -> None:
        _watchdog_handle(self._deployment).born.remote(owner, process)

    def transport(self) -> RayTransport:
        return RayTransport(self._deployment)

    def keep_shown(self, meter: Meter, tags: dict[str, str]) -> Awaitable[None]:
        return _flush(meter, tags)

    async def owner_names(self) -> list[str]:
        try:
            names = await asyncio.to_thread(ray.util.list_named_actors)
        except ray.exceptions.RayError as error:
            log.warning("the owners cannot be listed", extra={"error": repr(error)})
            return []
        return sorted(name for name in names if name.startswith(OWNER_PREFIXES))

    async def locate(self, owner: str) -> Health:
        try:
            handle: Any = await asyncio.to_thread(self._named, owner)
        except (ray.exceptions.RayError, ValueError) as error:
            raise LookupError(f"{owner}: {type(error).__name__}") from error

        async def health() -> dict[str, object]:
            try:
                said: dict[str, object] = await handle.health.remote()
            except (ray.exceptions.RayError, ValueError) as error:
                raise LookupError(f"{owner}: {type(error).__name__}") from error
            return said

        return health

    async def kill(self, owner: str, process: Process | None) -> None:
        """By signal where it is near, for Ray takes seven seconds to end a stopped process; else by Ray."""
        if process is not None and process[0] == ray.get_runtime_context().get_node_id():
            _end_process(process[1], process[2])
            return
        with contextlib.suppress(ray.exceptions.RayError, ValueError):
            handle: Any = await asyncio.to_thread(self._named, owner)
            await asyncio.to_thread(ray.kill, handle, no_restart=False)

    def _named(self, owner: str) -> Any:
        return ray.get_actor(owner, namespace=self._deployment.namespace)


def _kill_this_actor() -> None:
    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def _end_process(pid: int, create_time: float) -> None:
    """SIGKILL, unless the id has gone to another process meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.create_time() == create_time:
            process.send_signal(signal.SIGKILL)


# --- making them ----------------------------------------------------------------------------------


for _plain in (OwnerActor, TimerActor, PaymentActor, WatchdogActor, NewsActor):
    for _, _method in inspect.getmembers(_plain, inspect.iscoroutinefunction):
        ray.method(max_task_retries=0)(_method)


def _actor(plain: type, name: str, deployment: Deployment, *mine: Any) -> Any:
    """A handle of the actor with that name, made if there is none. `mine`: its first arguments."""
    remote: Any = ray.remote(plain)
    actor = remote.options(
        name=name,
        namespace=deployment.namespace,
        num_cpus=0,
        memory=PLACED_BY_BYTES,
        scheduling_strategy="SPREAD",
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=CALLS_MAX_PER_ACTOR,
        lifetime="detached",
        get_if_exists=True,
    )
    return actor.remote(*mine, deployment, RayHost(deployment))


def _owner_handle(deployment: Deployment, name: str) -> Any:
    return _actor(OwnerActor, name, deployment, name)


def _watchdog_handle(deployment: Deployment) -> Any:
    return _actor(WatchdogActor, WATCHDOG, deployment)


def deploy(deployment: Deployment) -> None:
    """See to it that the watchdog, the timers, the news actors and the first owner live, made for this
    deployment or a newer one. Safe to repeat; bounded in time.
    """
    wanted: list[tuple[type, str, tuple[Any, ...]]] = [
        (WatchdogActor, WATCHDOG, ()),
        *((TimerActor, timer_name(part), (part,)) for part in range(deployment.timers)),
        *((NewsActor, news_name(part), (part,)) for part in range(deployment.news_actors)),
        *((PaymentActor, payments_name(part), (part,)) for part in range(deployment.payment_actors)),
        (OwnerActor, CREATOR, (CREATOR,)),
    ]
    give_up_s = time.monotonic() + DEPLOY_MAX_S
    while wanted and time.monotonic() < give_up_s:
        asked = [
            _actor(kind, name, deployment, *mine).hello.remote(deployment) for kind, name, mine in wanted
        ]
        ray.wait(asked, num_returns=len(asked), timeout=DEPLOY_MAX_S)
        wanted = [one for one, stays in zip(wanted, asked, strict=True) if not _says_yes(stays)]
        if wanted:
            time.sleep(LEAVE_GRACE_S)
    if wanted:
        # The others work, and the watchdog looks after owners: no reason not to serve.
        log.error("actors do not answer", extra={"actors": [name for _, name, _ in wanted]})


def _says_yes(answer: Any) -> bool:
    try:
        return bool(ray.get(answer, timeout=0))
    except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
        return False


# --- calling them ---------------------------------------------------------------------------------


class RayTransport:
    """Calls owners by name; makes the one that is called for the first time."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._lines: dict[str, Line] = {}
        self._opening: dict[str, asyncio.Task[Line]] = {}

    async def call(self, owner: str, payload: bytes) -> bytes:
        line = self._lines.get(owner)
        if line is None or line.lost:
            line = await self._opened(owner)
        return await line.call(payload)

    async def _opened(self, owner: str) -> Line:
        """A line to the owner that has the name now. Whoever wants the same one meanwhile shares it."""
        opening = self._opening.get(owner)
        if opening is None:
            opening = self._opening[owner] = asyncio.create_task(self._open(owner))
            opening.add_done_callback(lambda opened: self._tried(owner, opened))
        try:
            return await asyncio.shield(opening)
        except (ray.exceptions.RayError, ValueError, OSError) as error:
            # ValueError: Ray found the name taken, and then the actor gone. TimeoutError is an OSError.
            raise CallFailed(f"{owner}: {type(error).__name__}") from error

    async def _open(self, owner: str) -> Line:
        self._lines.pop(owner, None)
        async with asyncio.timeout(FIND_MAX_S):
            handle = await asyncio.to_thread(_owner_handle, self._deployment, owner)
            handle.hello.remote(self._deployment)
            address: Address = await handle.address.remote()
            line = self._lines[owner] = await open_line(address)
        return line

    def _tried(self, owner: str, opened: asyncio.Task[Line]) -> None:
        del self._opening[owner]
        if not opened.cancelled():
            opened.exception()  # who waited has heard of it, if anybody still did

    async def check(self, owner: str) -> None:
        try:
            watchdog = await asyncio.to_thread(_watchdog_handle, self._deployment)
            await watchdog.check.remote(owner)
        except (ray.exceptions.RayError, ValueError) as error:
            log.warning("watchdog cannot be asked", extra={"error": repr(error)})

    async def reachable(self) -> None:
        try:
            await asyncio.to_thread(ray.util.list_named_actors)
        except (ray.exceptions.RayError, OSError, RuntimeError) as error:
            raise CallFailed(f"Ray: {type(error).__name__}") from error

    async def owners(self) -> list[dict[str, object]]:
        names = await RayHost(self._deployment).owner_names()
        return list(await asyncio.gather(*(self._ask(name) for name in names)))

    async def _ask(self, name: str) -> dict[str, object]:
        try:
            handle: Any = await asyncio.to_thread(ray.get_actor, name, namespace=self._deployment.namespace)
            said: dict[str, object] = await asyncio.wait_for(handle.health.remote(), HEALTH_TIMEOUT_S)
            said["owns"] = await asyncio.wait_for(handle.inventories.remote(100), HEALTH_TIMEOUT_S)
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            return {"name": name, "last_error": f"does not respond: {type(error).__name__}"}
        return said


# --- figures --------------------------------------------------------------------------------------

_HISTOGRAM_BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]


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
