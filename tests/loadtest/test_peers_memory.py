"""Peers have the collector that Turnstile's processes have: the same figures, set wherever one serves."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request

import actors.memory
from loadtest.bench.stack import free_port
from loadtest.peers import memory
from tests.served import Served

EXPECTED = (memory.YOUNG_MAX_OBJECTS, memory.MIDDLE_MAX_COLLECTIONS, memory.OLD_MAX_COLLECTIONS)
START_WITHIN_S = 30.0
SERVES = """
import gc
from aiohttp import web
from loadtest.peers import serving

async def tell(_request):
    return web.Response(text=f"{gc.get_threshold()} {gc.get_freeze_count() > 0}")

make = lambda: web.ServerRunner(web.Server(tell))
serving.serve(serving.Options(port=PORT, workers=1, quota=0), make)
"""
OWNS = """
import asyncio, gc
from loadtest.peers import ray_call, serving

async def opened():
    peer = ray_call.RayCall(serving.Options(port=0, workers=1, quota=1, database_url=URL))
    await peer.create()
    try:
        await ray_call.CounterOwner(URL, 1).open()
    finally:
        await peer.drop()

asyncio.run(opened())
print(gc.get_threshold(), gc.get_freeze_count() > 0)
"""


def test_the_figures_are_turnstiles_own() -> None:
    server = actors.memory
    assert EXPECTED == (server.YOUNG_MAX_OBJECTS, server.MIDDLE_MAX_COLLECTIONS, server.OLD_MAX_COLLECTIONS)


def test_a_peer_that_serves_has_settled() -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", SERVES.replace("PORT", str(port))])
    try:
        assert _answer(port) == f"{EXPECTED} True"
    finally:
        process.terminate()
        process.wait()


def test_the_actor_that_is_called_for_each_request_has_settled(running_server: Served) -> None:
    code = OWNS.replace("URL", repr(running_server.endpoints["database_url"]))
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.strip() == f"{EXPECTED} True"


def _answer(port: int) -> str:
    end_s = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=START_WITHIN_S) as reply:
                return str(reply.read().decode())
        except urllib.error.URLError:
            assert time.monotonic() < end_s, "the peer does not answer"
            time.sleep(0.05)
