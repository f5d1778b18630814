"""The embedded Ray head: `ray start --head --block` on 127.0.0.1 with token authentication, as a child
process.

`--block` makes it one process to watch: it ends when one of Ray's own processes ends, and on Linux the
kernel ends those with it. Never `ray stop`: that ends every cluster on the machine. The temporary folder
has a short path, because Ray puts sockets into it, and is removed at the end.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from server.embedded.part import until_answers
from server.embedded.ports import free_port
from server.supervisor.data_folder import DataFolder
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Child, Program, end, start

READY_TIMEOUT_S = 120.0
OBJECT_STORE_BYTES = 100_000_000
CPUS_MIN, CPUS_MAX = 2, 8  # how many actor processes Ray starts at once; owners themselves ask for none
TOKEN_BYTES = 32
DEATH_INFO_WAIT_MS = 200
# Idle worker processes import this at once, so an owner that is made, or made again after a crash, need not.
PRELOADED_MODULES = "actors.ray_runtime"

# For every process that takes part: the head, the front ends, the actors.
RAY_EVERYWHERE = {
    "RAY_AUTH_MODE": "token",
    # Ray replaces 127.0.0.1 by the machine's outward address, and then listens there too, unless it is told
    # that there is only one node. The variable's name is history: it works on Linux as well.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray's default of 15 lets every other process go first
    "RAY_task_events_report_interval_ms": "0",  # else each call is recorded: 280 MB after 80,000
    # How long a caller waits to hear why an owner died before its call fails (default 1000): the gateway
    # asks anew whatever the reason, so this is time without sales. Health checks between nodes stay as they
    # are: one node's death is noticed by --block, and a busy machine must not be taken for a dead one.
    "RAY_timeout_ms_task_wait_for_death_info": str(DEATH_INFO_WAIT_MS),
    # How often a caller looks whether that time is over (default 1000): the same wait, by another name.
    "RAY_core_worker_internal_heartbeat_ms": str(DEATH_INFO_WAIT_MS),
    "RAY_event_stats": "0",  # else Ray times each of its own events: a tenth of what a call costs
}
_STARTED = b"Ray runtime started"


@dataclass
class RayHead:
    """See `Part`."""

    data: DataFolder
    dashboard_port: int | None
    """None: without the dashboard."""
    port: int = field(default_factory=free_port)
    name: str = "ray"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 10.0

    @property
    def address(self) -> str:
        """What a driver joins."""
        return f"127.0.0.1:{self.port}"

    @property
    def dashboard_address(self) -> str | None:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.dashboard_port}" if self.dashboard_port else None

    @property
    def token_path(self) -> Path:
        """The file with the token that drivers and the dashboard's users need."""
        return self.data.secret_path("ray_token")

    @property
    def driver_environment(self) -> dict[str, str]:
        """What a process needs in its environment to join."""
        return {**RAY_EVERYWHERE, "RAY_AUTH_TOKEN_PATH": str(self.token_path), "RAY_ADDRESS": self.address}

    async def launch(self) -> Child:
        """See `Part`."""
        self.data.secret("ray_token", TOKEN_BYTES)
        folder = self._fresh_folder()
        log = self.data.log(self.name)
        log.unlink(missing_ok=True)
        environment = {
            name: value for name, value in self.driver_environment.items() if name != "RAY_ADDRESS"
        }
        environment["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] = (
            "0"  # else SIGTERM waits 30 s for owners that never leave
        )
        environment["RAY_preload_python_modules"] = PRELOADED_MODULES
        environment["TMPDIR"] = str(folder)  # Ray ends its helpers hard: what they leave goes with the folder
        environment["RAY_START_HOOK"] = "server.embedded.ray_hook.without_client_server"
        child = await start(
            Program(self.name, self._command(folder), environment, log, death_signal=self.stop_signal)
        )

        async def answers() -> bool:
            return _STARTED in log.read_bytes()

        try:
            await until_answers(child, answers, READY_TIMEOUT_S, log)
        except StartFailure as error:
            await end(child, signal.SIGTERM, 2.0)
            raise StartFailure(_plain(str(error))) from None
        except BaseException:
            await end(child, signal.SIGTERM, 2.0)
            raise
        return child

    def describe(self) -> str:
        """See `Part`."""
        shown = f"dashboard on 127.0.0.1:{self.dashboard_port}" if self.dashboard_port else "no dashboard"
        return f"{self.address}, {shown}"

    def tidy(self) -> None:
        """See `Part`."""
        shutil.rmtree(self._folder(), ignore_errors=True)

    def _folder(self) -> Path:
        return temporary_folder(self.data.path)

    def _fresh_folder(self) -> Path:
        folder = self._folder()
        self.tidy()
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StartFailure(f"Ray's temporary folder {folder} cannot be made: {error.strerror}") from None
        return folder

    def _command(self, folder: Path) -> list[str]:
        cpus = max(CPUS_MIN, min(CPUS_MAX, os.cpu_count() or CPUS_MIN))
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *("--node-ip-address=127.0.0.1", f"--port={self.port}", f"--temp-dir={folder}"),
            *("--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"),
            *self._dashboard_options(),
            *(f"--object-store-memory={OBJECT_STORE_BYTES}", f"--num-cpus={cpus}"),
            *("--include-log-monitor=false", "--no-monitor", "--disable-usage-stats"),
        ]

    def _dashboard_options(self) -> list[str]:
        if self.dashboard_port is None:
            return ["--include-dashboard=false"]
        return ["--dashboard-host=127.0.0.1", f"--dashboard-port={self.dashboard_port}"]


def temporary_folder(data: Path) -> Path:
    """Ray's, of the server on that data folder.

    Socket paths end at 107 bytes (104 on macOS, whose own temporary folders are long): /tmp if there is one.
    """
    short = Path("/tmp")  # noqa: S108 - the folder inside is ours alone, mode 0700
    base = short if os.access(short, os.W_OK) else Path(tempfile.gettempdir())
    mark = hashlib.sha256(f"{os.geteuid()}:{data}".encode()).hexdigest()[:10]
    return base / f"turnstile-{mark}"


def _plain(text: str) -> str:
    """Without the terminal colours Ray prints even into a file."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
