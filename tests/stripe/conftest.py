"""The provider Stripe, against localstripe: run by `make stripe-test`, which makes the environment for it.

localstripe runs in an environment of its own, on the loopback interface, and keeps nothing on the disk.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.stripe.front import Front

PYTHON = os.environ.get("LOCALSTRIPE", "")
collect_ignore_glob = [] if PYTHON else ["test_*.py"]
STARTED_TIMEOUT_S = 20.0
START = """
import sys
from aiohttp import web
from localstripe import server
type(server.store).dump_to_disk = lambda store: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@pytest.fixture(scope="session")
def localstripe(unused_tcp_port_factory: object) -> Iterator[str]:
    """Where it is."""
    port = unused_tcp_port_factory()  # type: ignore[operator]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([PYTHON, "-c", START, str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            _until_it_answers(url, process)
            yield url
        finally:
            process.terminate()


def _until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + STARTED_TIMEOUT_S
    while time.monotonic() < end_s:
        assert process.poll() is None, "localstripe has ended"
        with suppress(OSError):
            try:
                urlopen(f"{url}/v1/payment_intents", timeout=1)
            except HTTPError:
                return
        time.sleep(0.05)
    raise AssertionError("localstripe does not answer")


@pytest.fixture
async def front(localstripe: str) -> AsyncIterator[Front]:
    async with Front(localstripe) as made:
        yield made
