"""What a front end costs by itself: `python -m tests.server.measure_front_end`.

Serves the real application over a gateway that answers at once, and the benchmark's bare echo, one after
the other in the same run, under wrk, and prints requests per second and CPU microseconds per request
of the serving process. Under load from elsewhere only the CPU figures mean something.

    --connections 64 --seconds 4 --rounds 3      as in docs/benchmarks/front-end.md
    --serve place --port 8099                    serves one variant only, to look at with py-spy
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from aiohttp import web

from actors.gateway import Gateway, Key
from domain.account import Account, Role, SigningKey
from domain.event_messages import (
    EventCommand,
    EventReplies,
    Line,
    PlaceHold,
    Reservation,
    ReservationReply,
    Status,
)
from domain.messages import Code, Rejected
from domain.ticket_codes import TicketCodes
from server import logs
from server.access import Access
from server.access_tokens import AccessTokens
from server.customers import CustomerKeys
from server.front_end import build_app
from server.parts import Options
from server.passwords import Passwords
from server.runner import FrontEndRunner
from tests.server.direct_accounts import DirectAccounts
from tests.server.direct_audit import DirectAudit
from tests.server.direct_endpoints import DirectEndpoints
from tests.server.direct_gateway import START_MS, DirectGateway, DirectReads
from tests.server.direct_images import DirectImages
from tests.server.direct_machines import DirectMachines
from tests.server.direct_mails import DirectMails
from tests.server.direct_organisers import DirectOrganisers
from tests.server.direct_payments import DirectPayments
from tests.server.direct_submissions import DirectSubmissions
from tests.server.direct_venues import DirectVenues
from tests.server.direct_wallets import DirectWallets

EVENT = "01890000-0000-7000-8000-000000000001"
BODY = (
    '{"lines":[{"ticket_type":"ga","quantity":1}],'
    '"customer":{"name":"Ada Lovelace","email":"buyer-000001@example.org"}}'
)
SOLD_OUT = Rejected(Code.SOLD_OUT, "Not enough tickets are left.")
ECHOES = {"echo": ["loadtest.peers.echo"], "echo, aiohttp's router": ["loadtest.peers.echo_app"]}
VARIANTS = (*ECHOES, "place", "place signed in", "place with key", "sold out", "place, aiohttp's router")
START_TIMEOUT_S = 30.0


class InstantGateway(Gateway):
    """Answers what the rules would, without looking."""

    def __init__(self, refuses: bool) -> None:
        self._refuses = refuses

    async def ask(self, inventory_id: str, command: EventCommand, key: Key | None = None) -> EventReplies:
        if self._refuses:
            return SOLD_OUT
        assert isinstance(command, PlaceHold)
        now_ms = time.time_ns() // 1_000_000
        lines = tuple([Line(code, quantity, 4500) for code, quantity in command.lines])
        held = Reservation(
            command.reservation_id, Status.HELD, now_ms + 900_000, lines, command.customer, now_ms
        )
        return ReservationReply(held, "EUR", command.contact)


def signing() -> AccessTokens:
    """The same keys here and there; the clock stands still."""
    tokens = AccessTokens(lambda: START_MS)
    tokens.know([SigningKey("1", b"k" * 32, 1)], frozenset(), 0)
    return tokens


def _headers(variant: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if "key" in variant:
        headers["Idempotency-Key"] = "7d6f9d1e-4b0e-4f0e-9c39-1df0a9b6c7a1"
    if "signed in" in variant:
        account = Account(EVENT, "ada@example.org", b"c" * 16, "Ada", "en", Role.CUSTOMER, None, 1, 0)
        headers["Authorization"] = f"Bearer {signing().made(account, EVENT)[0]}"
    return headers


async def serve(variant: str, port: int) -> None:
    """One variant, until the process is ended."""
    reads = DirectReads(DirectGateway())
    payments, wallets, mails = DirectPayments(reads.now_ms, reads=reads), DirectWallets(), DirectMails()
    app = build_app(
        InstantGateway(variant == "sold out"),
        reads,
        DirectVenues(),
        DirectSubmissions(reads.gateway, reads),
        DirectImages(),
        accounts := DirectAccounts(reads, wallets, payments, mails),
        DirectOrganisers(accounts),
        DirectMachines(),
        mails,
        payments,
        wallets,
        DirectEndpoints(),
        DirectAudit(),
        Access("operator-token-0123", b"r" * 32, signing()),
        CustomerKeys(b"c" * 32),
        Passwords(),
        TicketCodes(b"t" * 32),
        Options(),
    )
    runner = (
        web.AppRunner(app, access_log=None) if "router" in variant else FrontEndRunner(app, access_log=None)
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


@dataclass
class Measured:
    """One variant under load once."""

    per_second: float
    cpu_us: float


def measure(variant: str, connections: int, seconds: int, folder: Path) -> Measured:
    """Start the variant in a process of its own, load it, end it."""
    port = _free_port()
    module = ECHOES.get(variant) or [__spec__.name, "--serve", variant]
    process = subprocess.Popen(
        [sys.executable, "-m", *module, "--port", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        _load(port, variant, connections, 1, folder)
        before = _cpu_s(process.pid)
        count, per_second = _load(port, variant, connections, seconds, folder)
        return Measured(per_second, (_cpu_s(process.pid) - before) * 1e6 / count)
    finally:
        process.terminate()
        process.wait()


def _load(port: int, variant: str, connections: int, seconds: int, folder: Path) -> tuple[int, float]:
    script = folder / "place.lua"
    lines = [f"wrk.headers['{name}'] = '{value}'" for name, value in _headers(variant).items()]
    script.write_text("\n".join(["wrk.method = 'POST'", f"wrk.body = '{BODY}'", *lines]))
    url = f"http://127.0.0.1:{port}/api/v1/events/{EVENT}/reservations"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(words[words.index("requests") - 1]), float(words[words.index("Requests/sec:") + 1])


def _cpu_s(pid: int) -> float:
    spent = psutil.Process(pid).cpu_times()
    return spent.user + spent.system


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def main() -> None:
    """Entry of the script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=VARIANTS)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.serve:
        logs.configure()
        uvloop.run(serve(given.serve, given.port))
        return
    results: dict[str, list[Measured]] = {variant: [] for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.rounds):
            for variant in VARIANTS:
                results[variant].append(measure(variant, given.connections, given.seconds, Path(folder)))
    _print(results)


def _print(results: dict[str, list[Measured]]) -> None:
    median = {variant: statistics.median(one.cpu_us for one in runs) for variant, runs in results.items()}
    print("| variant | requests/s | CPU us per request (each round) | of echo's CPU |\n|---|---|---|---|")
    for variant, runs in results.items():
        rate = statistics.median(one.per_second for one in runs)
        each = ", ".join(f"{one.cpu_us:.1f}" for one in runs)
        of_echo = median[variant] / median["echo"]
        print(f"| {variant} | {rate:,.0f} | {median[variant]:.1f} ({each}) | {of_echo:.2f} |")


if __name__ == "__main__":
    main()
