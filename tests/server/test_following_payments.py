"""A payment is followed by waiting for it (`Prefer: wait`), or by watching it live, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import pytest
from msgspec.structs import replace

from domain.payment import Payment, Standing
from domain.provider_answers import NeedsAction, Said
from server.following import LOOK_FIRST_S, Following
from server.front_end import PARTS
from tests.server.conftest import OPERATOR, Answer, Api
from tests.server.live_client import WAIT_MAX_S
from tests.server.test_payments import PRICE, Sale, Till
from tests.simulation.loop import VirtualLoop

ENOUGH = {"Prefer": "wait=10"}


class Asking(Till):
    """Wants to see the buyer first; then, once it was looked up, has the money."""

    async def charge(self, key: str, payment: Payment) -> Said:
        return NeedsAction("ref", "https://bank.example/act")

    async def look_up(self, key: str, payment: Payment) -> Said:
        return await super().charge(key, payment)


@pytest.fixture
async def sale(api: Api) -> Sale:
    return Sale(api, await api.new_event(payment="required"))


async def worked(sale: Sale, waiting: Awaitable[Answer]) -> Answer:
    """The answer to who waits, with somebody at work meanwhile."""
    task = asyncio.ensure_future(waiting)
    async with asyncio.timeout(WAIT_MAX_S):
        while not sale.api.payments.payments:  # noqa: ASYNC110 - the request is a socket away
            await asyncio.sleep(0.01)
        while not task.done():
            await sale.work()
            await asyncio.sleep(0.01)
    return await task


async def test_who_waits_is_answered_when_the_payment_is_captured(sale: Sale) -> None:
    path, token = await sale.hold()
    answer = await worked(sale, sale.pay(path, token | ENOUGH))
    assert (answer.status, answer.json["status"]) == (202, "captured")
    assert answer.json["amount"] == {"amount": PRICE, "currency": "EUR"}
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert await sale.status(path) == "confirmed"


async def test_who_waits_is_answered_when_it_is_declined_or_asks_for_something(sale: Sale) -> None:
    path, token = await sale.hold()
    declined = await worked(sale, sale.pay(path, token | ENOUGH, method="declined"))
    assert declined.json["status"] == "failed"
    sale.till = Asking()
    asked = await worked(sale, sale.pay(path, token | ENOUGH))
    assert asked.json["status"] == "needs_action"
    assert asked.json["action_url"] == "https://bank.example/act"


async def test_who_has_waited_long_enough_is_answered_as_it_stands(sale: Sale) -> None:
    path, token = await sale.hold()
    begun = await sale.pay(path, token | {"Prefer": "wait=1"})
    assert (begun.status, begun.json["status"]) == (202, "pending")
    looked = await sale.api.get(begun.headers["Location"], headers=token | {"Prefer": "wait=1"})
    assert (looked.json["status"], looked.headers["Preference-Applied"]) == ("pending", "wait=1")
    waiting = sale.api.get(begun.headers["Location"], headers=token | ENOUGH)
    assert (await worked(sale, waiting)).json["status"] == "captured"


@pytest.mark.parametrize(
    ("said", "applied"),
    [
        ("wait=0", None),
        ("wait", None),
        ("wait=-1", None),
        ("wait=soon", None),
        ('note="wait=5"', None),
        ("respond-async, Wait = 7;x=1", "wait=7"),
        ("wait=31", "wait=30"),
        ("wait=30", "wait=30"),
    ],
)
async def test_a_preference_is_met_within_its_bound_or_overlooked(
    sale: Sale, said: str, applied: str | None
) -> None:
    _, token, location = await sale.paid()
    answer = await sale.api.get(location, headers=token | {"Prefer": said})
    assert (answer.status, answer.headers.get("Preference-Applied")) == (200, applied)


# --- live -----------------------------------------------------------------------------------------


async def told(
    sale: Sale, location: str, headers: dict[str, str], while_open: Callable[[], Awaitable[None]]
) -> list[str]:
    """The blocks of a stream, to its end; `while_open` happens once the first is there."""
    blocks: list[str] = []
    async with (
        asyncio.timeout(WAIT_MAX_S),
        sale.api.session.get(f"{location}/stream", headers=headers) as answer,
    ):
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        text = ""
        async for piece in answer.content.iter_any():
            text += piece.decode()
            if "event: " in text and not blocks:
                await while_open()
            blocks = text.split("\n\n")[:-1]
    return blocks


async def test_a_stream_tells_how_it_stands_then_each_change_and_ends(sale: Sale) -> None:
    path, token = await sale.hold()
    location = (await sale.pay(path, token)).headers["Location"]
    blocks = await told(sale, location, token, sale.work)
    assert blocks[0].startswith("retry: ")
    ids = [block.split("\n")[0] for block in blocks[1:]]
    assert ids == ["id: pending-0", "id: captured-0"]
    shown = (await sale.api.get(location, headers=token)).raw.decode()
    assert blocks[-1].split("\n")[1:] == ["event: state", f"data: {shown}"]
    assert sale.api.app[PARTS].metrics.streams == 0


async def test_who_comes_back_hears_what_is_new_or_that_there_is_nothing_more(sale: Sale) -> None:
    _, token, location = await sale.paid()

    async def nothing() -> None:
        """It is over already."""

    again = await told(sale, location, token | {"Last-Event-ID": "pending-0"}, nothing)
    assert [block.split("\n")[0] for block in again[1:]] == ["id: captured-0"]
    over = await sale.api.get(f"{location}/stream", headers=token | {"Last-Event-ID": "captured-0"})
    assert (over.status, over.raw) == (204, b"")


async def test_anothers_payment_is_not_watched(sale: Sale) -> None:
    _, _, location = await sale.paid()
    _, stranger = await sale.hold()
    assert (await sale.api.get(f"{location}/stream", headers=stranger)).status == 404
    assert (await sale.api.get(f"{location}/stream")).status == 401
    operators = await sale.api.get(f"{location}/stream", headers=OPERATOR)
    assert b'"step":"done"' in operators.raw


async def test_at_a_stop_nobody_waits_and_streams_end(sale: Sale) -> None:
    path, token = await sale.hold()
    location = (await sale.pay(path, token)).headers["Location"]

    async def stopped() -> None:
        sale.api.app[PARTS].following.close()

    blocks = await told(sale, location, token, stopped)
    assert [block.split("\n")[0] for block in blocks[1:]] == ["id: pending-0"]
    looked = await sale.api.get(location, headers=token | ENOUGH)
    assert looked.json["status"] == "pending"


# --- how they are looked at -------------------------------------------------------------------------


class Rows:
    """Payments that stand as they are told to, and how many were looked at, each time."""

    def __init__(self) -> None:
        self.now: dict[str, Payment] = {}
        self.looks: list[int] = []
        self.broken = False

    async def changed(self, known: Sequence[Payment]) -> list[Payment]:
        self.looks.append(len(known))
        if self.broken:
            raise OSError("gone")
        return [self.now[one.id] for one in known if self.now[one.id].standing is not one.standing]

    def add(self, name: str) -> Payment:
        made = Payment(id=name, inventory_id="e", reservation_id="r", provider="sim", deadline_ms=0)
        self.now[name] = made
        return made


def test_all_that_are_followed_are_looked_at_together_and_ever_less_often() -> None:
    """In virtual time, in which no other process comes between two of them."""
    loop, rows = VirtualLoop(Random(1)), Rows()

    async def course() -> None:
        following = Following(rows, (OSError,))
        known = [rows.add(str(number)) for number in range(20)]
        assert await asyncio.gather(*(following.change(one, 0.3) for one in known)) == known

    loop.run_until_complete(loop.main.spawn(course()))
    assert set(rows.looks) == {20}
    assert 1 < len(rows.looks) < loop.now_s / LOOK_FIRST_S / 2
    loop.finish()


async def test_rows_that_cannot_be_read_are_read_again() -> None:
    rows = Rows()
    following = Following(rows, (OSError,))
    known, rows.broken = rows.add("a"), True
    waiting = asyncio.create_task(following.change(known, WAIT_MAX_S))
    while len(rows.looks) < 2:  # noqa: ASYNC110 - the condition is another task's
        await asyncio.sleep(0.01)
    rows.now["a"] = replace(known, amount=5, standing=Standing.FAILED)
    rows.broken = False
    assert (await waiting).amount == 5
