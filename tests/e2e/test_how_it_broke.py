"""Each way in which one of five existing systems broke, tried on Turnstile through HTTP: it holds.

The systems, and what was seen of them, are in docs/five-systems.md. That it holds while parts are killed
too is shown in tests/integration.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import pytest

from tests.e2e.conftest import CLIENTS
from tests.e2e.talk import Answer, Talk, address_of, in_time, person, words

DAY = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=9)).isoformat()
A_MOMENT_S = 1.5
FREE: dict[str, Any] = {"price": 0, "one_per_customer": True, "cancel_until": "2031-05-01T20:00:00Z"}


async def at_once(talk: Talk, event_id: str, **more: Any) -> list[Answer]:
    """64 clients, one ticket each."""
    return list(await asyncio.gather(*(talk.holds(event_id, f"c{n}", **more) for n in range(CLIENTS))))


def house(**more: Any) -> dict[str, Any]:
    """One table, open in the evening; a party stays for two hours."""
    return {
        "name": "Alla Prova",
        "time_zone": "Europe/Berlin",
        "services": [{"weekday": day, "opens": "18:00", "closes": "23:45"} for day in range(7)],
        "tables": [{"number": "1", "largest": 4}],
        **more,
    }


async def dines(talk: Talk, restaurant_id: str, time: str, who: str = "ada", **more: Any) -> Answer:
    body = {
        "date": DAY,
        "time": time,
        "party_size": 2,
        "customer": person(who),
        **more,
    }
    return await talk.post(f"/restaurants/{restaurant_id}/reservations", body)


# -- the Reservations API: answered at once, processed behind


async def test_every_background_task_died(operator: Talk, anybody: Talk) -> None:
    event_id = await operator.new_event(5)
    asked = [
        await anybody.post(
            f"/events/{event_id}/reservations",
            {
                "lines": [{"ticket_type": "ga", "quantity": 1}],
                "customer": person(f"c{n}"),
            },
            Prefer="respond-async",
        )
        for n in range(6)
    ]
    assert {status for status, _ in asked} == {202}

    async def ended(one: dict[str, Any]) -> Any:
        found = await anybody.get(f"/submissions/{one['id']}", Reservation_Token=one["token"])
        return found["status"] != "pending" and found["status"]

    ends = [await in_time(lambda one=body: ended(one), "an answer") for _, body in asked]
    assert sorted(ends) == ["held"] * 5 + ["rejected"]


async def test_there_was_no_way_to_ask_for_the_result(operator: Talk, anybody: Talk) -> None:
    event_id = await operator.new_event(1)
    held = (await anybody.holds(event_id, "ada")).body
    found = await anybody.get(f"/reservations/{held['id']}", Reservation_Token=held["token"])
    assert found["status"] == "held"
    assert found["lines"] == held["lines"]


async def test_cancelling_gave_back_tickets_that_were_never_taken(operator: Talk, anybody: Talk) -> None:
    event_id = await operator.new_event(2)
    held = (await anybody.holds(event_id, "ada", 2)).body
    assert (await anybody.holds(event_id, "bob")).word == "held"
    holder = anybody.as_one_with(Reservation_Token=held["token"])
    ends = await asyncio.gather(*(holder.post(f"/reservations/{held['id']}/cancel") for _ in range(8)))
    assert {answer.word for answer in ends} == {"released"}
    assert await anybody.available(event_id) == 2


# -- ReservaFlow: restaurant tables


async def test_one_table_took_parties_that_overlap(operator: Talk, anybody: Talk) -> None:
    place = (await operator.makes("/restaurants", house()))["id"]
    times = ("19:00", "19:15", "19:30", "20:45", "21:00")
    answers = [await dines(anybody, place, time, f"c{n}") for n, time in enumerate(times)]
    assert [answer.word for answer in answers] == ["held", "held", "held", "held", "held"]
    assert [answer.status for answer in answers] == [201, 423, 423, 423, 201], "a stay lasts two hours"


async def test_nothing_could_be_confirmed_or_cancelled(operator: Talk, anybody: Talk) -> None:
    place = (await operator.makes("/restaurants", house()))["id"]
    held = (await dines(anybody, place, "19:00")).body
    guest = anybody.as_one_with(Reservation_Token=held["token"])
    assert (await guest.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"
    taken = await dines(anybody, place, "20:00", "bob")
    assert (taken.status, taken.word) == (409, "taken")
    assert (await guest.post(f"/reservations/{held['id']}/cancel")).word == "cancelled"
    assert (await dines(anybody, place, "20:00", "bob")).status == 201


async def test_cached_availability_was_never_refreshed(operator: Talk, anybody: Talk) -> None:
    place = (await operator.makes("/restaurants", house()))["id"]
    search = f"/restaurants/{place}/search?date={DAY}&party_size=2"

    async def times() -> list[str]:
        return [one["time"] for one in (await anybody.get(search))["times"]]

    before = await times()
    assert "19:00" in before
    held = (await dines(anybody, place, "19:00")).body
    assert "19:00" not in await times(), "the owner answers, who has just decided"
    await operator.post(f"/reservations/{held['id']}/cancel")
    assert await times() == before


# -- Area101: sessions of a community


@pytest.mark.parametrize("capacity", [1, 5])
async def test_a_session_of_five_places_took_eight(operator: Talk, anybody: Talk, capacity: int) -> None:
    session = await operator.new_event(capacity, **FREE)
    assert words(await at_once(anybody, session, confirm=True)) == {
        "confirmed": capacity,
        "sold_out": CLIENTS - capacity,
    }


async def test_anyone_could_cancel_by_knowing_an_address(operator: Talk, anybody: Talk) -> None:
    session = await operator.new_event(5, **FREE)
    reserved = (await anybody.holds(session, "ada", confirm=True)).body
    cancel = f"/events/{session}/reservations/cancel"
    assert (await anybody.post(cancel, {"email": address_of("ada")})).status == 422
    wrong = {"email": address_of("ada"), "code": "AAAA-BBBB-CCCC"}
    assert (await anybody.post(cancel, wrong)).status in (404, 422)
    assert await anybody.available(session) == 4
    right = {"email": address_of("ada"), "code": reserved["code"]}
    assert (await anybody.post(cancel, right)).word == "cancelled"


async def test_a_session_that_had_begun_could_be_reserved(operator: Talk, anybody: Talk) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=A_MOMENT_S)
    session = await operator.new_event(10_000, price=0, starts_at=soon.isoformat())

    async def refused() -> Any:
        answer = await anybody.holds(session, "ada", confirm=True)
        return answer if answer.status >= 400 else None

    assert (await in_time(refused, "it has begun")).word == "sales_closed"


# -- Ticket Overlord: ticket types and payments


@pytest.mark.parametrize("pool", [1, 5])
async def test_a_pool_of_five_tickets_sold_six_to_eleven(operator: Talk, anybody: Talk, pool: int) -> None:
    event_id = await operator.new_event(pool)
    answers = await at_once(anybody, event_id)
    assert [answer.status for answer in answers].count(201) == pool
    assert {answer.status for answer in answers} == {201, 423}, "the others may come free yet"


async def test_sold_out_was_answered_with_a_500(operator: Talk, anybody: Talk) -> None:
    event_id = await operator.new_event(1, price=0)
    assert (await anybody.holds(event_id, "ada", confirm=True)).status == 201
    refused = await anybody.holds(event_id, "bob")
    assert (refused.status, refused.word) == (409, "sold_out")


async def test_an_amount_below_nothing_was_accepted_as_a_price(operator: Talk) -> None:
    kind = {"code": "ga", "name": "Admission", "quota": 1, "price": {"amount": -5000, "currency": "EUR"}}
    body = {"name": "A show", "starts_at": "2031-05-01T20:00:00Z", "ticket_types": [kind]}
    refused = await operator.post("/events", body)
    assert (refused.status, refused.word) == (422, "invalid")


async def test_somebody_elses_reservation_could_be_paid_for(operator: Talk, anybody: Talk) -> None:
    event_id = await operator.new_event(2, payment="required")
    adas = (await anybody.holds(event_id, "ada")).body
    bobs = (await anybody.holds(event_id, "bob")).body
    bob = anybody.as_one_with(Reservation_Token=bobs["token"])
    pays = {"provider": "sandbox"}
    assert (await bob.post(f"/reservations/{adas['id']}/payments", pays)).status == 404
    assert (await anybody.post(f"/reservations/{adas['id']}/payments", pays)).status == 401
    assert (await operator.get(f"/reservations/{adas['id']}"))["status"] == "held"


# -- Volleyball tickets: seats of a stadium, wallets


async def test_a_wallet_took_a_charge_below_nothing(operator: Talk) -> None:
    wallet = str(uuid.uuid4())
    for amount in (-1000, 0):
        money = {"amount": amount, "currency": "EUR"}
        wrong = {"amount": money, "direction": "in", "reason": "a charge"}
        assert (await operator.post(f"/wallets/{wallet}/adjustments", wrong)).word == "invalid"


async def test_one_seat_was_sold_to_fourteen(operator: Talk, anybody: Talk) -> None:
    block = {"section": "S", "rows": 1, "seats_per_row": 2}
    venue = await operator.makes("/venues", {"name": "Hall", "city": "Vienna", "plan": {"block": block}})
    (category,) = [one["category"] for one in venue["plan"]["categories"]]
    kind = {
        "code": "ga",
        "name": "Seat",
        "price": {"amount": 0, "currency": "EUR"},
        "categories": [category],
    }
    match = await operator.makes(
        "/events",
        {
            "name": "A match",
            "starts_at": "2031-05-01T20:00:00Z",
            "ends_at": "2031-05-01T22:00:00Z",
            "seating": {"venue_id": venue["id"]},
            "ticket_types": [kind],
        },
    )
    seats = await operator.get(f"/venues/{venue['id']}/plan")
    name = seats["sections"][0]["rows"][0]["seats"][0]["label"]
    wanted = f"S/{seats['sections'][0]['rows'][0]['label']}/{name}"

    async def takes(n: int) -> Answer:
        line = {"ticket_type": "ga", "quantity": 1, "seats": [wanted]}
        body = {"lines": [line], "customer": person(f"c{n}"), "confirm": True}
        return await anybody.post(f"/events/{match['id']}/reservations", body)

    answers = await asyncio.gather(*(takes(n) for n in range(CLIENTS)))
    assert [answer.status for answer in answers].count(201) == 1
    assert {answer.status for answer in answers} == {201, 409}


async def test_an_earlier_holds_timer_freed_a_seat_that_was_anothers(operator: Talk, anybody: Talk) -> None:
    event_id = await operator.new_event(1, price=0, hold_duration_s=10)
    held = (await anybody.holds(event_id, "ada")).body
    left = anybody.as_one_with(Reservation_Token=held["token"])
    assert (await left.post(f"/reservations/{held['id']}/cancel")).word == "released"
    anothers = (await anybody.holds(event_id, "bob", confirm=True)).body
    assert anothers["status"] == "confirmed"
    first_end = dt.datetime.fromisoformat(held["expires_at"]) + dt.timedelta(seconds=2)

    async def past_the_first_end() -> bool:
        return dt.datetime.now(dt.UTC) > first_end

    await in_time(past_the_first_end, "the first hold's end is past")
    owned = await operator.get(f"/reservations/{anothers['id']}")
    assert owned["status"] == "confirmed"
    assert await anybody.available(event_id) == 0
