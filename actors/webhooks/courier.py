"""The courier: sends deliveries that are due, to each endpoint at least once, in order of each reservation.

A delivery is marked when its answer has come; whoever dies before that leaves it to the end of its lease, and
it is sent again, under the same id. The order is the queue's: it gives none away before the one before it, of
the same reservation, has ended.

Endpoints do not wait for one another: each has its own few places, and one that is slow fills those alone.
One that only fails is paused, and the operator resumes it; until then nothing is sent to it, no attempt is
counted, and what happens is kept for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from actors.meter import Meter
from actors.webhooks.config import CourierLimits
from actors.webhooks.reach import NotReached
from domain.endpoints import Delivery, Endpoint, signature
from persistence.store import StoreError

log = logging.getLogger(__name__)
GONE = 410
SPREAD_S = 0.02
"""What ends within so long is followed by one look."""


class DeliveryQueue(Protocol):
    """See `persistence.delivery_queue`."""

    async def endpoints(self) -> list[Endpoint]: ...
    async def take(self, places: Mapping[str, int], lease_ms: int) -> list[Delivery]: ...
    async def delivered(self, delivery: Delivery, answer: int) -> None: ...
    async def failed(
        self,
        delivery: Delivery,
        answer: int | None,
        error: str,
        retry_ms: int | None,
        patience: tuple[int, int],
    ) -> None: ...


class Way(Protocol):
    """See `actors.webhooks.reach`."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int: ...


class Courier:
    """See the module. `key`: what secrets are made of."""

    def __init__(
        self,
        queue: DeliveryQueue,
        way: Way,
        key: bytes,
        now_ms: Callable[[], int],
        meter: Meter,
        limits: CourierLimits | None = None,
    ) -> None:
        self._queue = queue
        self._way = way
        self._key = key
        self._now_ms = now_ms
        self._meter = meter
        self._limits = limits or CourierLimits()
        self._under_way: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """For ever; a store that does not answer is asked again a moment later."""
        limits = self._limits
        while True:
            begun_s = time.perf_counter()
            try:
                await self.step()
            except StoreError as error:
                log.warning("deliveries cannot be taken", extra={"error": repr(error)})
            except Exception:
                log.exception("taking deliveries failed")
            took_s = time.perf_counter() - begun_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(limits.poll_s, took_s * limits.rest_of_look)):
                    await self._ended.wait()
                    await asyncio.sleep(max(SPREAD_S, took_s))
            self._ended.clear()

    async def step(self) -> int:
        """Begin some of what is due; how many."""
        limits = self._limits
        endpoints = {one.id: one for one in await self._queue.endpoints() if one.paused_ms is None}
        places = {id_: limits.under_way_max - self._under_way[id_] for id_ in endpoints}
        places = {id_: free for id_, free in places.items() if free > 0}
        taken = await self._queue.take(places, limits.lease_ms) if places else []
        for delivery in taken:
            self._under_way[delivery.endpoint_id] += 1
            task = asyncio.create_task(self._one(endpoints[delivery.endpoint_id], delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(taken)

    async def settled(self) -> None:
        """What is under way has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _one(self, endpoint: Endpoint, delivery: Delivery) -> None:
        try:
            await self._attempt(endpoint, delivery)
        except StoreError as error:
            log.warning("a delivery cannot be marked", extra={"error": repr(error)})
        except Exception:
            log.exception("a delivery failed", extra={"delivery": delivery.id})
        finally:
            self._under_way[endpoint.id] -= 1
            self._ended.set()

    async def _attempt(self, endpoint: Endpoint, delivery: Delivery) -> None:
        now_ms = self._now_ms()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Turnstile",
            "Webhook-Id": delivery.id,
            "Webhook-Timestamp": str(now_ms // 1000),
            "Webhook-Signature": signature(self._key, endpoint, delivery.id, now_ms, delivery.body),
        }
        try:
            answer = await self._way.post(endpoint.url, headers, delivery.body)
        except NotReached as error:
            await self._failed(delivery, None, str(error))
            return
        if 200 <= answer < 300:
            self._count("delivered")
            self._meter.observe("webhook_waited_ms", self._now_ms() - delivery.created_ms)
            await self._queue.delivered(delivery, answer)
            return
        await self._failed(delivery, answer, f"answered {answer}")

    async def _failed(self, delivery: Delivery, answer: int | None, error: str) -> None:
        limits = self._limits
        last = delivery.attempts >= limits.attempts_max
        retry_ms = min(limits.retry_first_ms * 2 ** (delivery.attempts - 1), limits.retry_max_ms)
        patience = (0, 0) if answer == GONE else (limits.pause_after_failures, limits.pause_after_ms)
        self._count("dead" if last else "put_off")
        await self._queue.failed(delivery, answer, error, None if last else retry_ms, patience)

    def _count(self, outcome: str) -> None:
        self._meter.count("webhooks", labels=(("outcome", outcome),))
