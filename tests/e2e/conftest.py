"""Clients of the running server (`running_server`)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.e2e.talk import Talk, operators
from tests.served import Served

CLIENTS = 64


@pytest.fixture
async def http(running_server: Served) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(running_server.endpoints["http"], connector=connector) as session:
        yield session


@pytest.fixture
def operator(http: aiohttp.ClientSession, running_server: Served) -> Talk:
    return operators(http, running_server)


@pytest.fixture
def anybody(http: aiohttp.ClientSession) -> Talk:
    return Talk(http)
