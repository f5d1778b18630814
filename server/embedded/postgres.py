"""The embedded PostgreSQL: made once, started on 127.0.0.1 with a password, stopped in order, restarted
after a crash.

The programs come from a wheel, the launcher is ours: the wheel's own speaks no TCP, changes the machine's
users when it is root, and after a SIGKILL takes a dying server for a live one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from server.embedded.part import POLL_S, log_tail, until_answers
from server.embedded.ports import free_port
from server.embedded.postgres_home import Home, find_home
from server.supervisor.data_folder import DataFolder, write_private
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Child, Program, end, start
from server.supervisor.reachable import postgres_answers

ROLE = "turnstile"
DATABASE = "turnstile"
READY_TIMEOUT_S = 120.0  # recovery replays at most max_wal_size, on a slow disk
LAUNCH_RETRY_S = 20.0
ONCE_TIMEOUT_S = 120.0

# Durable, and sized for a few hundred connections that write small batches. Tables fit into memory; a crash
# replays at most `max_wal_size`. No replica hangs on it, so the log carries no more than recovery needs.
IN_FOLDER = {"dynamic_shared_memory_type": "mmap"}
"""Of what making a cluster starts, too: elsewhere it would be in /dev/shm, where who is killed leaves it."""
INITDB_SETS_FROM = 16
"""The major version whose `initdb` first took settings."""
TUNING = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "400",
    "shared_buffers": "256MB",
    **IN_FOLDER,
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "5min",
    "checkpoint_completion_target": "0.9",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # else the row that a constraint refuses is in the log, names and all
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


@dataclass
class Postgres:
    """See `Part`."""

    data: DataFolder
    port: int = field(default_factory=free_port)
    home: Home | None = None
    name: str = "postgres"
    stop_signal: signal.Signals = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    stop_grace_s: float = 20.0

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"postgresql://{ROLE}:{self.data.secret('postgres_password')}@127.0.0.1:{self.port}/{DATABASE}"

    async def launch(self) -> Child:
        """See `Part`. Just after a crash the old server's processes may hold its memory: tried again."""
        home = await self._prepared()
        give_up_s = time.monotonic() + LAUNCH_RETRY_S
        while True:
            _remove_stale_pid_file(home.pgdata)
            try:
                return await self._launch_once(home)
            except StartFailure:
                if time.monotonic() > give_up_s:
                    raise
                await asyncio.sleep(POLL_S)

    def describe(self) -> str:
        """See `Part`."""
        where = (
            f", data in {self.home.folder}" if self.home and self.home.folder.parent != self.data.path else ""
        )
        return f"127.0.0.1:{self.port}{where}"

    def tidy(self) -> None:
        """See `Part`."""

    async def _prepared(self) -> Home:
        if self.home is None:
            self.home = await asyncio.to_thread(find_home, self.data)
            if not self.home.pgdata.exists():
                await self._make_cluster(self.home)
        return self.home

    async def _make_cluster(self, home: Home) -> None:
        """initdb into a folder beside, renamed when it is whole: a start that is killed leaves no half
        cluster.
        """
        new = home.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        password = home.folder / "password.new"
        write_private(password, self.data.secret("postgres_password"))
        if home.user:
            os.chown(password, home.user.uid, home.user.gid)
        words = [
            "-D",
            str(new),
            "-U",
            ROLE,
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8",
        ]
        if home.version >= INITDB_SETS_FROM:
            words += [f"--set={key}={value}" for key, value in IN_FOLDER.items()]
        try:
            await self._run_once(home, "initdb", [*words, "--locale=C"])
        finally:
            password.unlink(missing_ok=True)
        new.rename(home.pgdata)

    async def _launch_once(self, home: Home) -> Child:
        log = self.data.log(self.name)
        options = [word for key, value in TUNING.items() for word in ("-c", f"{key}={value}")]
        program = Program(
            self.name,
            [str(home.programs / "postgres"), "-D", str(home.pgdata), "-p", str(self.port), *options],
            log=log,
            folder=home.folder,
            user=home.user,
            death_signal=signal.SIGQUIT,  # "immediate": killed, it would leave its processes behind
        )
        child = await start(program)
        try:
            await until_answers(child, lambda: postgres_answers("127.0.0.1", self.port), READY_TIMEOUT_S, log)
            await self._make_database(home)
        except BaseException:
            await end(child, signal.SIGQUIT, 5.0)
            raise
        return child

    async def _make_database(self, home: Home) -> None:
        """Once; the mark spares later starts the attempt."""
        mark = home.folder / "database_made"
        if not mark.exists():
            words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, DATABASE]
            with contextlib.suppress(_Exists):
                await self._run_once(home, "createdb", words)
            mark.touch()

    async def _run_once(self, home: Home, name: str, words: list[str]) -> None:
        log = self.data.log(name)
        log.unlink(missing_ok=True)
        environment = {"PGPASSWORD": self.data.secret("postgres_password"), "LC_ALL": "C"}
        program = Program(name, [str(home.programs / name), *words], environment, log, home.folder, home.user)
        child = await start(program)
        try:
            code = await asyncio.wait_for(child.wait(), ONCE_TIMEOUT_S)
        except BaseException:
            await end(child, signal.SIGKILL, 0)
            raise
        if code != 0:
            said = log_tail(log)
            raise _Exists(said) if "already exists" in said else StartFailure(f"{name} failed: {said}")


class _Exists(StartFailure):
    """The database is there already: made by a start that was killed before it could set its mark."""


def _remove_stale_pid_file(pgdata: Path) -> None:
    """PostgreSQL itself refuses to start while the id in its pid file belongs to anybody else's live
    process.
    """
    path = pgdata / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError):
        pid = int(path.read_text().split()[0])
        try:
            alive = "postgres" in psutil.Process(pid).name()
        except psutil.Error:
            alive = False
        if not alive:
            path.unlink()
