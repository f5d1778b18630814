"""So much may be held at a time, and not one more: by an account, from an address, whatever the e-mail."""

from __future__ import annotations

from typing import Any

import pytest

from persistence.hold_counts import HoldCounts
from server.hold_caps import YOUNG_MS, HoldBounds
from server.ids import uuid7
from server.parts import Options
from tests.persistence.servers import throwaway_valkey
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
        await other.remove("a", [ids[0]])
        assert await one.add("a", ids[3], ids[3], CAP) == {}
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
