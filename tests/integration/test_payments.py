"""Payments on the real server, while owners, payment actors and front ends are killed: what was taken is the
price of what is confirmed, what the event keeps of what its holder cancelled, and what went back; and every
payment comes to an end. `make payments-1000` prints what has become of a thousand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from random import Random
from typing import Any

import aiohttp

from loadtest.faults.processes import actors, target
from tests.integration.test_sessions import Community, audited, community
from tests.served import Served

__all__ = ["community"]
PAYMENTS = int(os.environ.get("PAYMENTS", "40"))
KILLS = 6 if PAYMENTS <= 40 else 30
TOGETHER = 32
PRICE = 4500
KEEPS_PERCENT = 20
CANCELS_EVERY = 5
"""So many of those who have paid change their mind."""
ENDED_TIMEOUT_S = 120.0 + PAYMENTS / 2
POLL_S = 0.2
METHODS = ("success", "success", "success", "declined", "lost_answer", "delayed", "needs_action", "wallet")


class Payer:
    """One who holds a ticket and pays for it; whatever is lost is asked again, under its key."""

    def __init__(self, community: Community, number: int) -> None:
        self._community = community
        self._number = number
        self._rng = Random(number)
        self.method = METHODS[number % len(METHODS)]
        self.ended: dict[str, Any] = {}
        self.reservation = ""
        self.cancelled = False
        self.token: dict[str, str] = {}

    async def run(self) -> None:
        status, held = await self._said(
            f"/api/v1/events/{self._community.event_id}/reservations",
            {
                "lines": [{"ticket_type": "place", "quantity": 1 + self._number % 3}],
                "customer": {"name": "Ada", "email": f"p{self._number}@example.org"},
            },
            {"Idempotency-Key": f"hold-{self._community.event_id}-{self._number}"},
        )
        assert status == 201, held
        self.reservation = f"/api/v1/reservations/{held['id']}"
        self.token = {"Reservation-Token": held["token"]}
        wallet = self.method == "wallet"
        body = {"provider": "wallet", "method": f"w{self._number}"} if wallet else {"provider": "sandbox"}
        who = self._community.operator if wallet else self.token
        if wallet:
            await self._fill(f"w{self._number}")
        else:
            body["method"] = self.method
        status, begun = await self._said(
            f"{self.reservation}/payments", body, who | {"Idempotency-Key": "pay"}
        )
        assert status == 202, begun
        self.ended = await self._followed(f"/api/v1/payments/{begun['id']}")
        if self.ended["status"] == "captured" and self._number % CANCELS_EVERY == 0:
            status, gone = await self._said(f"{self.reservation}/cancel", None, self.token)
            assert (status, gone["status"]) == (200, "cancelled")
            self.cancelled = True

    async def _fill(self, name: str) -> None:
        """Half of them have enough."""
        amount = 3 * PRICE if self._rng.random() < 0.5 else 1
        body = {"amount": {"amount": amount, "currency": "EUR"}, "direction": "in", "reason": "a gift"}
        key = {"Idempotency-Key": f"fill-{self._community.event_id}"}
        status, said = await self._said(
            f"/api/v1/wallets/{name}/adjustments", body, self._community.operator | key
        )
        assert status == 201, said

    async def _followed(self, path: str) -> dict[str, Any]:
        while True:
            try:
                async with self._community._http.get(path, headers=self.token) as reply:
                    said: dict[str, Any] = await reply.json()
                    assert reply.status in (200, 503), said
                    if reply.status == 200 and said["status"] not in ("pending", "needs_action"):
                        return said
            except aiohttp.ClientConnectionError:
                pass  # no front end, for now
            await asyncio.sleep(POLL_S)

    async def _said(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        while True:
            try:
                status, said = await self._community.post(path, body, headers)
            except aiohttp.ClientConnectionError:
                status, said = 503, {}
            if status != 503:
                return status, said
            await asyncio.sleep(POLL_S)


async def _kill(server: Served, community: Community, kills: Counter[str]) -> None:
    """A payment actor, the event's owner or a front end, one after the other."""
    rng = Random(7)
    for number in range(KILLS):
        await asyncio.sleep(rng.uniform(0.5, 2.5))
        match number % 3:
            case 0:
                for one in actors("PaymentActor", server.process.pid)[-1:]:
                    one.send(signal.SIGKILL)
                    kills["payment actor"] += 1
            case 1:
                try:
                    (await community.owner(server)).send(signal.SIGKILL)
                except (aiohttp.ClientConnectionError, StopIteration, KeyError):
                    continue
                kills["owner"] += 1
            case _:
                pid = server.endpoints["pids"]["worker-1"]
                target("front end", pid, server.process.pid).send(signal.SIGKILL)
                kills["front end"] += 1


