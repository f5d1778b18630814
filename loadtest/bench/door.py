"""The door of an event under load: scans at a fixed rate by a staff of twenty, some of them of tickets that
are in already. `make bench-door` starts a server of its own, prints how long they took, and audits it. The
event is an organiser's, and each of its staff has an access token of its own.

A scan has an intended time, and its latency is measured from there: who waits for a slow answer makes the
next one late, and that counts.
"""

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp

from loadtest.auditor.audit import Auditor, Records
from loadtest.auditor.database import Database
from loadtest.auditor.verdict import Verdict
from loadtest.bench import api, stack
from loadtest.bench.cpu import Meter
from loadtest.bench.groups import Roots
from loadtest.bench.open_loop import percentile
from loadtest.bench.pools import parts
from loadtest.bench.signed_in import tokens
from loadtest.bench.stack import Stack
from loadtest.record import Call, now_us

RATE_PER_S, STAFF, SECONDS = 200, 20, 20
AGAIN_EVERY = 20
"""Of so many scans one is of a ticket that was let in before."""
ORDER_TICKETS = 100
GOAL_P99_MS = 100.0


@dataclass
class Evening:
    """What is to be scanned, and what came of it."""

    event_id: str
    codes: list[tuple[str, str, int]]
    """(code, reservation, number)."""
    staff: list[str]
    """Access tokens."""
    latency_ms: list[float] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


def sold(server: Stack, tickets: int) -> Evening:
    """An organiser's event whose tickets are sold."""
    operator = bearer(server.admin_token)
    house = str(api.request(server, "/organisers", {"name": "The house"}, operator)["id"])
    free = {"code": "ga", "name": "Standing", "quota": tickets, "price": {"amount": 0, "currency": "EUR"}}
    starts_at = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    body = {
        "name": "Doors open",
        "organiser_id": house,
        "starts_at": starts_at,
        "placement": "dedicated",
        "ticket_types": [free],
    }
    event_id = str(api.request(server, "/events", body, operator)["id"])
    codes = []
    for number in range(0, tickets, ORDER_TICKETS):
        order = {
            "lines": [{"ticket_type": "ga", "quantity": min(ORDER_TICKETS, tickets - number)}],
            "customer": {"name": "Ada", "email": f"ada{number}@example.org"},
            "confirm": True,
        }
        made = api.request(server, f"/events/{event_id}/reservations", order)
        path = f"/reservations/{made['id']}/tickets?limit={ORDER_TICKETS}"
        listed = api.request(server, path, headers={"Reservation-Token": made["token"]})
        codes += [(one["code"], made["id"], one["number"]) for one in listed["items"]]
    names = [str(uuid4()) for _ in range(STAFF)]
    staff = asyncio.run(tokens(server.database_url, names, role="staff", organiser=house))
    return Evening(event_id, codes, staff)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def scanned(server: Stack, evening: Evening, rate_per_s: int, seconds: int) -> None:
    """All scans, each by the one of the staff whose turn it is."""
    connector = aiohttp.TCPConnector(limit=STAFF)
    async with aiohttp.ClientSession(server.http, connector=connector) as http:
        begin_s = time.perf_counter() + 0.5
        turns = list(_turns(evening.codes, rate_per_s * seconds))
        await asyncio.gather(
            *(
                _one_of_the_staff(http, evening, who, begin_s, rate_per_s, turns[who::STAFF])
                for who in range(STAFF)
            )
        )


def _turns(codes: list[tuple[str, str, int]], scans: int) -> Iterator[tuple[int, tuple[str, str, int]]]:
    fresh = 0
    for turn in range(scans):
        again = turn % AGAIN_EVERY == AGAIN_EVERY - 1
        yield turn, codes[fresh // 2 if again else fresh]
        fresh += not again


async def _one_of_the_staff(
    http: aiohttp.ClientSession,
    evening: Evening,
    who: int,
    begin_s: float,
    rate_per_s: int,
    turns: list[tuple[int, tuple[str, str, int]]],
) -> None:
    path, own = f"/api/v1/events/{evening.event_id}/check-ins", bearer(evening.staff[who])
    for turn, (code, reservation, number) in turns:
        intended_s = begin_s + turn / rate_per_s
        await asyncio.sleep(max(0.0, intended_s - time.perf_counter()))
        sent_us = now_us()
        async with http.post(path, json={"code": code, "gate": f"gate {who}"}, headers=own) as answer:
            said: dict[str, Any] = await answer.json()
        evening.latency_ms.append((time.perf_counter() - intended_s) * 1000)
        evening.calls.append(
            Call(
                f"staff {who}",
                "check-in",
                evening.event_id,
                sent_us,
                now_us(),
                answer.status,
                said.get("code", ""),
                reservation=reservation,
                number=number,
            )
        )


def audited(server: Stack, evening: Evening) -> Verdict:
    with Database(server.database_url) as database:
        return Auditor(database, Records(evening.calls)).run([evening.event_id])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=RATE_PER_S, help="scans a second")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    asked = parser.parse_args()
    with stack.started(1, {}) as server:
        evening = sold(server, asked.rate * asked.seconds)
        with Meter(Roots(os.getpid(), server.pid, {}, str(server.folder))) as meter:
            asyncio.run(scanned(server, evening, asked.rate, asked.seconds))
        verdict = audited(server, evening)
    statuses = Counter(f"{call.status} {call.code}".strip() for call in evening.calls)
    p50, p99 = (percentile(evening.latency_ms, percent) for percent in (50, 99))
    print(f"{len(evening.calls)} scans at {asked.rate}/s by {STAFF}: {dict(statuses)}")
    print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(evening.latency_ms):.1f} ms", end="; ")
    print(f"goal p99 {GOAL_P99_MS:.0f} ms; load average at the end {os.getloadavg()[0]:.1f}")
    print(f"CPU: {parts(meter, len(evening.calls))}")
    failed = [result.check for result in verdict.results if result.failures]
    print(f"audit: {failed or 'sound'}")


if __name__ == "__main__":
    main()
