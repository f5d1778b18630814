"""The line from a gateway to an owner: one TCP connection, on which many calls may be under way at once.

Ray makes owners, finds them by name, restarts them and tells of their ends. What they are asked goes past it:
a Ray call takes a millisecond or more, and as much CPU, however little it carries; a call on a line takes a
twentieth of that (docs/ARCHITECTURE.md). The rules it keeps:

- Who opens a line has to say the owner's secret first. It is made anew with each owner's process, and only
  Ray's calls, which are authenticated, give it out.
- A frame is its length, the number of its call, what it is, and that many bytes. Its length is bounded.
- Whatever goes wrong ends the line, and with it every call under way: `CallFailed`, outcome unknown. The
  kernel ends a line whose other side acknowledges nothing (`UNACKNOWLEDGED_MAX_MS`), and asks where there is
  nothing to acknowledge (`QUIET_MAX_S`); a stopped process acknowledges, and is the watchdog's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import cast

import msgspec

from actors.wire import CallFailed, NotUnderstood

log = logging.getLogger(__name__)
FRAME_MAX_BYTES = 2**28
"""Far above a batch of the largest bodies that settings allow in practice; a bound all the same."""
LINES_MAX = 4_096
"""That one owner has open at once: one for each front end and timer."""
OPEN_TIMEOUT_S = 3.0
"""To connect, and for the other side to say the secret."""
UNACKNOWLEDGED_MAX_MS = 5_000
QUIET_MAX_S = 5
"""On a line on which nothing is said, before the kernel asks whether the other side is still there."""
PROBE_AGAIN_S = 2
PROBES_MAX = 3
KERNEL_BOUNDS = (
    ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MAX_MS),
    ("TCP_KEEPIDLE", QUIET_MAX_S),
    ("TCP_KEEPALIVE", QUIET_MAX_S),
    ("TCP_KEEPINTVL", PROBE_AGAIN_S),
    ("TCP_KEEPCNT", PROBES_MAX),
)
"""Options of a line's sockets, each where the system has it; macOS says KEEPALIVE for KEEPIDLE."""
SECRET_BYTES = 32

_HEAD = struct.Struct("<IIB")
"""Bytes that follow, number of the call, and one of these:"""
SECRET, ASKED, ANSWERED, UNREADABLE, BROKEN = range(5)
UNKNOWN = "it does not say the secret"


@dataclass(frozen=True)
class Address:
    """Where an owner's process listens, and what opens it."""

    host: str
    port: int
    secret: bytes = field(repr=False)


class _End(asyncio.Protocol):
    """One end of a line: bytes into frames, and back."""

    def __init__(self, frame_max_bytes: int) -> None:
        self.frame_max_bytes = frame_max_bytes
        self._transport: asyncio.Transport
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        _end_without_the_other(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        begin = 0
        while len(buffer) - begin >= _HEAD.size and not self._transport.is_closing():
            size, number, kind = _HEAD.unpack_from(buffer, begin)
            if size > self.frame_max_bytes:
                self.fail(f"it brings a frame of {size} bytes")
                return
            body = begin + _HEAD.size
            if len(buffer) < body + size:
                break
            begin = body + size
            self.frame(number, kind, bytes(buffer[body:begin]))
        del buffer[:begin]

    def say(self, number: int, kind: int, payload: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(_HEAD.pack(len(payload), number, kind) + payload)

    def fail(self, why: str) -> None:
        log.warning("a line is ended", extra={"why": why})
        self.close()

    def close(self) -> None:
        """At once; the other side sees it lost."""
        self._transport.abort()

    def frame(self, number: int, kind: int, payload: bytes) -> None:
        raise AssertionError("each end has its own")


class Line(_End):
    """A gateway's end."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(FRAME_MAX_BYTES)
        self._secret = secret
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = count(1)
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.say(0, SECRET, self._secret)

    async def call(self, payload: bytes) -> bytes:
        """The owner's answer. Raises `CallFailed` (the outcome is unknown), `NotUnderstood`."""
        if self.lost or len(payload) > FRAME_MAX_BYTES:
            raise CallFailed("the line is lost" if self.lost else f"{len(payload)} bytes are too many")
        number = next(self._numbers) & 0xFFFFFFFF
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        self.say(number, ASKED, payload)
        try:
            return await answer
        finally:
            self._calls.pop(number, None)

    def frame(self, number: int, kind: int, payload: bytes) -> None:
        answer = self._calls.pop(number, None)
        if answer is None or answer.done():
            return
        if kind == ANSWERED:
            answer.set_result(payload)
        elif kind == UNREADABLE:
            answer.set_exception(NotUnderstood(f"the owner cannot read it: {payload.decode()}"))
        else:
            answer.set_exception(CallFailed(f"the owner failed: {payload.decode()}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        calls, self._calls = self._calls, {}
        for answer in calls.values():
            if not answer.done():
                answer.set_exception(CallFailed(f"the line was lost: {exc!r}"))


async def open_line(address: Address) -> Line:
    """A line to the owner that gave this address. Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        _, line = await loop.create_connection(lambda: Line(address.secret), address.host, address.port)
    return line


class Lines:
    """An owner's ends: listens on one port, and answers what comes on the lines that know the secret."""

    def __init__(self, handle: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._handle = handle
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._server: asyncio.Server
        self._open: set[_Answering] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str) -> Address:
        """On a free port of `host`. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Answering(self), host, 0)
        return Address(host, self._server.sockets[0].getsockname()[1], self._secret)

    async def close(self) -> None:
        """Listen no more, and end every line."""
        self._server.close()
        for end in list(self._open):
            end.close()
        await self._server.wait_closed()

    def admits(self, end: _Answering) -> bool:
        """Room for one more?"""
        if len(self._open) >= LINES_MAX:
            return False
        self._open.add(end)
        return True

    def left(self, end: _Answering) -> None:
        self._open.discard(end)

    def knows(self, secret: bytes) -> bool:
        return hmac.compare_digest(secret, self._secret)

    def answer(self, end: _Answering, number: int, payload: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(end, number, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, end: _Answering, number: int, payload: bytes) -> None:
        try:
            end.say(number, ANSWERED, await self._handle(payload))
        except msgspec.DecodeError as error:
            end.say(number, UNREADABLE, str(error).encode())
        except Exception as error:
            log.exception("a call failed")
            end.say(number, BROKEN, type(error).__name__.encode())


class _Answering(_End):
    """An owner's end. Until the secret has been said nothing is done, and not for long."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(SECRET_BYTES)
        self._lines = lines
        self._trusted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._lines.admits(self):
            self.fail(f"{LINES_MAX} are open already")
        self._patience = asyncio.get_running_loop().call_later(OPEN_TIMEOUT_S, self.fail, UNKNOWN)

    def frame(self, number: int, kind: int, payload: bytes) -> None:
        if self._trusted and kind == ASKED:
            self._lines.answer(self, number, payload)
        elif not self._trusted and kind == SECRET and self._lines.knows(payload):
            self._trusted, self.frame_max_bytes = True, FRAME_MAX_BYTES
            self._patience.cancel()
        else:
            self.fail(f"it says {kind}" if self._trusted else UNKNOWN)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        self._lines.left(self)


def _end_without_the_other(connection: socket.socket | None) -> None:
    """Where the system can: elsewhere a line to a machine that is gone ends when TCP gives up."""
    if connection is None:
        return
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KERNEL_BOUNDS:
        if (option := getattr(socket, name, None)) is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
