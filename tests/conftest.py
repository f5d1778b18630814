"""What tests of every folder may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.served import Served, data_folder, served

pytest_plugins = ["tests.workers"]

# How long an example takes says how busy the machine is.
settings.register_profile("turnstile", deadline=None)
settings.load_profile("turnstile")


@pytest.fixture(scope="session")
def running_server() -> Iterator[Served]:
    """One `turnstile serve` with everything embedded, for the whole session: `running_server.endpoints`
    says where.

    It logs each request. It is stopped at the end, and nothing of it may be left then.
    """
    settings = {"TURNSTILE_WEBHOOKS_LOCAL": "true", "TURNSTILE_LOG_SAMPLE_RATE": "1"}
    with data_folder() as data, served(data, settings) as server:
        yield server
