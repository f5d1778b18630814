"""The line between a gateway and an owner, over real sockets of this machine."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest

from actors import line as line_module
from actors.line import FRAME_MAX_BYTES, SECRET_BYTES, Address, Line, Lines, open_line
from actors.wire import CallFailed, NotUnderstood

HOST = "127.0.0.1"
WITHIN_S = 10.0
Handle = Callable[[bytes], Awaitable[bytes]]


async def backwards(payload: bytes) -> bytes:
    return payload[::-1]


@asynccontextmanager
async def owner(handle: Handle = backwards) -> AsyncIterator[tuple[Lines, Address]]:
    lines = Lines(handle)
    address = await lines.listen(HOST)
    try:
        async with asyncio.timeout(WITHIN_S):
            yield lines, address
    finally:
        await lines.close()


@asynccontextmanager
async def line_to(handle: Handle = backwards) -> AsyncIterator[tuple[Line, Lines, Address]]:
    async with owner(handle) as (lines, address):
        line = await open_line(address)
        try:
            yield line, lines, address
        finally:
            line.close()


def frame(number: int, kind: int, payload: bytes) -> bytes:
    return struct.pack("<IIB", len(payload), number, kind) + payload


async def test_each_call_gets_its_own_answer_whatever_their_order() -> None:
    may_answer: dict[bytes, asyncio.Event] = {name: asyncio.Event() for name in (b"one", b"two")}
    came: list[bytes] = []

    async def when_told(payload: bytes) -> bytes:
        came.append(payload)
        await may_answer[payload].wait()
        return payload.upper()

    async with line_to(when_told) as (line, _, _):
        first, second = (asyncio.ensure_future(line.call(name)) for name in (b"one", b"two"))
        may_answer[b"two"].set()
        assert await second == b"TWO"
        assert not first.done()
        may_answer[b"one"].set()
        assert await first == b"ONE"
    assert came == [b"one", b"two"]


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000])
async def test_payloads_of_all_sizes_come_whole(size: int) -> None:
    payload = bytes(number % 251 for number in range(1_000)) * (size // 1_000) + bytes(size % 1_000)
    async with line_to() as (line, _, _):
        assert await asyncio.gather(line.call(payload), line.call(b"ab")) == [payload[::-1], b"ba"]


async def test_bytes_that_come_one_at_a_time_are_a_frame_all_the_same() -> None:
    async with owner() as (_, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        for byte in frame(0, line_module.SECRET, address.secret) + frame(7, line_module.ASKED, b"abc"):
            writer.write(bytes([byte]))
            await writer.drain()
        answer = frame(7, line_module.ANSWERED, b"cba")
        assert await reader.readexactly(len(answer)) == answer
        writer.close()


@pytest.mark.parametrize(
    "first",
    [
        frame(0, line_module.SECRET, bytes(SECRET_BYTES)),
        frame(0, line_module.SECRET, b""),
        frame(1, line_module.ASKED, b"abc"),
        frame(0, line_module.SECRET, bytes(SECRET_BYTES + 1)),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_who_does_not_know_the_secret_is_not_heard(first: bytes) -> None:
    heard: list[bytes] = []

    async def hears(payload: bytes) -> bytes:
        heard.append(payload)
        return b""

    async with owner(hears) as (_, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(first + frame(2, line_module.ASKED, b"abc"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
    assert heard == []


async def test_who_says_nothing_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "OPEN_TIMEOUT_S", 0.05)
    async with owner() as (_, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_wrong_secret_fails_the_call_and_ends_the_line() -> None:
    async with owner() as (_, address):
        line = await open_line(replace(address, secret=bytes(SECRET_BYTES)))
        with pytest.raises(CallFailed):
            await line.call(b"abc")
        assert line.lost


async def test_a_frame_over_the_bound_ends_the_line_and_the_bound_itself_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line_module, "FRAME_MAX_BYTES", 1_000)
    async with line_to() as (line, _, _):
        assert await line.call(bytes(1_000)) == bytes(1_000)
        with pytest.raises(CallFailed, match="too many"):
            await line.call(bytes(1_001))
        assert await line.call(b"ab") == b"ba"
    async with owner() as (_, address):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(frame(0, line_module.SECRET, address.secret) + frame(1, line_module.ASKED, bytes(1_001)))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
    assert FRAME_MAX_BYTES > 400 * 65_536


async def test_the_kernel_asks_whether_the_other_side_is_there_and_gives_it_up_in_seconds() -> None:
    async with line_to() as (line, lines, _):
        assert await line.call(b"ab") == b"ba"
        for end in (line, *lines._open):
            connection: socket.socket = end._transport.get_extra_info("socket")
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            bounds = {name: value for name, value in line_module.KERNEL_BOUNDS if hasattr(socket, name)}
            kept = {name: connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in bounds}
            assert kept == bounds


async def test_more_lines_than_the_bound_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "LINES_MAX", 2)
    async with owner() as (_, address):
        lines = [await open_line(address) for _ in range(3)]
        answers = await asyncio.gather(*(line.call(b"ab") for line in lines), return_exceptions=True)
        assert sorted(isinstance(answer, CallFailed) for answer in answers) == [False, False, True]
        for line in lines:
            line.close()


async def test_an_owner_that_ends_fails_every_call_under_way_and_all_later_ones() -> None:
    async def never(payload: bytes) -> bytes:
        await asyncio.get_running_loop().create_future()
        return payload

    async with line_to(never) as (line, lines, _):
        calls = [asyncio.ensure_future(line.call(b"abc")) for _ in range(3)]
        await asyncio.sleep(0)
        await lines.close()
        for call in calls:
            with pytest.raises(CallFailed):
                await call
        with pytest.raises(CallFailed):
            await line.call(b"abc")


async def test_a_call_that_fails_says_so_and_the_line_goes_on() -> None:
    async def fails(payload: bytes) -> bytes:
        match payload:
            case b"unreadable":
                return bytes(msgspec.msgpack.decode(b"\xc1"))
            case b"bug":
                raise ValueError(payload)
            case _:
                return payload

    async with line_to(fails) as (line, _, _):
        with pytest.raises(NotUnderstood):
            await line.call(b"unreadable")
        with pytest.raises(CallFailed, match="ValueError"):
            await line.call(b"bug")
        assert await line.call(b"well") == b"well"


async def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    may_answer = asyncio.Event()

    async def late(payload: bytes) -> bytes:
        if payload == b"late":
            await may_answer.wait()
        return payload

    async with line_to(late) as (line, _, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.call(b"late"), 0.01)
        may_answer.set()
        assert await line.call(b"next") == b"next"


async def test_a_secret_is_not_shown_where_an_address_is() -> None:
    async with owner() as (_, address):
        assert repr(address.secret) not in repr(address)
