"""Striking a process, and no other; and how long sales stood still."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from loadtest.faults.__main__ import faults
from loadtest.faults.kinds import KINDS, longest_gap_s
from loadtest.faults.processes import NotOurs, Target, actors, target


def test_by_default_parts_are_struck_so_often_and_in_these_ways() -> None:
    options = inspect.signature(faults).parameters
    counts = {name.replace("_", "-"): option.default for name, option in options.items()}
    struck = {name: (counts[name], kind.signal) for name, kind in KINDS.items()}
    assert struck == {
        "owners": (30, signal.SIGKILL),
        "postgres": (10, signal.SIGQUIT),
        "postgres-kills": (5, signal.SIGKILL),
        "valkey": (5, signal.SIGKILL),
        "front-ends": (5, signal.SIGKILL),
        "timers": (2, signal.SIGKILL),
        "watchdog": (2, signal.SIGKILL),
        "stops": (3, signal.SIGSTOP),
    }


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_process_of_ours_can_be_ended(child: subprocess.Popen[bytes]) -> None:
    found = target("child", child.pid, os.getpid())
    assert found.alive
    assert found.send(signal.SIGKILL)
    child.wait()
    assert not found.alive
    assert not found.send(signal.SIGKILL)


def test_a_process_of_somebody_else_is_refused(child: subprocess.Popen[bytes]) -> None:
    with pytest.raises(NotOurs, match="not started by this run"):
        target("parent", os.getppid(), child.pid)
    child.kill()
    child.wait()
    with pytest.raises(NotOurs):
        target("gone", child.pid, os.getpid())


def test_a_process_that_got_the_id_later_is_not_struck(child: subprocess.Popen[bytes]) -> None:
    found = target("child", child.pid, os.getpid())
    other = Target(found.name, found.pid, found.created_s - 1)
    assert not other.send(signal.SIGKILL)
    assert child.poll() is None


def test_an_actor_is_found_among_our_own_by_the_title_that_ray_gives_it_and_the_oldest_is_first() -> None:
    titles = ("ray::StandIn", "ray::StandIn.hello", "ray::Another", "StandIn")
    started = [_titled(title) for title in titles]
    try:
        found = actors("StandIn", os.getpid())
        assert [one.pid for one in found] == [process.pid for process in started[:2]]
        assert not actors("StandIn", started[0].pid)
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _titled(title: str) -> subprocess.Popen[bytes]:
    """A child that shows this as its command line, and has begun to."""
    code = "print(flush=True); input()"
    pipe = subprocess.PIPE
    process = subprocess.Popen([title, "-c", code], executable=sys.executable, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_the_longest_gap_is_looked_for_around_the_fault_only() -> None:
    successes = [(got_s * 1_000_000, 0) for got_s in (0, 9, 10, 11, 14, 15, 30)]
    assert longest_gap_s(successes, from_us=11_500_000, back_us=14_000_000) == 3.0
    assert longest_gap_s(successes, from_us=16_000_000, back_us=30_000_000) == 15.0
    assert longest_gap_s([], 0, 1) == 0
