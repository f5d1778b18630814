"""PostgreSQL as it is made and started here."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import psutil
import pytest

from server.embedded.postgres import Postgres
from server.supervisor.failures import StartFailure
from tests.persistence.servers import data_folder

SHARED_MEMORY = Path("/dev/shm")


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
