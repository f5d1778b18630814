"""Throw-away servers for tests: PostgreSQL and Valkey as `turnstile serve` starts them, in a passing folder.

Both run on a loop in a thread of its own: a child dies with the thread that started it, and a test's loop
ends with the test.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from server.embedded.postgres import Postgres
from server.embedded.valkey import Valkey
from server.supervisor.data_folder import DataFolder
from server.supervisor.processes import Child, end

START_TIMEOUT_S = 120.0


@contextmanager
def background_loop() -> Iterator[Callable[[Awaitable[object]], object]]:
    """A loop in a thread; yields what runs a coroutine there and waits for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def awaited(work: Awaitable[object]) -> object:
        return await work

    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(awaited(work), loop).result(START_TIMEOUT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def data_folder() -> Iterator[DataFolder]:
    """A folder everybody may pass into, because as root PostgreSQL runs as somebody else."""
    path = Path(tempfile.mkdtemp(prefix="turnstile-test-"))
    path.chmod(0o711)
    data = DataFolder.open(path)
    try:
        yield data
    finally:
        data.close()
        shutil.rmtree(path)


@contextmanager
def throwaway_postgres() -> Iterator[tuple[str, Child]]:
    """Its address, with an empty database, and its process."""
    with data_folder() as data, background_loop() as run:
        part = Postgres(data)
        child = run(part.launch())
        assert isinstance(child, Child)
        try:
            yield part.url, child
        finally:
            run(end(child, signal.SIGINT, part.stop_grace_s))


@contextmanager
def frozen(child: Child) -> Iterator[None]:
    """A server that is there and does nothing: neither its first process nor those it has started."""
    first = psutil.Process(child.identity.pid)
    stopped = [first, *first.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()


class ValkeyServer:
    """A Valkey that can be killed, frozen and started again on its port."""

    def __init__(self, part: Valkey, run: Callable[[Awaitable[object]], object]) -> None:
        self._part = part
        self._run = run
        self._child: Child | None = None
        self.start()

    @property
    def url(self) -> str:
        return self._part.url

    def start(self) -> None:
        child = self._run(self._part.launch())
        assert isinstance(child, Child)
        self._child = child

    def send(self, number: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.identity.pid, number)

    def kill(self) -> None:
        assert self._child is not None
        child, self._child = self._child, None
        self._run(end(child, signal.SIGKILL, 1.0))

    def close(self) -> None:
        if self._child is not None:
            self.send(signal.SIGCONT)
            self.kill()


@contextmanager
def throwaway_valkey() -> Iterator[ValkeyServer]:
    with data_folder() as data, background_loop() as run:
        server = ValkeyServer(Valkey(data), run)
        try:
            yield server
        finally:
            server.close()
