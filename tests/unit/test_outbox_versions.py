"""A front end and an owner of different versions: what is not understood is said once, not for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec
import pytest

from actors.gateway import CREATOR, Gateway, GatewayLimits
from actors.meter import Meter
from actors.wire import UNAVAILABLE, NotUnderstood, unpack_batch
from domain.event_messages import CreateEvent
from persistence.memory import MemoryDatabase
from tests.unit.sale import event_terms

EVENT = "00000000-0000-7000-8000-000000000001"
Owner = Callable[[bytes], bytes]


class RealTime:
    """This process's own clock is the store's."""

    trusted = True

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class Wire:
    """To an owner of another version, and from it as a line brings its words."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.calls = 0

    async def call(self, owner: str, payload: bytes) -> bytes:
        self.calls += 1
        try:
            return self.owner(payload)
        except msgspec.DecodeError as error:
            raise NotUnderstood(str(error)) from error

    async def check(self, owner: str) -> None:
        raise AssertionError("nothing is overdue")

    async def owners(self) -> list[dict[str, object]]:
        return []

    async def reachable(self) -> None:
        return None


class LaterBatch(msgspec.Struct, array_like=True):
    """A batch as some later version may have it."""

    tenant: bool


def cannot_read(payload: bytes) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.decode(payload, type=LaterBatch))


def says_something_new(payload: bytes) -> bytes:
    return msgspec.msgpack.encode([["a reply of a later version"]] * len(unpack_batch(payload).asks))


def says_too_little(payload: bytes) -> bytes:
    assert unpack_batch(payload).asks
    return msgspec.msgpack.encode([])


@pytest.mark.parametrize("owner", [cannot_read, says_something_new, says_too_little])
async def test_what_is_not_understood_is_unavailable_after_one_call_and_the_way_stays_open(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    time_ms = RealTime()
    wire, directory = Wire(owner), MemoryDatabase(time_ms.now_ms).session()
    gateway = Gateway(wire, directory, time_ms, GatewayLimits(), Meter())
    for calls in (1, 2):
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            answer = await gateway.create(CreateEvent(EVENT, event_terms()), CREATOR)
        assert answer == UNAVAILABLE
        assert wire.calls == calls
        assert ["different versions" in line.getMessage() for line in caplog.records] == [True]
