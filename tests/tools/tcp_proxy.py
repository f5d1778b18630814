"""A TCP proxy that can go wrong: cut its connections, freeze either direction, refuse new ones.

Frozen bytes are kept and delivered after `thaw`, also when the client has gone meanwhile: the network does
that, and it is how a statement arrives late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_MAX_BYTES = 65_536


class TcpProxy:
    """Between 127.0.0.1:`port` and one server."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._to_server = asyncio.Event()
        self._to_client = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.delivered_bytes = 0
        """Handed to the server."""
        self.thaw()

    def freeze(self, to_server: bool = True, to_client: bool = True) -> None:
        """Hold what goes in these directions back from here on. Connections are still accepted."""
        for flows, frozen in ((self._to_server, to_server), (self._to_client, to_client)):
            if frozen:
                flows.clear()

    def thaw(self) -> None:
        """Deliver what was held back, and what comes."""
        self._to_server.set()
        self._to_client.set()

    def cut(self) -> None:
        """Reset every connection, on both sides."""
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.transport.abort()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            self._writers += [writer, far_writer]
            await asyncio.gather(
                self._pump(reader, far_writer, self._to_server),
                self._pump(far_reader, writer, self._to_client),
            )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_MAX_BYTES):
                await flows.wait()
                writer.write(data)
                await writer.drain()
                if flows is self._to_server:
                    self.delivered_bytes += len(data)
        await flows.wait()
        writer.close()

    async def close(self) -> None:
        self.thaw()
        while self._tasks:
            self.cut()
            await asyncio.wait(self._tasks, timeout=0.05)


@asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy(host, port)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
