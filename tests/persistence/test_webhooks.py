"""Each endpoint is told each fact that it wants, at least once and in order, whatever others do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from msgspec.structs import replace

from actors.meter import Meter
from actors.news.config import FollowerLimits
from actors.news.follower import Follower
from actors.webhooks.config import CourierLimits
from actors.webhooks.courier import Courier
from actors.webhooks.reach import Reach
from domain.endpoints import DeliveryStatus, Endpoint, secret_of
from domain.event_messages import CancelReservation
from persistence.delivery_queue import PostgresDeliveryQueue
from persistence.endpoints import BY_OPERATOR, PostgresEndpoints
from persistence.news import PostgresNews
from tests.mail.buyers import addresses, bought, sell_to
from tests.persistence.sales import Sale, new_id, terms
from tests.persistence.worlds import PostgresWorld
from tests.webhooks.receiver import Receiver, receiving, registered

LIMITS = CourierLimits(poll_s=0.01, retry_first_ms=0, retry_max_ms=0, attempts_max=3, answer_timeout_s=60.0)
SOLD = ["hold.placed", "reservation.confirmed"]


class Office:
    """Endpoints of the test's own, and what it takes to tell them all."""

    def __init__(self, postgres: PostgresWorld, key: bytes) -> None:
        self.postgres = postgres
        self.key = key
        self.endpoints = PostgresEndpoints(postgres.url)
        self.queue = PostgresDeliveryQueue(postgres.url)
        self.news = PostgresNews(postgres.url)
        self.reach = Reach(True, LIMITS.answer_timeout_s, LIMITS.answer_max_bytes)
        self.now_ms = int(time.time() * 1000)

    def courier(self, limits: CourierLimits = LIMITS) -> Courier:
        return Courier(self.queue, self.reach, self.key, lambda: self.now_ms, Meter(), limits)

    async def follow(self) -> None:
        follower = Follower(0, 1, self.news, Meter(), FollowerLimits())
        while await follower.step():
            pass

    async def tell_all(self, limits: CourierLimits = LIMITS) -> None:
        courier = self.courier(limits)
        while await courier.step():
            await courier.settled()

    async def statuses(self, endpoint: Endpoint) -> list[str]:
        return [one.status.value for one in await self.endpoints.log(endpoint.id, None, None, 1_000)]

    async def sold(self, count: int = 1) -> tuple[Sale, list[str]]:
        """An event, and reservations of it that are confirmed."""
        store = self.postgres.store()
        sale = await Sale.opened(store, terms(1_000))
        return sale, list((await sell_to(store, sale, addresses(count))).values())

    async def close(self) -> None:
        for one in (self.endpoints, self.queue, self.news, self.reach):
            await one.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def office(postgres: PostgresWorld) -> AsyncIterator[Office]:
    connection = await postgres.connection()
    key = await connection.fetchval("SELECT value FROM secrets WHERE name = 'webhook_key'")
    made = Office(postgres, bytes(key))
    await made.follow()
    await connection.execute("DELETE FROM webhook_deliveries; DELETE FROM webhook_endpoints")
    yield made
    await made.close()


