"""What tests of every folder may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.served import Served, data_folder, served


@pytest.fixture(scope="session")
def running_server() -> Iterator[Served]:
    """One `turnstile serve` with everything embedded, for the whole session: `running_server.endpoints`
    says where.

    It is stopped at the end, and nothing of it may be left then.
    """
    with data_folder() as data, served(data) as server:
        yield server
