"""Commands of `turnstile` that change something: each leaves an entry in the audit log, done or failed."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from domain.account import Role
from domain.audit import AuditEntry, WantedEntries
from persistence.audit import PostgresAudit
from server import journal, mail_command, users, webhook_command
from server.command_audit import noted
from server.passwords import Passwords
from server.settings import Settings
from server.supervisor.failures import StartFailure
from tests.persistence.sales import new_id
from tests.server.conftest import quick_passwords

QUIET = Console(quiet=True)
LONG_AGO = date(2001, 2, 3)
NUMBER_MAX = 2**62


async def entries(url: str) -> list[AuditEntry]:
    """The oldest first."""
    log = PostgresAudit(url)
    try:
        found = await log.entries(WantedEntries(actor="shell"), NUMBER_MAX, 100)
    finally:
        await log.close()
    return [entry for _, entry in reversed(found)]


async def test_what_is_done_from_a_shell_leaves_an_entry(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quick(*_: Any) -> Passwords:
        return quick_passwords()

    monkeypatch.setattr("server.users.Passwords", quick)
    asked = users.checked("ada@example.org", "Ada", "en", "correct horse battery")
    account = await users.create_user(Settings(), database_url, *asked, Role.ADMIN, None)
    key_id = await users.rotate_keys(database_url)
    await mail_command.replay_mails(database_url, None, QUIET)
    wanted = webhook_command.checked("https://example.org/told", (), "", "", "", local=False)
    await webhook_command.add(database_url, wanted, QUIET)
    endpoint_id = (await entries(database_url))[-1].made
    assert endpoint_id is not None
    await webhook_command.pause(database_url, endpoint_id, QUIET)
    await webhook_command.resume(database_url, endpoint_id, QUIET)
    await webhook_command.replay(database_url, endpoint_id, None, QUIET)
    await webhook_command.remove(database_url, endpoint_id, QUIET)
    await journal.export_journal(database_url, LONG_AGO, tmp_path, True, QUIET)

    all_of_them = await entries(database_url)
    begun, found = all_of_them[::2], all_of_them[1::2]
    assert {(entry.status, entry.problem, entry.made) for entry in begun} == {(None, "begun", None)}
    assert [(entry.request_id, entry.route, entry.thing) for entry in begun] == [
        (entry.request_id, entry.route, entry.thing) for entry in found
    ]
    assert len({entry.request_id for entry in found}) == len(found)
    assert [(entry.route, entry.thing, entry.made) for entry in found] == [
        ("turnstile user create", None, account.id),
        ("turnstile keys rotate", None, key_id),
        ("turnstile mail replay", None, None),
        ("turnstile webhook add", None, endpoint_id),
        ("turnstile webhook pause", endpoint_id, None),
        ("turnstile webhook resume", endpoint_id, None),
        ("turnstile webhook replay", endpoint_id, None),
        ("turnstile webhook remove", endpoint_id, None),
        ("turnstile journal --drop", LONG_AGO.isoformat(), None),
    ]
    assert {(entry.role, entry.status, entry.problem) for entry in found} == {("admin", 200, None)}


async def test_what_only_looks_leaves_none_and_what_fails_says_so(database_url: str, tmp_path: Path) -> None:
    await webhook_command.list_endpoints(database_url, QUIET)
    await journal.export_journal(database_url, LONG_AGO, tmp_path, False, QUIET)
    assert await entries(database_url) == []
    nobody = new_id()
    with pytest.raises(StartFailure):
        await webhook_command.pause(database_url, nobody, QUIET)
    _, failed = await entries(database_url)
    assert (failed.route, failed.thing) == ("turnstile webhook pause", nobody)
    assert (failed.status, failed.problem) == (None, "failed")


KILLED = """
import asyncio, os, signal, sys
from server.command_audit import noted

async def killed():
    async with noted(sys.argv[1], "turnstile keys rotate"):
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(killed())
"""


async def test_what_is_killed_has_left_word_that_it_had_begun(database_url: str) -> None:
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, database_url)
    assert await program.wait() == -signal.SIGKILL
    (begun,) = await entries(database_url)
    assert (begun.route, begun.status, begun.problem) == ("turnstile keys rotate", None, "begun")


async def test_what_cannot_be_noted_is_not_done(unused_tcp_port: int) -> None:
    with pytest.raises(StartFailure, match="nothing is done"):
        async with noted(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none", "turnstile keys rotate"):
            raise AssertionError("it was done")
