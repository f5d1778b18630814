"""Children of the supervisor die with it, and are ended with their own children; no stranger is."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from server.supervisor.processes import Child, Program, descendants, end, identified, start
from tests.served import assert_gone, living, until

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
SUPERVISOR = """
import asyncio, sys
from server.supervisor.processes import Program, start
async def main():
    child = await start(Program("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"]))
    print(child.identity.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""


async def _deaf_child(log: Path) -> Child:
    child = await start(Program("deaf", [sys.executable, "-c", DEAF], log=log))
    await asyncio.to_thread(until, log.read_bytes, 10, "it ignores the signal by now")
    return child


async def test_ending_a_child_ends_what_it_has_started(tmp_path: Path) -> None:
    child = await start(Program("parent", [sys.executable, "-c", PARENT], log=tmp_path / "log"))
    await asyncio.to_thread(until, lambda: descendants(child.identity), 10, "the grandchild lives")
    grandchildren = descendants(child.identity)
    await end(child, signal.SIGTERM, 5)
    assert child.ended
    assert living(grandchildren) == []


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    child = await _deaf_child(tmp_path / "log")
    await end(child, signal.SIGTERM, 0.2)
    assert await child.wait() == -signal.SIGKILL


async def test_a_second_wish_to_stop_cuts_the_grace_short(tmp_path: Path) -> None:
    child = await _deaf_child(tmp_path / "log")
    hurry = asyncio.Event()
    ending = asyncio.create_task(end(child, signal.SIGTERM, 600, hurry))
    hurry.set()
    async with asyncio.timeout(10):
        await ending


def test_a_remembered_id_that_belongs_to_another_process_by_now_is_nobody() -> None:
    mine = identified(psutil.Process(), "me")
    assert mine.process() is not None
    assert replace(mine, created_s=mine.created_s - 60).process() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_children_die_with_a_killed_supervisor() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        os.kill(supervisor.pid, signal.SIGKILL)
    assert_gone([child])
