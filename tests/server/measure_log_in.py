"""Whether the time of a refused log-in tells who has an account: `python -m tests.server.measure_log_in`.

A front end over a throw-away PostgreSQL, with passwords as they are kept in earnest. Tries of an address
that has an account and of one that has none take turns, with a wrong password each; it prints both medians
and their difference, and ends with 1 if that is over 5 % or if the answers differ. The machine should have
nothing else to do.

    --tries 100      of each kind
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import asyncpg
import uvloop

from persistence.accounts import PostgresAccounts
from persistence.migrate import migrate
from server.passwords import Passwords
from tests.persistence.servers import throwaway_postgres
from tests.server.conftest import Api, starting
from tests.server.people import ADA, confirm, log_in, register

DIFFERENCE_MAX = 0.05
WARM_UP_TRIES = 5


async def tried(api: Api, email: str) -> tuple[float, bytes]:
    """How long it took, in seconds, and what was said."""
    begun_s = time.perf_counter()
    answer = await log_in(api, email, "a wrong password")
    assert answer.status == 401, answer.raw
    return time.perf_counter() - begun_s, answer.raw


async def measured(
    database_url: str, tries: int, passwords: Passwords
) -> tuple[list[float], list[float], set[bytes]]:
    """The seconds that each try of a known and of an unknown address took, and what was said to them."""
    accounts = PostgresAccounts(database_url)
    async with starting() as start:
        api = await start(accounts=accounts, passwords=passwords)
        await register(api)
        connection = await asyncpg.connect(database_url)
        token = await connection.fetchval("SELECT parameters ->> 'token' FROM outgoing_mails")
        await connection.close()
        confirmed = await confirm(api, token)
        assert confirmed.status == 200, confirmed.raw
        known: list[float] = []
        unknown: list[float] = []
        bodies = set()
        for number in range(tries):
            turns = [(ADA, known), (f"nobody-{number}@example.org", unknown)]
            for email, taken in turns if number % 2 else reversed(turns):
                seconds, body = await tried(api, email)
                taken.append(seconds)
                bodies.add(body)
    await accounts.close()
    return known, unknown, bodies


async def main(database_url: str, tries: int) -> bool:
    await migrate(database_url)
    passwords = Passwords()
    known, unknown, bodies = await measured(database_url, tries + WARM_UP_TRIES, passwords)
    passwords.close()
    medians = [statistics.median(taken[WARM_UP_TRIES:]) * 1000 for taken in (known, unknown)]
    difference = abs(medians[0] - medians[1]) / min(medians)
    known_ms, unknown_ms = medians
    print(f"known {known_ms:.2f} ms, unknown {unknown_ms:.2f} ms: {difference:.1%} apart; {len(bodies)} body")
    return difference <= DIFFERENCE_MAX and len(bodies) == 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tries", type=int, default=100, help="of each kind (default: %(default)s)")
    given = parser.parse_args()
    with throwaway_postgres() as (url, _):
        sys.exit(0 if uvloop.run(main(url, given.tries)) else 1)
