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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks who belongs together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What goes to one worker together: a file, for what its tests share, and all that use the one server."""
    for item in items:
        shared = "running_server" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("the running server" if shared else item.path.as_posix()))


@pytest.fixture(scope="session")
def running_server() -> Iterator[Served]:
    """One `turnstile serve` with everything embedded, for the whole session: `running_server.endpoints`
    says where.

    It is stopped at the end, and nothing of it may be left then.
    """
    with data_folder() as data, served(data) as server:
        yield server
