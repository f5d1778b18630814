"""What tests of every folder may ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import chance
from tests.served import Served, data_folder, served

pytest_plugins = ["tests.workers"]

MEMORY = Path("/dev/shm")
ROOM_MIN_BYTES = 6 << 30

# Databases are made and dropped by the hundred, which on a disk takes twice as long. Tests kill processes,
# never the machine: what has been written is there again all the same.
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_MIN_BYTES:
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

chance.settle()


@pytest.fixture(scope="session")
def running_server() -> Iterator[Served]:
    """One `turnstile serve` with everything embedded, for the whole session: `running_server.endpoints`
    says where.

    It logs each request. It is stopped behind the last test with it, or at the end, and nothing of it may be
    left then.
    """
    settings = {"TURNSTILE_WEBHOOKS_LOCAL": "true", "TURNSTILE_LOG_SAMPLE_RATE": "1"}
    with data_folder() as data, served(data, settings) as server:
        yield server