async def test_each_is_told_what_it_wants_once_and_signed(office: Office, receiver: Receiver) -> None:
    everything = await registered(office.endpoints, receiver.url + "/all")
    await registered(office.endpoints, receiver.url + "/some", kinds=("reservation.confirmed",))
    sale, (reservation_id,) = await office.sold()
    await registered(office.endpoints, receiver.url + "/other", inventory_id=reservation_id)
    for _ in range(2):
        await office.follow()
        await office.tell_all()
    of_it = [one for one in receiver.at("/all") if one.about == reservation_id]
    assert [one.said["type"] for one in of_it] == SOLD, "in order"
    assert sorted(receiver.types("/all")) == ["event.created", *SOLD]
    assert receiver.types("/some") == ["reservation.confirmed"]
    assert receiver.at("/other") == []
    told = of_it[-1]
    assert told.said["event_id"] == sale.id
    assert told.said["reservation_id"] == reservation_id
    at_s = told.headers["Webhook-Timestamp"]
    assert at_s == str(office.now_ms // 1000)
    secret = base64.b64decode(secret_of(office.key, everything.id, 1).removeprefix("whsec_"))
    signed = hmac.new(secret, f"{told.id}.{at_s}.".encode() + told.raw, hashlib.sha256).digest()
    assert told.headers["Webhook-Signature"] == "v1," + base64.b64encode(signed).decode()


async def test_an_organiser_is_told_of_its_own_alone(office: Office, receiver: Receiver) -> None:
    organiser_id = new_id()
    await registered(office.endpoints, receiver.url + "/", organiser_id=organiser_id)
    store = office.postgres.store()
    for owner in (organiser_id, new_id(), None):
        sale = await Sale.opened(store, replace(terms(10), organiser_id=owner))
        await sell_to(store, sale, addresses(1))
        if owner == organiser_id:
            own = sale.id
    await office.follow()
    await office.tell_all()
    assert sorted(receiver.types("/")) == ["event.created", *SOLD]
    assert {one.said["event_id"] for one in receiver.receipts} == {own}


async def test_what_was_before_an_endpoint_is_not_told_there(office: Office, receiver: Receiver) -> None:
    sale, _ = await office.sold()
    await office.follow()
    await registered(office.endpoints, receiver.url + "/")
    reservation_id, commands = bought(sale, addresses(1)[0])
    assert await sale.append(office.postgres.store(), sale.decided(*commands))
    await office.follow()
    await office.tell_all()
    assert {one.about for one in receiver.receipts} == {reservation_id}


async def test_of_one_reservation_the_next_waits_for_the_one_before_and_others_do_not(
    office: Office, receiver: Receiver
) -> None:
    await registered(office.endpoints, receiver.url + "/", kinds=tuple(SOLD))
    _, (first, second) = await office.sold(2)
    receiver.answers["/"] = lambda one: 503 if one.about == first and len(receiver.receipts) < 5 else 200
    await office.follow()
    await office.tell_all(CourierLimits(retry_first_ms=0, retry_max_ms=0, under_way_max=1))
    of_first = [(one.said["type"], one.answer) for one in receiver.receipts if one.about == first]
    assert of_first[-2:] == [(SOLD[0], 200), (SOLD[1], 200)]
    assert set(of_first[:-2]) == {(SOLD[0], 503)}
    assert len({one.id for one in receiver.receipts if one.about == first}) == 2
    assert [one.said["type"] for one in receiver.receipts if one.about == second] == SOLD


async def test_one_that_is_slow_holds_up_nobody_else(office: Office, receiver: Receiver) -> None:
    slow = await registered(office.endpoints, receiver.url + "/slow")
    await registered(office.endpoints, receiver.url + "/well")
    may_answer = asyncio.Event()
    receiver.answers["/slow"] = lambda _: _once(may_answer)
    await office.sold(20)
    await office.follow()
    courier = office.courier()
    while len({one.id for one in receiver.at("/well")}) < 41:
        if not await courier.step():
            await _a_moment()
    assert len(receiver.at("/slow")) == LIMITS.under_way_max
    assert set(await office.statuses(slow)) == {"pending"}
    may_answer.set()
    await courier.settled()


async def _once(event: asyncio.Event) -> web.StreamResponse:
    await event.wait()
    return web.Response()


async def _a_moment() -> None:
    await asyncio.sleep(0.01)


async def test_after_its_last_attempt_it_is_dead_the_next_goes_on_and_it_can_be_told_again(
    office: Office, receiver: Receiver
) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/", kinds=tuple(SOLD))
    await office.sold()
    receiver.answers["/"] = lambda one: 500 if one.said["type"] == SOLD[0] else 200
    await office.follow()
    await office.tell_all()
    assert receiver.types("/") == [SOLD[0]] * LIMITS.attempts_max + [SOLD[1]]
    (dead,) = await office.endpoints.log(endpoint.id, DeliveryStatus.DEAD, None, 10)
    assert (dead.answer, dead.error, dead.attempts) == (500, "answered 500", LIMITS.attempts_max)
    receiver.answers.clear()
    assert await office.endpoints.replay_dead(endpoint.id) == 1
    await office.tell_all()
    assert receiver.at("/")[-1].id == dead.id
    assert await office.statuses(endpoint) == ["delivered"] * 2
    again = await office.endpoints.replay(endpoint.id, dead.id)
    assert again is not None
    await office.tell_all()
    assert receiver.at("/")[-1].id == dead.id


async def test_one_that_only_fails_is_paused_and_what_happens_is_kept_for_it(
    office: Office, receiver: Receiver
) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/")
    receiver.answers["/"] = lambda _: 500
    await office.sold(3)
    await office.follow()
    limits = CourierLimits(
        retry_first_ms=0, retry_max_ms=0, pause_after_failures=5, pause_after_ms=0, under_way_max=1
    )
    await office.tell_all(limits)
    assert len(receiver.receipts) == 5
    paused = await office.endpoints.find(endpoint.id)
    assert paused is not None
    assert paused.paused_ms is not None
    assert paused.pause_reason == "answered 500"
    receiver.answers.clear()
    await office.sold()
    await office.follow()
    await office.tell_all(limits)
    assert len(receiver.receipts) == 5
    resumed = await office.endpoints.resume(endpoint.id)
    assert resumed is not None
    assert (resumed.paused_ms, resumed.failures) == (None, 0)
    await office.tell_all(limits)
    assert set(await office.statuses(endpoint)) == {"delivered"}
    assert len(await office.statuses(endpoint)) == 10


async def test_failures_between_which_something_arrives_pause_nobody(
    office: Office, receiver: Receiver
) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/")
    receiver.answers["/"] = lambda _: 500 if len(receiver.receipts) % 2 else 200
    await office.sold(10)
    await office.follow()
    await office.tell_all(
        CourierLimits(
            retry_first_ms=0, retry_max_ms=0, pause_after_failures=3, pause_after_ms=0, under_way_max=1
        )
    )
    assert set(await office.statuses(endpoint)) == {"delivered"}


async def test_one_that_is_gone_is_paused_at_once(office: Office, receiver: Receiver) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/")
    receiver.answers["/"] = lambda _: 410
    await office.sold(3)
    await office.follow()
    await office.tell_all(CourierLimits(under_way_max=1))
    assert len(receiver.receipts) == 1
    found = await office.endpoints.find(endpoint.id)
    assert found is not None
    assert found.pause_reason == "answered 410"


async def test_one_that_is_paused_by_its_operator_or_removed_is_sent_nothing(
    office: Office, receiver: Receiver
) -> None:
    paused = await registered(office.endpoints, receiver.url + "/paused")
    removed = await registered(office.endpoints, receiver.url + "/removed")
    await office.sold()
    await office.follow()
    found = await office.endpoints.pause(paused.id)
    assert found is not None
    assert found.pause_reason == BY_OPERATOR
    assert await office.endpoints.remove(removed.id, None) is None
    await office.sold()
    await office.follow()
    await office.tell_all()
    assert receiver.receipts == []
    assert len(await office.statuses(paused)) == 6
    assert len(await office.statuses(removed)) == 3


async def test_what_was_taken_by_who_died_is_told_after_the_lease_under_the_same_id(
    office: Office, receiver: Receiver
) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/", kinds=(SOLD[0],))
    await office.sold()
    await office.follow()
    (taken,) = await office.queue.take({endpoint.id: 10}, 60_000)
    await office.tell_all()
    assert receiver.receipts == []
    connection = await office.postgres.connection()
    await connection.execute("UPDATE webhook_deliveries SET due_ms = 0")
    await office.tell_all()
    assert [one.id for one in receiver.receipts] == [taken.id]


async def test_a_mark_that_comes_too_late_changes_nothing(office: Office, receiver: Receiver) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/", kinds=(SOLD[0],))
    await office.sold()
    await office.follow()
    (late,) = await office.queue.take({endpoint.id: 1}, 0)
    await _a_moment()
    (taken,) = await office.queue.take({endpoint.id: 1}, 60_000)
    assert (late.id, late.attempts, taken.attempts) == (taken.id, 1, 2)
    await office.queue.failed(late, 500, "late", None, (50, 1))
    assert await office.statuses(endpoint) == ["pending"]
    await office.queue.delivered(taken, 204)
    await office.queue.failed(taken, 500, "late", None, (50, 1))
    (found,) = await office.endpoints.log(endpoint.id, None, None, 10)
    assert (found.status.value, found.answer) == ("delivered", 204)


async def test_two_couriers_share_the_work(office: Office, receiver: Receiver) -> None:
    await registered(office.endpoints, receiver.url + "/")
    await office.sold(30)
    await office.follow()
    one, other = office.courier(), office.courier()
    while await one.step() + await other.step():
        await one.settled()
        await other.settled()
    ids = [receipt.id for receipt in receiver.receipts]
    assert len(ids) == len(set(ids)) == 61


async def test_pauses_between_attempts_grow(office: Office, receiver: Receiver) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/", kinds=(SOLD[0],))
    receiver.answers["/"] = lambda _: 500
    await office.sold()
    await office.follow()
    connection, pauses = await office.postgres.connection(), []
    for _ in range(3):
        courier = office.courier(CourierLimits(retry_first_ms=20_000, retry_max_ms=30_000))
        await courier.step()
        await courier.settled()
        (row,) = await office.endpoints.log(endpoint.id, None, None, 1)
        now_ms = await connection.fetchval("SELECT (extract(epoch from clock_timestamp()) * 1000)::bigint")
        pauses.append(round((row.due_ms - now_ms) / 10_000) * 10)
        await connection.execute("UPDATE webhook_deliveries SET due_ms = 0")
    assert pauses == [20, 30, 30]


async def test_a_cancelled_reservation_is_told_of_last(office: Office, receiver: Receiver) -> None:
    await registered(office.endpoints, receiver.url + "/")
    sale, (reservation_id,) = await office.sold()
    assert await sale.append(office.postgres.store(), sale.decided(CancelReservation(reservation_id)))
    await office.follow()
    await office.tell_all()
    told = [one.said["type"] for one in receiver.receipts if one.about == reservation_id]
    assert told == [*SOLD, "reservation.cancelled"]


async def test_what_waits_is_counted(office: Office, receiver: Receiver) -> None:
    endpoint = await registered(office.endpoints, receiver.url + "/")
    assert await office.queue.waiting() == (0, 0, 0, 0)
    await office.sold()
    await office.follow()
    await _a_moment()
    due, dead, age_ms, paused = await office.queue.waiting()
    assert (due, dead, paused) == (3, 0, 0)
    assert age_ms > 0
    await office.endpoints.pause(endpoint.id)
    assert await office.queue.waiting() == (0, 0, 0, 1)
