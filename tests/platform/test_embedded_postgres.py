"""PostgreSQL as it is made and started here."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import psutil
import pytest

from server.embedded import postgres_home
from server.embedded.postgres import INITDB_SETS_FROM, Postgres
from server.supervisor.failures import StartFailure
from server.supervisor.processes import end
from tests.persistence.servers import data_folder

SHARED_MEMORY = Path("/dev/shm")
OLDER = [
    path / "bin"
    for path in Path("/usr/lib/postgresql").glob("*")
    if path.name.isdecimal() and int(path.name) < INITDB_SETS_FROM
]


def segments() -> set[Path]:
    return set(SHARED_MEMORY.glob("PostgreSQL.*"))


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="it is kept elsewhere on this system")
async def test_what_is_killed_while_a_cluster_is_made_leaves_nothing_in_shared_memory() -> None:
    before = segments()
    with data_folder() as data:
        launching = asyncio.create_task(Postgres(data).launch())
        while not list(data.path.rglob("pg_control")):
            assert not launching.done(), "it has failed before it was killed"
            await asyncio.sleep(0.002)
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with pytest.raises(StartFailure):
            await launching
    assert segments() <= before


@pytest.mark.skipif(not OLDER, reason="no PostgreSQL before 16 is installed on this system")
async def test_a_cluster_is_made_with_an_older_postgresql_of_the_system_where_the_wheels_own_cannot_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_home, "_candidates", lambda _folder, _user: iter(OLDER))
    with data_folder() as data:
        part = Postgres(data)
        child = await part.launch()
        try:
            assert part.home is not None
            assert part.home.version < INITDB_SETS_FROM
            assert (part.home.pgdata / "PG_VERSION").read_text().strip() == str(part.home.version)
        finally:
            await end(child, signal.SIGQUIT, 5.0)
