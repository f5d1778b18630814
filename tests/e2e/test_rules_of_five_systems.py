"""The rules of five existing systems, and what is refused by them: a test for each system, in the order of
their stories in `test_five_systems.py`. On which side of a bound each minute lies is tested in tests/server.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from typing import Any

import aiohttp

from tests.e2e.people import PASSWORD, new_address, signed_up
from tests.e2e.talk import LATER, Answer, Talk, address_of, ended, in_time, person
from tests.served import Served
from tests.unit.pictures import png

MONTHS_AHEAD = dt.timedelta(days=91)
HOLD = dt.timedelta(minutes=15)


def told(answer: Answer) -> list[str]:
    """Of what is refused, what is wrong with it."""
    assert (answer.status, answer.word) == (422, "invalid"), answer
    return [str(error["path"]) for error in answer.body["errors"]]


def kept_for(reservation: Any) -> dt.timedelta:
    made, ends = (dt.datetime.fromisoformat(reservation[name]) for name in ("created_at", "expires_at"))
    return ends - made


async def test_a_reservation_is_pending_then_what_it_ends_as_and_stays_so(
    operator: Talk, anybody: Talk, http: aiohttp.ClientSession
) -> None:
    """The Reservations API: pending, then one of its ends, which is final; the client follows; documented."""
    event_id = await operator.new_event(3, price=0, cancel_until=LATER)
    path = f"/events/{event_id}/reservations"
    one = {"ticket_type": "ga", "quantity": 1}
    accepted = (
        await anybody.post(path, {"lines": [one], "customer": person("ada")}, Prefer="respond-async")
    ).body
    assert (await anybody.ask("GET", f"/submissions/{accepted['id']}")).status == 401
    stranger = (await anybody.holds(event_id, "bob")).body
    bob = anybody.as_one_with(Reservation_Token=stranger["token"])
    assert (await bob.ask("GET", f"/submissions/{accepted['id']}")).status == 404, "it is somebody else's"
    ada = anybody.as_one_with(Reservation_Token=accepted["token"])
    held = await ended(ada, f"/submissions/{accepted['id']}")
    reservation = f"/reservations/{held['id']}"
    assert (await ada.post(f"{reservation}/confirm")).word == "confirmed"
    assert len((await ada.get(f"{reservation}/tickets"))["items"]) == 1
    for _ in range(2):
        assert (await ada.post(f"{reservation}/cancel")).word == "cancelled"
        assert await anybody.available(event_id) == 2, "given back once"
    assert (await ada.post(f"{reservation}/confirm")).word == "wrong_state"

    assert told(await anybody.post(path, {"lines": [one | {"quantity": 0}], "customer": person("ada")}))
    assert told(
        await anybody.post(path, {"lines": [one | {"ticket_type": "vip"}], "customer": person("ada")})
    )
    assert told(await anybody.post(path, {"lines": [one]})) == ["customer"]
    assert (await anybody.holds(event_id, "eve", 4)).word == "sold_out"
    async with http.get("/openapi.json") as document:
        assert "/api/v1/events/{event_id}/reservations" in (await document.json())["paths"]


async def house(operator: Talk, **more: Any) -> Any:
    """With its rules as most have them; in a zone in which it is ten in the morning, or a little later."""
    hour = dt.datetime.now(dt.UTC).hour
    offset = 10 - hour if hour < 22 else 34 - hour
    terms = {
        "name": "Alla Prova",
        "time_zone": f"Etc/GMT{-offset:+d}",
        "services": [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(7)],
        "tables": [{"number": "1", "largest": 4}, {"number": "2", "largest": 6, "active": False}],
        **more,
    }
    local = dt.datetime.now(dt.UTC) + dt.timedelta(hours=offset)
    return (await operator.makes("/restaurants", terms)), local.replace(tzinfo=None)


def at(local: dt.datetime, **more: Any) -> dict[str, Any]:
    """What is wished for: a table for two then, a quarter of an hour being the least that is looked at."""
    quarter = local.replace(minute=local.minute // 15 * 15)
    when = {"date": quarter.date().isoformat(), "time": f"{quarter:%H:%M}"}
    return when | {"party_size": 2, "customer": person("ada")} | more


async def test_a_table_is_had_within_the_rules_of_its_house(operator: Talk, anybody: Talk) -> None:
    """ReservaFlow: when a table can be had, which one, by how many, and how often."""
    there, local = await house(operator)
    (one, retired), place = there["tables"], f"/restaurants/{there['id']}/reservations"
    evening = (local + dt.timedelta(days=12)).replace(hour=20, minute=0)
    elsewhere, _ = await house(operator)
    day = {"date": evening.date().isoformat(), "reason": "Holiday"}
    change = {"special_days": [day | {"date": (evening + dt.timedelta(days=1)).date().isoformat()}]}
    assert (await operator.ask("PATCH", f"/restaurants/{there['id']}", change)).status == 200

    for wrong in (
        at(evening, time="20:07"),
        at(evening, party_size=13),
        at(evening, party_size=0),
        at(evening, party_size=5, table_id=one["id"]),
        at(evening, table_id=retired["id"]),
        at(evening, table_id=elsewhere["tables"][0]["id"]),
        {name: value for name, value in at(evening).items() if name != "customer"},
    ):
        assert told(await anybody.post(place, wrong)), wrong
    for closed in (
        at(local - dt.timedelta(hours=1)),
        at(local + dt.timedelta(hours=1)),
        at(local + MONTHS_AHEAD),
        at(evening + dt.timedelta(days=1)),
    ):
        assert (await anybody.post(place, closed)).word == "sales_closed", closed
    nowhere = place.replace(there["id"], evening.strftime("0197a000-0000-7000-8000-%d%m%Y0000"))
    assert (await anybody.post(nowhere, at(evening))).status == 404

    held = await anybody.makes(place, at(evening))
    assert kept_for(held) == HOLD
    assert (await anybody.makes(place, at(local + dt.timedelta(hours=3))))["status"] == "held"
    being_booked = await anybody.post(place, at(evening, time="20:15", customer=person("bob")))
    assert (being_booked.status, being_booked.word) == (423, "held")
    ada = anybody.as_one_with(Reservation_Token=held["token"])
    assert (await ada.post(f"/reservations/{held['id']}/seat")).status == 401, "the staff says who came"
    assert (await ada.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"
    taken = await anybody.post(place, at(evening, time="20:15", customer=person("bob")))
    assert (taken.status, taken.word) == (409, "taken")


async def test_who_dines_is_seated_and_remembered_and_the_house_is_shown(
    operator: Talk, anybody: Talk, http: aiohttp.ClientSession
) -> None:
    """ReservaFlow too: what becomes of a reservation, and of a guest's score."""
    there, local = await house(operator, notice_same_day_minutes=0, notice_minutes=0)
    place = f"/restaurants/{there['id']}"
    who = person("ada", new_address("ada")) | {"phone": f"34{uuid.uuid4().int % 10**9:09}"}
    held = await anybody.makes(f"{place}/reservations", at(local + dt.timedelta(minutes=15), customer=who))
    reservation = f"/reservations/{held['id']}"
    assert (await operator.post(f"{reservation}/complete")).word == "wrong_state", "it is not confirmed"
    assert (await operator.post(f"{reservation}/confirm")).word == "confirmed"
    assert (await operator.post(f"{reservation}/no-show")).word == "wrong_state", "it is not time yet"
    assert (await operator.post(f"{reservation}/seat")).word == "seated"
    assert (await operator.post(f"{reservation}/complete")).word == "completed"
    for refused in ("confirm", "no-show", "seat"):
        assert (await operator.post(f"{reservation}/{refused}")).word == "wrong_state", refused
    assert (await operator.post(f"{reservation}/cancel")).word == "completed", "it stays as it ended"
    (guest,) = (await operator.get(f"{place}/guests?email={who['email']}"))["items"]
    assert (guest["visits"], guest["no_shows"], guest["score"]) == (1, 0, 105)
    assert (await operator.get(f"{place}/guests?phone={who['phone']}"))["items"] == [guest]
    assert (await anybody.ask("GET", f"{place}/guests?email={who['email']}")).status == 401

    path, sent = f"/api/v1{place}/images", operator.headers | {"Content-Type": "image/png"}
    async with http.post(path, data=png(), headers=sent) as answer:
        assert answer.status == 201
        image = (await answer.json())["url"]
    async with http.get(image) as picture:
        assert await picture.read() == png()


