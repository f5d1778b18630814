"""That `make measure-log-in` still measures; what it finds is for a machine that has nothing else to do."""

from __future__ import annotations

from tests.server.conftest import quick_passwords
from tests.server.measure_log_in import measured


async def test_tries_of_known_and_unknown_addresses_are_timed_and_answered_alike(
    database_url: str,
) -> None:
    passwords = quick_passwords()
    known, unknown, bodies = await measured(database_url, 2, passwords)
    passwords.close()
    assert (len(known), len(unknown), len(bodies)) == (2, 2, 1)
    assert min(known + unknown) > 0
