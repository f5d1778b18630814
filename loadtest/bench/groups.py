"""Which group a process belongs to (front end, owner, PostgreSQL ...), told by its title and ancestors.

Pure: the process table comes as an argument. Only what descends from this run's own roots counts, or names
its data folder, so that other servers on the machine are left out.
"""

from collections.abc import Iterable, Mapping

import msgspec

GENERATOR = "generator"
SUPERVISOR = "supervisor"
FRONT_END = "front end"
OWNER = "owner"
PAYMENTS = "payment actors"
MAIL = "news actors"
ACTORS = "other actors"
POSTGRES = "postgres"
VALKEY = "valkey"
RAY = "ray helpers"
TURNSTILE_GROUPS = (FRONT_END, OWNER, POSTGRES, VALKEY, PAYMENTS, MAIL, ACTORS, RAY, SUPERVISOR)

RAY_OWN_ACTORS = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent", "ray::JobSupervisor")
RAY_PROGRAMS = (
    "gcs_server",
    "raylet",
    "bin/ray ",
    "ray.scripts",
    "site-packages/ray/",
    "ray.util.client",
    "ray-dashboard",
)
ACTOR_TITLES = {
    OWNER: ("Owner", "event:", "pool:"),
    PAYMENTS: ("PaymentActor", "payments:"),
    MAIL: ("NewsActor", "news:"),
}
"""What is in the title of each kind's processes; of others nothing of this."""


class Process(msgspec.Struct, frozen=True):
    """One row of the process table. `title` is the whole command line, `key` is (pid, start time)."""

    pid: int
    parent: int
    name: str
    title: str
    key: tuple[int, float]


class Roots(msgspec.Struct, frozen=True):
    """Where this run's processes descend from. `peers` has each peer's front end by process id."""

    driver: int
    supervisor: int | None
    peers: Mapping[int, str]
    data_folder: str


def peer_front_end(peer: str) -> str:
    return f"{FRONT_END} {peer}"


def group_all(processes: Iterable[Process], roots: Roots) -> dict[tuple[int, float], str]:
    """Groups of those processes that are this run's."""
    table = {process.pid: process for process in processes}
    grouped: dict[tuple[int, float], str] = {}
    for process in table.values():
        group = group_of(process, table, roots)
        if group is not None:
            grouped[process.key] = group
    return grouped


def group_of(process: Process, table: Mapping[int, Process], roots: Roots) -> str | None:
    family = family_of(process, table, roots)
    if not family:
        return None
    if process.name.startswith("postgres"):
        return POSTGRES
    if process.name.startswith(("valkey", "redis-server")):
        return VALKEY
    if process.title.startswith("ray::") and not process.title.startswith(RAY_OWN_ACTORS):
        return kind_of_actor(process.title)
    root = family[-1].pid
    if root in roots.peers:
        return peer_front_end(roots.peers[root])
    if any(mark in member.title for member in family for mark in RAY_PROGRAMS):
        return RAY
    if root == roots.driver:
        return GENERATOR
    return SUPERVISOR if process.pid == roots.supervisor else FRONT_END


def kind_of_actor(title: str) -> str:
    for kind, marks in ACTOR_TITLES.items():
        if any(mark in title for mark in marks):
            return kind
    return ACTORS


def family_of(process: Process, table: Mapping[int, Process], roots: Roots) -> list[Process]:
    """The process and its ancestors up to the nearest of this run's roots; empty if it is not this run's."""
    family: list[Process] = []
    walk: Process | None = process
    while walk is not None and len(family) < len(table):
        family.append(walk)
        if walk.pid in roots.peers or walk.pid in (roots.supervisor, roots.driver):
            return family
        if roots.data_folder and roots.data_folder in walk.title:
            return family
        walk = table.get(walk.parent)
    return []