async def test_a_session_is_joined_once_by_an_address_and_left_by_its_code(
    operator: Talk, anybody: Talk
) -> None:
    """Area101: one reservation per session and address; what is wrong is said; lists come in pages."""
    session = await operator.new_event(2, price=0, one_per_customer=True, cancel_until=LATER)
    path = f"/events/{session}/reservations"
    one = {"lines": [{"ticket_type": "ga", "quantity": 1}], "confirm": True}
    ada = person("ada")
    assert told(await anybody.post(path, one)) == ["customer"]
    assert told(await anybody.post(path, one | {"customer": {"email": ada["email"]}})) == ["customer.name"]
    assert told(await anybody.post(path, one | {"customer": ada | {"email": "ada"}})) == ["customer.email"]
    assert (await anybody.post(f"/events/{session}0/reservations", one | {"customer": ada})).status == 404
    joined = (await anybody.post(path, one | {"customer": ada})).body
    again = ada | {"email": ada["email"].upper()}
    assert (await anybody.post(path, one | {"customer": again})).word == "already_reserved"

    async def shown() -> bool:
        (counts,) = (await anybody.get(f"/events/{session}/availability"))["ticket_types"]
        return bool(counts["available"] == 1)

    assert await in_time(shown, "each change is in what is kept ready")
    first = await anybody.get("/events?limit=1")
    assert len(first["items"]) == 1
    second = await anybody.get(f"/events?limit=1&cursor={first['next']}")
    assert second["items"] != first["items"]
    leave = f"{path}/cancel"
    code = {"email": ada["email"], "code": joined["code"]}
    assert (await anybody.ask("POST", leave)).status == 400
    assert told(await anybody.post(leave, {"email": ada["email"]})) == ["code"]
    assert (await anybody.post(leave, code | {"email": address_of("eve")})).status == 404
    assert (await anybody.post(leave, code)).word == "cancelled"


