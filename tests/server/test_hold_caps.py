"""So much may be held at a time, and not one more: by an account, from an address, whatever the e-mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis import Redis

from persistence.hold_counts import OWN_WORD_FROM, HoldCounts
from server.hold_caps import YOUNG_MS, HoldBounds
from server.ids import uuid7
from server.parts import Options
from tests.persistence.fronts import until
from tests.persistence.servers import ValkeyServer, throwaway_valkey
from tests.server.conftest import OPERATOR, Answer, Api, Start, hold_body
from tests.server.people import signed_in
from tests.server.test_restaurants import RESTAURANTS, house_body, wish

CAP = 3
AWAY = {"X-Forwarded-For": "192.0.2.7"}
HOUR_MS = 3_600_000


def bounded(per_account: int = 0, per_address: int = 0) -> Options:
    return Options(hold_bounds=HoldBounds(per_account, per_address), trusted_proxies=("127.0.0.1",))


@pytest.fixture
async def api(start: Start) -> Api:
    api = await start(bounded(per_address=CAP))
    api.event_id = await api.new_event()
    return api


async def hold(api: Api, number: int = 0, headers: dict[str, str] | None = None, **given: Any) -> Answer:
    """Each for another e-mail."""
    path = f"/api/v1/events/{api.event_id}/reservations"
    body = hold_body(email=f"buyer{number}@example.org", **given)
    return await api.post(path, json=body, headers=headers or {})


async def full(api: Api, headers: dict[str, str] | None = None) -> list[Answer]:
    """As many as may be, and that one more is refused and changes nothing."""
    held = [await hold(api, number, headers) for number in range(CAP)]
    assert [one.status for one in held] == [201] * CAP
    live = await live_tickets(api)
    refused = await hold(api, CAP, headers)
    assert (refused.status, refused.code) == (409, "limit_exceeded")
    assert (refused.json["limit"], refused.json["requested"]) == (CAP, CAP + 1)
    assert await live_tickets(api) == live
    return held


async def live_tickets(api: Api) -> int:
    counts = (await api.get(f"/api/v1/events/{api.event_id}/availability")).json["ticket_types"]
    return sum(one["held"] + one["confirmed"] for one in counts)


async def act(api: Api, held: Answer, verb: str) -> None:
    token = {"Reservation-Token": held.json["token"]}
    answer = await api.post(f"/api/v1/reservations/{held.json['id']}/{verb}", headers=token)
    assert answer.status == 200, answer.raw


async def test_who_has_many_e_mails_holds_no_more_than_others_from_one_address(api: Api) -> None:
    await full(api)
    assert (await hold(api, 9, AWAY)).status == 201
    assert (await hold(api, 9, OPERATOR)).status == 201


@pytest.mark.parametrize("verb", ["cancel", "confirm"])
async def test_what_is_released_or_confirmed_makes_room_at_once(api: Api, verb: str) -> None:
    held = await full(api)
    await act(api, held[1], verb)
    assert (await hold(api, 7)).status == 201
    assert (await hold(api, 8)).code == "limit_exceeded"


async def test_what_has_expired_makes_room(api: Api) -> None:
    await full(api)
    api.gateway.now_ms += HOUR_MS
    await full(api)


async def test_a_retry_gets_its_reply_also_where_all_places_are_taken(api: Api) -> None:
    key = {"Idempotency-Key": "one"}
    first = await hold(api, 0, key)
    for number in range(1, CAP):
        await hold(api, number)
    again = await hold(api, 0, key)
    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert (await hold(api, 5)).code == "limit_exceeded"
    await act(api, first, "cancel")
    assert (await hold(api, 5)).status == 201
    assert (await hold(api, 6)).code == "limit_exceeded"
    late = await hold(api, 0, key)
    assert (late.status, late.json) == (201, again.json), "though its place is another's by now"
    assert (await hold(api, 6)).code == "limit_exceeded"


async def test_a_key_that_is_used_again_for_something_else_gives_no_place_back(api: Api) -> None:
    key = {"Idempotency-Key": "one"}
    await hold(api, 0, key)
    assert (await hold(api, 1, key)).code == "key_reused"
    assert [(await hold(api, number)).status for number in range(CAP)] == [201] * (CAP - 1) + [409]
    api.gateway.now_ms += YOUNG_MS
    assert (await hold(api, CAP)).code == "limit_exceeded"


async def test_what_was_refused_takes_no_place(api: Api) -> None:
    for _ in range(CAP + 1):
        assert (await hold(api, 0, quantity=11)).code in ("sold_out", "limit_exceeded")
    assert [(await hold(api, number)).status for number in range(CAP)] == [201] * CAP


async def test_a_place_whose_hold_never_came_to_be_is_free_after_a_while(start: Start) -> None:
    counts = HoldCounts()
    api = await start(bounded(per_address=CAP), hold_counts=counts)
    api.event_id = await api.new_event()
    for _ in range(CAP):
        lost = uuid7(api.gateway.now_ms)
        assert await counts.add("address:127.0.0.1", lost, lost, CAP) == {}
    assert (await hold(api)).code == "limit_exceeded"
    api.gateway.now_ms += YOUNG_MS - 1
    assert (await hold(api)).code == "limit_exceeded"
    api.gateway.now_ms += 1
    await full(api)


async def test_an_account_is_bounded_wherever_it_comes_from_and_guests_are_not(start: Start) -> None:
    api = await start(bounded(per_account=CAP))
    api.event_id = await api.new_event()
    ada, bob = await signed_in(api), await signed_in(api, "bob@example.org")
    await full(api, ada.headers)
    assert (await hold(api, 0, ada.headers | AWAY)).code == "limit_exceeded"
    assert (await hold(api, 0, bob.headers)).status == 201
    assert (await hold(api, 0)).status == 201


async def test_an_account_that_meets_the_bound_of_its_address_keeps_its_own_place(start: Start) -> None:
    api = await start(bounded(per_account=CAP, per_address=1))
    api.event_id = await api.new_event()
    ada = await signed_in(api)
    assert (await hold(api, 0)).status == 201
    for _ in range(CAP + 1):
        assert (await hold(api, 1, ada.headers)).json["limit"] == 1
    moved = [await hold(api, n, ada.headers | {"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(CAP + 1)]
    assert [one.status for one in moved] == [201] * CAP + [409]


async def test_holds_of_tables_and_those_asked_for_behind_the_scenes_count_too(api: Api) -> None:
    house = await api.post(RESTAURANTS, json=house_body(), headers=OPERATOR)
    path = f"{RESTAURANTS}/{house.json['id']}/reservations"
    assert (await api.post(path, json=wish())).status == 201
    asked = [await hold(api, number, {"Prefer": "respond-async"}) for number in range(CAP)]
    assert [one.status for one in asked] == [202] * (CAP - 1) + [409]
    refused = await api.post(path, json=wish())
    assert (refused.status, refused.code) == (409, "limit_exceeded")


async def test_what_is_asked_for_behind_the_scenes_keeps_its_place_however_long_it_waits(api: Api) -> None:
    asked = [await hold(api, number, {"Prefer": "respond-async"}) for number in range(CAP)]
    assert [one.status for one in asked] == [202] * CAP
    api.gateway.now_ms += YOUNG_MS
    assert (await hold(api, CAP)).code == "limit_exceeded"


async def test_front_ends_count_together_and_each_alone_while_valkey_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [f"0189000{number}-0000-7000-8000-000000000001" for number in range(CAP + 1)]
    with throwaway_valkey() as valkey:
        one, other = HoldCounts(valkey.url), HoldCounts(valkey.url)
        for number, counts in enumerate((one, other, one)):
            assert await counts.add("a", ids[number], ids[number], CAP) == {}
        assert await other.add("a", ids[3], ids[3], CAP) == {name: name for name in ids[:3]}
        assert await other.add("a", ids[0], ids[0], CAP) == {}
        other.remove("a", [ids[0], ids[1]])
        assert await other.add("a", ids[3], ids[3], CAP) == {}, "its own front end finds them gone at once"
        assert await one.add("a", ids[0], ids[0], CAP) == {}
        valkey.kill()
        for number in range(CAP):
            assert await one.add("a", ids[number], ids[number], CAP) == {}
        assert len(await one.add("a", ids[3], ids[3], CAP)) == CAP
        valkey.start()
        monkeypatch.setattr("persistence.hold_counts.ALONE_S", 0.0)
        one._alone_until_s = 0.0
        await other.add("b", "found out", "that the connection is gone", CAP)
        for number, counts in enumerate((other, one, other)):
            assert await counts.add("b", ids[number], ids[number], CAP) == {}
        assert await one.add("b", ids[3], ids[3], CAP) == {name: name for name in ids[:3]}
        await one.close()
        await other.close()


# --- on one's own word ------------------------------------------------------------------------------


MANY = {"code": "ga", "name": "Standing", "quota": 100, "price": {"amount": 0, "currency": "EUR"}}


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with throwaway_valkey() as server:
        yield server


@asynccontextmanager
async def processes(valkey: ValkeyServer, number: int) -> AsyncIterator[list[HoldCounts]]:
    """Of so many front ends."""
    all_counts = [HoldCounts(valkey.url) for _ in range(number)]
    try:
        yield all_counts
    finally:
        for counts in all_counts:
            await counts.close()


def there_are(valkey: ValkeyServer, key: str) -> int:
    """So many places are taken, as Valkey has it."""
    with Redis.from_url(valkey.url) as asked:
        return len(cast(dict[bytes, bytes], asked.hgetall(f"turnstile-holds:{key}")))


@pytest.mark.parametrize("cap", [OWN_WORD_FROM - 1, OWN_WORD_FROM, 2 * OWN_WORD_FROM])
async def test_one_front_end_lets_an_account_hold_what_it_may_and_not_one_more_however_fast(
    start: Start, valkey: ValkeyServer, cap: int
) -> None:
    async with processes(valkey, 1) as (counts,):
        api = await start(bounded(per_account=cap), hold_counts=counts)
        api.event_id = await api.new_event(ticket_types=[MANY])
        ada, bob = await signed_in(api), await signed_in(api, "bob@example.org")
        answers = await asyncio.gather(*(hold(api, number, ada.headers) for number in range(cap + 10)))
        assert sorted(one.status for one in answers) == [201] * cap + [409] * 10
        for number in range(cap):
            assert (await hold(api, number, bob.headers)).status == 201
        assert (await hold(api, cap, bob.headers)).code == "limit_exceeded"


async def test_one_place_is_given_at_once_and_the_next_is_asked_for_after_that_was_said(
    valkey: ValkeyServer,
) -> None:
    async with processes(valkey, 1) as (one,):
        assert not one.at_once("ada", "0", "0", OWN_WORD_FROM - 1)
        assert one.at_once("ada", "1", "first", 20)
        assert not one.at_once("ada", "2", "second", 20)
        assert one.at_once("bob", "1", "first", 20), "whom it knows nothing of"
        assert await one.add("ada", "2", "second", 20) == {}
        assert there_are(valkey, "ada") == 2
        assert one.at_once("ada", "3", "third", 20)


@pytest.mark.parametrize(("front_ends", "from_cap"), [(1, 20), (2, 40), (9, 180)])
async def test_what_front_ends_could_give_too_much_at_once_is_less_than_a_twentieth(
    valkey: ValkeyServer, front_ends: int, from_cap: int
) -> None:
    counts = HoldCounts(valkey.url, front_ends)
    assert not counts.at_once("gus", "1", "first", from_cap - 1)
    assert counts.at_once("gus", "1", "first", from_cap)
    await counts.close()


async def test_what_was_given_at_once_or_removed_is_said_though_nobody_asks(valkey: ValkeyServer) -> None:
    async with processes(valkey, 1) as (counts,):
        assert counts.at_once("carl", "1", "first", 20)
        for said in (1, 2, 3):
            await until(lambda: counts.at_once("carl", f"more {said}", "more", 20))  # noqa: B023
            assert there_are(valkey, "carl") == said
        await until(lambda: not counts._untold)
        counts.remove("carl", ["1"])
        await until(lambda: there_are(valkey, "carl") == 3)


async def test_what_cannot_be_said_keeps_nothing_else_from_being_said(valkey: ValkeyServer) -> None:
    async with processes(valkey, 1) as (counts,):
        assert counts.at_once("no text: \ud800", "1", "first", 20)
        await until(lambda: not counts._untold)
        assert counts.at_once("gina", "1", "first", 20)
        await until(lambda: there_are(valkey, "gina") == 1)


async def test_what_was_given_at_once_is_said_before_a_front_end_ends(valkey: ValkeyServer) -> None:
    async with processes(valkey, 1) as (counts,):
        assert counts.at_once("dora", "1", "first", 20)
    assert there_are(valkey, "dora") == 1


async def test_a_place_that_is_given_back_before_it_was_said_is_never_said(valkey: ValkeyServer) -> None:
    async with processes(valkey, 1) as (counts,):
        assert counts.at_once("emil", "1", "first", 20)
        counts.remove("emil", ["1"])
        assert counts.at_once("emil", "2", "second", 20)
    assert there_are(valkey, "emil") == 1


async def test_of_whom_half_is_taken_each_front_end_that_has_heard_of_it_asks_first(
    valkey: ValkeyServer,
) -> None:
    cap = OWN_WORD_FROM
    async with processes(valkey, 2) as (one, other):
        for number in range(cap // 2):
            assert not one._near
            assert await one.add("fay", str(number), str(number), cap) == {}
        assert not one.at_once("fay", "more", "more", cap)
        for number in range(cap // 2, cap):
            assert await one.add("fay", str(number), str(number), cap) == {}
        assert other.at_once("fay", "one over", "10", cap), "it has not heard"
        assert len(await other.add("fay", "two over", "11", cap)) == cap + 1
        assert not other.at_once("fay", "two over", "11", cap), "and now it has"
        other.remove("fay", [str(number) for number in range(cap)])
        assert await other.add("fay", "after", "12", cap) == {}
        assert other.at_once("fay", "and again", "13", cap)


async def test_while_valkey_is_gone_what_was_given_at_once_counts_where_it_was_given() -> None:
    with throwaway_valkey() as valkey:
        async with processes(valkey, 1) as (counts,):
            assert await counts.add("ada", "0", "zeroth", 20) == {}
            assert counts.at_once("ada", "1", "first", 20)
            valkey.kill()
            assert await counts.add("ada", "2", "second", 1) == {"1": "first"}
            assert not counts.at_once("bob", "1", "first", 20)
            assert await counts.add("bob", "1", "first", 20) == {}
