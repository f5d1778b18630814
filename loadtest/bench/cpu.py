"""CPU time by process group, from the process table: what one request costs, whoever pays.

Processes come and go, so the table is looked at all through a run, and each process counts with what it had
used when it was last seen, less what it had used at the start. What a process used after its last look is
lost: at most `POLL_INTERVAL_S` of one process. The machine's own account is kept beside it, as a check that
nobody is missing.
"""

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import msgspec
import psutil

from loadtest.bench.groups import Process, Roots, group_all

POLL_INTERVAL_S = 2.0  # a look takes about 15 ms of CPU time, so the looking costs under 1 % of a core
ATTRIBUTES = ["pid", "ppid", "name", "cmdline", "cpu_times", "create_time"]

Key = tuple[int, float]
Used = dict[Key, float]


class Spent(msgspec.Struct, frozen=True):
    """CPU seconds by group; `machine_s` is what the whole machine was busy, ours or not."""

    groups_s: dict[str, float]
    machine_s: float

    def strangers_share(self, seconds: float, cores: int) -> float:
        """Of the machine's capacity, what none of ours used: other programs, the kernel's own threads."""
        ours = sum(self.groups_s.values())
        return max(0.0, self.machine_s - ours) / (seconds * cores)

    def per_request_us(self, requests: int) -> dict[str, float]:
        return {group: seconds * 1e6 / max(requests, 1) for group, seconds in self.groups_s.items()}


def spent_by_group(before: Used, later: Iterable[Used], groups: Mapping[Key, str]) -> dict[str, float]:
    """Seconds per group between the first look and each process's last one."""
    last: Used = dict(before)
    for look in later:
        last.update(look)
    total: dict[str, float] = {}
    for key, seconds in last.items():
        group = groups.get(key)
        if group is not None:
            total[group] = total.get(group, 0.0) + seconds - before.get(key, 0.0)
    return total


def look() -> tuple[Used, list[Process]]:
    """Every process of the machine: what it has used, and what it looks like."""
    used: Used = {}
    processes: list[Process] = []
    for process in psutil.process_iter(ATTRIBUTES, ad_value=None):
        info = process.info
        if info["cpu_times"] is None or info["create_time"] is None:
            continue
        key = (info["pid"], info["create_time"])
        used[key] = info["cpu_times"].user + info["cpu_times"].system
        title = " ".join(info["cmdline"] or []) or info["name"] or ""
        processes.append(Process(info["pid"], info["ppid"] or 0, info["name"] or "", title, key))
    return used, processes


def machine_busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


class Meter:
    """`with Meter(roots) as meter: ...` then `meter.spent`."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._groups: dict[Key, str] = {}
        self._later: list[Used] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self.spent = Spent({}, 0.0)

    def __enter__(self) -> Self:
        self._before = self._look()
        self._busy = machine_busy_s()
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._later.append(self._look())
        groups = spent_by_group(self._before, self._later, self._groups)
        self.spent = Spent(groups, machine_busy_s() - self._busy)

    def _poll(self) -> None:
        while not self._stop.wait(POLL_INTERVAL_S):
            self._later.append(self._look())

    def _look(self) -> Used:
        used, processes = look()
        self._groups.update(group_all(processes, self._roots))
        return used