async def test_one_sees_pays_and_cancels_what_is_ones_own(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    """Ticket Overlord: an account of one's own, and only what is one's own; what is not there is said."""
    event_id = await operator.new_event(5, payment="required")
    address = new_address("ada")
    ada, bob = await asyncio.gather(
        *(signed_up(anybody, running_server, whose) for whose in (address, new_address("bob")))
    )
    wrong = await anybody.post("/sessions", {"email": address, "password": PASSWORD[1:]})
    nobody = await anybody.post("/sessions", {"email": new_address("eve"), "password": PASSWORD})
    assert (wrong.status, wrong.word) == (nobody.status, nobody.word) == (401, "unauthorized")

    order = {"lines": [{"ticket_type": "ga", "quantity": 2}]}
    held = await ada.makes(f"/events/{event_id}/reservations", order)
    assert kept_for(held) == HOLD
    reservation = f"/reservations/{held['id']}"
    for done in (
        await bob.ask("GET", reservation),
        await bob.ask("PATCH", reservation, order),
        await bob.post(f"{reservation}/cancel"),
        await bob.ask("GET", f"{reservation}/tickets"),
    ):
        assert done.status == 404, "it is somebody else's"
    assert (await bob.get("/accounts/me/reservations"))["items"] == []
    assert (await anybody.ask("GET", "/accounts/me/reservations")).status == 401

    assert (
        await bob.post(f"/events/{event_id}/reservations", {"lines": [{"ticket_type": "ga", "quantity": 4}]})
    ).word == "held"
    assert (await ada.ask("GET", f"{reservation}/tickets")).status == 409, "it is not paid for"
    paid = await ada.post(f"{reservation}/payments", {"provider": "sandbox"}, Prefer="wait=30")
    assert paid.word == "captured"
    assert (
        await bob.post(f"/events/{event_id}/reservations", {"lines": [{"ticket_type": "ga", "quantity": 4}]})
    ).word == "sold_out"
    assert (await bob.ask("GET", f"/payments/{paid.body['id']}")).status == 404
    for theirs in ("/statistics", f"/events/{event_id}/statistics"):
        assert (await ada.ask("GET", theirs)).status in (403, 404)


async def test_a_seat_is_one_persons_and_a_wallet_its_owners(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    """Volleyball tickets: who may do what; a seat is one person's until it is given back."""
    block = {"section": "S", "rows": 1, "seats_per_row": 2}
    hall = {"name": "Sala", "city": "Zadar", "plan": {"block": block}}
    address = new_address("ana")
    ana = await signed_up(anybody, running_server, address)
    assert (await ana.post("/venues", hall)).status == 403
    assert (await anybody.post("/venues", hall)).status == 401
    venue = await operator.makes("/venues", hall)
    (category,) = [one["category"] for one in venue["plan"]["categories"]]
    money = {"amount": 1500, "currency": "EUR"}
    match = {
        "name": "A match",
        "starts_at": LATER,
        "ends_at": "2031-05-01T22:00:00Z",
        "seating": {"venue_id": venue["id"]},
        "ticket_types": [{"code": "ga", "name": "Seat", "price": money, "categories": [category]}],
    }
    assert (await ana.post("/events", match)).status == 403
    event_id = (await operator.makes("/events", match))["id"]
    (row,) = (await anybody.get(f"/venues/{venue['id']}/plan"))["sections"][0]["rows"]
    names = [f"S/{row['label']}/{seat['label']}" for seat in row["seats"]]

    async def takes(who: Talk, name: str, **more: Any) -> Answer:
        line = {"ticket_type": "ga", "quantity": 1, "seats": [name]}
        return await who.post(f"/events/{event_id}/reservations", {"lines": [line], **more})

    seat = await takes(ana, names[0])
    assert seat.status == 201
    bob = {"customer": person("bob")}
    assert (await takes(anybody, names[0], **bob)).status == 423
    assert told(await takes(anybody, "S/9/9", **bob))
    assert (await ana.post(f"/reservations/{seat.body['id']}/cancel")).word == "released"
    bobs = await takes(anybody, names[0], **bob)
    assert (await operator.post(f"/reservations/{bobs.body['id']}/confirm")).word == "confirmed"
    assert (await takes(ana, names[0])).status == 409

    me = (await ana.get("/accounts/me"))["id"]
    gift = {"amount": money, "direction": "in", "reason": "A present"}
    assert (await ana.post(f"/wallets/{me}/adjustments", gift)).status == 403
    assert (await ana.ask("GET", "/ledger/movements")).status == 403
    for _ in range(2):
        charge = {"amount": money, "provider": "sandbox"}
        assert (await ana.post(f"/wallets/{me}/charges", charge, Prefer="wait=30")).word == "captured"
    wallet = f"/wallets/{me}/movements?currency=EUR&limit=1"
    first = await ana.get(wallet)
    second = await ana.get(f"{wallet}&cursor={first['next']}")
    assert (len(first["items"]), len(second["items"]), second["next"]) == (1, 1, None)
    assert (await ana.ask("GET", f"/wallets/{venue['id']}?currency=EUR")).status == 404, "it is not hers"
