"""Payments on the real server, while owners, payment actors and front ends are killed: what was taken is the
price of what is confirmed, what the event keeps of what its holder cancelled, and what went back; and every
payment comes to an end. What is bought together at two events is bought, or not, at both; what is withdrawn
of wallets is paid out, or in them again. `make payments-1000` prints what has become of a thousand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

import aiohttp

from loadtest.faults.processes import actors, target
from tests.e2e.people import new_address, signed_up
from tests.e2e.talk import Talk
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
METHODS = ("success", "together", "success", "declined", "lost_answer", "delayed", "needs_action", "wallet")
TOGETHER_BY = ("success", "declined", "lost_answer", "delayed")
"""How what is held at both events is paid for, one after the other."""
CHARGES = ("success", "lost_answer", "delayed")
"""How wallets are charged."""
WITHDRAWN = 700
WITHDRAWALS = ("success", "declined", "lost_answer", "delayed", "error")
"""What becomes of them at the sandbox, one after the other."""


class Payer:
    """One who holds a ticket and pays for it; whatever is lost is asked again, under its key."""

    def __init__(self, community: Community, number: int, other: Community, buyer: dict[str, str]) -> None:
        """`other`: an event of another owner; `buyer`: what opens an account."""
        self._community = community
        self._number = number
        self._other = other
        self._buyer = buyer
        self._rng = Random(number)
        self.method = METHODS[number % len(METHODS)]
        self.ended: dict[str, Any] = {}
        self.charge = CHARGES[number // len(METHODS) % len(CHARGES)]
        self.charged: dict[str, Any] = {}
        self.withdrawal = WITHDRAWALS[number // len(METHODS) % len(WITHDRAWALS)]
        self.withdrawn: dict[str, Any] = {}
        self.reservation = ""
        self.cancelled = False
        self.token: dict[str, str] = {}

    async def run(self) -> None:
        held = await self._held(self._community)
        self.reservation = f"/api/v1/reservations/{held['id']}"
        self.token = {"Reservation-Token": held["token"]}
        if self.method == "wallet":
            await self._from_wallet(f"w{self._number}")
        elif self.method == "together":
            await self._together((held, await self._held(self._other)))
        else:
            await self._pays({"provider": "sandbox", "method": self.method}, self.token)
        if self.ended["status"] == "captured" and self._number % CANCELS_EVERY == 0:
            status, gone = await self._said(f"{self.reservation}/cancel", None, self.token)
            assert (status, gone["status"]) == (200, "cancelled")
            self.cancelled = True

    async def _held(self, community: Community) -> dict[str, Any]:
        """By who is signed in, who buys together; else by a guest."""
        body: dict[str, Any] = {"lines": [{"ticket_type": "place", "quantity": 1 + self._number % 3}]}
        key = {"Idempotency-Key": f"hold-{community.event_id}-{self._number}"}
        if self.method == "together":
            key |= self._buyer
        else:
            body["customer"] = {"name": "Ada", "email": f"p{self._number}@example.org"}
        status, held = await self._said(f"/api/v1/events/{community.event_id}/reservations", body, key)
        assert status == 201, held
        return held

    async def _together(self, held: Sequence[dict[str, Any]]) -> None:
        """In one payment; what was not bought is let go."""
        method = TOGETHER_BY[self._number // len(METHODS) % len(TOGETHER_BY)]
        body = {"provider": "sandbox", "method": method, "reservations": [one["id"] for one in held]}
        key = {"Idempotency-Key": f"buy-{self._community.event_id}-{self._number}"}
        status, begun = await self._said("/api/v1/accounts/me/payments", body, self._buyer | key)
        assert status == 202, begun
        self.ended = await self._followed(begun["id"], self._buyer)
        paths = [f"/api/v1/reservations/{one['id']}" for one in held]
        stand = [(await self._got(path, self._buyer))["status"] for path in paths]
        bought = method != "declined"
        assert self.ended["status"] == ("captured" if bought else "failed"), self.ended
        assert stand == ["confirmed" if bought else "held"] * 2, self.ended
        for path in () if bought else paths:
            status, gone = await self._said(f"{path}/cancel", None, self._buyer)
            assert (status, gone["status"]) == (200, "released")

    async def _pays(self, body: dict[str, str], who: dict[str, str]) -> None:
        key = {"Idempotency-Key": "pay"}
        status, begun = await self._said(f"{self.reservation}/payments", body, who | key)
        assert status == 202, begun
        self.ended = await self._followed(begun["id"], self.token)

    async def _from_wallet(self, name: str) -> None:
        """Charged first; half of the wallets have enough to pay, all to withdraw something, both at once."""
        filled = WITHDRAWN + (3 * PRICE if self._rng.random() < 0.5 else 1)
        body = {"amount": _euros(filled), "provider": "sandbox", "method": self.charge}
        begun = await self._of_wallet(f"{name}/charges", body)
        self.charged = await self._followed(begun["id"], self._community.operator)
        pays = self._pays({"provider": "wallet", "method": name}, self._community.operator)
        await asyncio.gather(pays, self._withdraws(name))
        shown = await self._got(f"/api/v1/wallets/{name}?currency=EUR", self._community.operator)
        paid = self.ended["amount"]["amount"] if self.ended["status"] == "captured" else 0
        out = WITHDRAWN if self.withdrawn["status"] == "paid_out" else 0
        assert shown["balance"]["amount"] == filled - paid - out, (self.ended, self.withdrawn)

    async def _withdraws(self, name: str) -> None:
        body = {"amount": _euros(WITHDRAWN), "provider": "sandbox", "method": self.withdrawal}
        begun = await self._of_wallet(f"{name}/withdrawals", body)
        self.withdrawn = await self._followed(begun["id"], self._community.operator)

    async def _of_wallet(self, path: str, body: Any) -> dict[str, Any]:
        key = {"Idempotency-Key": f"{path.rpartition('/')[2]}-{self._community.event_id}"}
        status, said = await self._said(f"/api/v1/wallets/{path}", body, self._community.operator | key)
        assert status == 202, said
        return said

    async def _followed(self, payment_id: str, who: dict[str, str]) -> dict[str, Any]:
        while True:
            said = await self._got(f"/api/v1/payments/{payment_id}", who)
            if said["status"] not in ("pending", "needs_action"):
                return said
            await asyncio.sleep(POLL_S)

    async def _got(self, path: str, who: dict[str, str]) -> dict[str, Any]:
        while True:
            with suppress(aiohttp.ClientConnectionError):  # no front end, for now
                async with self._community._http.get(path, headers=who) as reply:
                    said: dict[str, Any] = await reply.json()
                    assert reply.status in (200, 503), said
                    if reply.status == 200:
                        return said
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


def _euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


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


async def _open(community: Community, placement: str) -> None:
    """An event that takes money, with room for all."""
    price = {"amount": PRICE, "currency": "EUR"}
    ticket = {"code": "place", "name": "Place", "quota": 3 * PAYMENTS, "price": price}
    await community.open(
        3 * PAYMENTS,
        placement=placement,
        payment="required",
        one_per_customer=False,
        listed="always",
        ticket_types=[ticket],
        hold_duration_s=3_600,
        cancel_keeps_percent=KEEPS_PERCENT,
    )


async def test_payments_come_to_their_end_whoever_is_killed_and_no_money_is_lost_or_doubled(
    running_server: Served, community: Community
) -> None:
    other = Community(community._http, community.operator)
    await _open(community, "dedicated")
    await _open(other, "pooled")
    ada = await signed_up(Talk(community._http), running_server, new_address("ada"))
    payers = [Payer(community, number, other, ada.headers) for number in range(PAYMENTS)]
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
    into = Counter((one.charge, one.charged["status"]) for one in payers if one.charged)
    assert set(into) == {(one, "captured") for one in CHARGES}, into
    out = Counter((one.withdrawal, one.withdrawn["status"]) for one in payers if one.withdrawn)
    given_back = {(one, "failed") for one in ("declined", "error")}
    assert set(out) == {(one, "paid_out") for one in ("success", "lost_answer", "delayed")} | given_back, out

    await _quiet(community, Counter(payer.cancelled for payer in payers)[True])
    for one in (community, other):
        await audited(running_server, one.event_id)
    print(f"\n{PAYMENTS} payments in {time.monotonic() - begun_s:.0f} s; killed: {dict(kills)}")
    for what, ends in (("paid", said), ("charged", into), ("withdrawn", out)):
        for (method, status), count in sorted(ends.items()):
            print(f"{what:9} {method:12} {status:9} {count}")

    for one in (community, other):
        async with asyncio.timeout(ENDED_TIMEOUT_S):
            states = await _cancelled(one)
        print(f"after its event was cancelled: {dict(states)}")
        await audited(running_server, one.event_id)


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