async def test_payments_come_to_their_end_whoever_is_killed_and_no_money_is_lost_or_doubled(
    running_server: Served, community: Community
) -> None:
    ticket = {
        "code": "place",
        "name": "Place",
        "quota": 3 * PAYMENTS,
        "price": {"amount": PRICE, "currency": "EUR"},
    }
    await community.open(
        3 * PAYMENTS,
        placement="dedicated",
        payment="required",
        one_per_customer=False,
        listed="always",
        ticket_types=[ticket],
        hold_duration_s=3_600,
        cancel_keeps_percent=KEEPS_PERCENT,
    )
    payers = [Payer(community, number) for number in range(PAYMENTS)]
    room = asyncio.Semaphore(TOGETHER)

    async def pays(payer: Payer) -> None:
        async with room:
            await payer.run()

    kills: Counter[str] = Counter()
    begun_s = time.monotonic()
    killing = asyncio.create_task(_kill(running_server, community, kills))
    acting = asyncio.create_task(_act(community))
    async with asyncio.timeout(ENDED_TIMEOUT_S):
        await asyncio.gather(*(pays(payer) for payer in payers), killing)
    acting.cancel()
    said = Counter((payer.method, payer.ended["status"]) for payer in payers)
    each = PAYMENTS // len(METHODS)
    for method in ("success", "lost_answer", "delayed"):
        assert said[method, "captured"] >= each
    assert said["declined", "failed"] == each
    assert {status for method, status in said if method == "wallet"} <= {"captured", "failed"}

    await _quiet(community, Counter(payer.cancelled for payer in payers)[True])
    await audited(running_server, community.event_id)
    print(f"\n{PAYMENTS} payments in {time.monotonic() - begun_s:.0f} s; killed: {dict(kills)}")
    print("\n".join(f"{method:12} {status:9} {count}" for (method, status), count in sorted(said.items())))

    async with asyncio.timeout(ENDED_TIMEOUT_S):
        states = await _cancelled(community)
    print(f"after the event was cancelled: {dict(states)}")
    await audited(running_server, community.event_id)


async def _act(community: Community) -> None:
    """What buyers do who have something to do: half of them say yes."""
    rng = Random(3)
    while True:
        await asyncio.sleep(POLL_S)
        try:
            waiting = await community.get("/payments?status=needs_action")
            for one in waiting["items"]:
                body = {"approve": rng.random() < 0.5}
                await community.post(f"/api/v1/sandbox/{one['id']}", body, community.operator)
        except (aiohttp.ClientConnectionError, KeyError):
            continue


async def _quiet(community: Community, cancelled: int) -> None:
    """Until what was cancelled has gone back."""
    async with asyncio.timeout(ENDED_TIMEOUT_S):
        while len(await _of(community, "partly_refunded")) < cancelled:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def _of(community: Community, status: str = "") -> list[dict[str, Any]]:
    """The event's payments, of that status or of all."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        more = f"&status={status}" * bool(status) + f"&cursor={cursor}" * bool(cursor)
        try:
            listed = await community.get(f"/payments?limit=200{more}")
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(POLL_S)
            continue
        found += listed.get("items", [])
        cursor = listed.get("next") or ""
        if not cursor:
            return found


async def _cancelled(community: Community) -> Counter[str]:
    """The whole event: all that was captured goes back by itself, but for what was kept before."""
    while (await community.say("cancel"))[0] != 200:  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)
    while True:
        states = Counter(one["status"] for one in await _of(community))
        if set(states) <= {"failed", "refunded", "partly_refunded"}:
            return states
        await asyncio.sleep(POLL_S)
