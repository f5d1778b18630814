"""CPU time: who a process belongs to, and what it used, also when it came or went during the run."""

import multiprocessing
import os
import time

import pytest

from loadtest.bench import groups
from loadtest.bench.cpu import Meter, Spent, spent_by_group
from loadtest.bench.groups import Process, Roots, group_all

DATA = "/srv/somewhere/data"
ROOTS = Roots(driver=10, supervisor=20, peers={30: "row_lock"}, data_folder=DATA)


def process(pid: int, parent: int, title: str, name: str = "python") -> Process:
    return Process(pid, parent, name, title, (pid, 1.0))


TABLE = [
    process(1, 0, "/sbin/init", "init"),
    process(10, 1, "python -m loadtest.bench"),
    process(11, 10, "wrk -t1 -c64", "wrk"),
    process(20, 10, "python turnstile serve"),
    process(21, 20, "python -m server.front_end"),
    process(22, 20, "python /x/bin/ray start --head --block"),
    process(23, 22, "/x/site-packages/ray/core/src/ray/raylet/raylet --x", "raylet"),
    process(24, 23, "ray::event:0189"),
    process(25, 23, "ray::timer:1"),
    process(26, 23, "ray::IDLE"),
    process(27, 22, "python -c from multiprocessing.forkserver import main"),
    process(28, 23, "ray::CounterOwner.hold"),
    process(30, 10, "python -m loadtest.peers.row_lock"),
    process(31, 30, "python -m loadtest.peers.row_lock"),
    process(40, 1, f"/x/bin/postgres -D {DATA}/postgres", "postgres"),
    process(41, 40, "postgres: walwriter", "postgres"),
    process(42, 20, "valkey-server 127.0.0.1:7000", "valkey-server"),
    process(50, 1, "postgres: somebody else's", "postgres"),
    process(51, 1, "ray::event:somebody-else"),
]


def test_every_process_of_the_run_has_its_group() -> None:
    grouped = {key[0]: group for key, group in group_all(TABLE, ROOTS).items()}
    assert grouped == {
        10: groups.GENERATOR,
        11: groups.GENERATOR,
        20: groups.SUPERVISOR,
        21: groups.FRONT_END,
        22: groups.RAY,
        23: groups.RAY,
        24: groups.OWNER,
        25: groups.ACTORS,
        26: groups.RAY,
        27: groups.RAY,
        28: groups.OWNER,
        30: "front end row_lock",
        31: "front end row_lock",
        40: groups.POSTGRES,
        41: groups.POSTGRES,
        42: groups.VALKEY,
    }


def test_processes_of_other_servers_on_the_machine_do_not_count() -> None:
    assert not {50, 51, 1} & {key[0] for key in group_all(TABLE, ROOTS)}


def test_a_process_table_with_a_loop_ends() -> None:
    loop = [process(2, 3, "a"), process(3, 2, "b")]
    assert group_all(loop, ROOTS) == {}


def test_processes_count_from_their_first_look_to_their_last() -> None:
    stays, came, went, stranger = (1, 0.0), (2, 5.0), (3, 0.0), (4, 0.0)
    before = {stays: 1.0, went: 2.0, stranger: 9.0}
    later = [{stays: 1.5, came: 0.2, went: 2.4, stranger: 9.9}, {stays: 2.0, came: 0.3, stranger: 10.0}]
    group_of = {stays: "owner", came: "owner", went: "postgres"}
    spent = spent_by_group(before, later, group_of)
    assert {group: round(seconds, 6) for group, seconds in spent.items()} == {"owner": 1.3, "postgres": 0.4}


def test_a_process_id_used_again_is_another_process() -> None:
    spent = spent_by_group({(7, 1.0): 5.0}, [{(7, 2.0): 0.25}], {(7, 1.0): "a", (7, 2.0): "a"})
    assert spent == {"a": 0.25}


def test_microseconds_per_request() -> None:
    assert Spent({"owner": 0.5}, 1.0).per_request_us(1000) == {"owner": 500.0}
    assert Spent({"owner": 0.5}, 1.0).per_request_us(0) == {"owner": 500_000.0}


def test_what_strangers_used_is_what_the_machine_was_busy_with_and_we_were_not() -> None:
    assert Spent({"owner": 2.0, "postgres": 1.0}, 4.0).strangers_share(seconds=5.0, cores=2) == pytest.approx(
        0.1
    )
    assert Spent({"owner": 2.0}, 1.9).strangers_share(seconds=5.0, cores=2) == 0.0


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_real_child_that_came_and_went_is_accounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.bench.cpu.POLL_INTERVAL_S", 0.5)
    with Meter(Roots(os.getpid(), None, {}, "")) as meter:
        child = multiprocessing.get_context("spawn").Process(target=spin, args=(1.5,))
        child.start()
        child.join()
    assert meter.spent.groups_s[groups.GENERATOR] > 0.4
    assert meter.spent.machine_s > 0.4
