"""The jobs of five existing systems, each told as one story from the beginning to the seat, through HTTP.

How each of their calls is made here is listed in docs/five-systems.md; what their rules refuse is in
`test_rules_of_five_systems.py`.
"""

from __future__ import annotations

import datetime as dt

import aiohttp

from tests.e2e.people import letter_about, new_address, signed_up
from tests.e2e.talk import LATER, Talk, address_of, ended, in_time, person
from tests.served import Served

DAY = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=12)).isoformat()


async def test_tickets_are_reserved_behind_the_scenes_followed_and_given_back(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    """The Reservations API."""
    event_id = await operator.new_event(3)
    wanted = {
        "lines": [{"ticket_type": "ga", "quantity": 2}],
        "customer": person("ada"),
    }
    path = f"/events/{event_id}/reservations"
    accepted = await anybody.post(path, wanted, Prefer="respond-async")
    assert (accepted.status, accepted.body["status"]) == (202, "pending")
    ada = anybody.as_one_with(Reservation_Token=accepted.body["token"])
    reserved = await ended(ada, f"/submissions/{accepted.body['id']}")
    assert reserved["status"] == "held"

    more = await anybody.post(path, wanted, Prefer="respond-async")
    bob = anybody.as_one_with(Reservation_Token=more.body["token"])
    refused = await ended(bob, f"/submissions/{more.body['id']}")
    assert refused["status"] == "rejected"

    assert (await ada.post(f"/reservations/{reserved['id']}/cancel")).word == "released"
    assert (await ada.post(f"/reservations/{reserved['id']}/cancel")).word == "released", "once is enough"
    assert await anybody.available(event_id) == 3
    async with aiohttp.ClientSession(running_server.endpoints["http"]) as http, http.get("/docs") as docs:
        assert docs.status == 200


async def test_a_table_is_found_reserved_eaten_at_and_remembered(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    """ReservaFlow."""
    house = await operator.makes(
        "/restaurants",
        {
            "name": "Alla Prova",
            "time_zone": "Europe/Madrid",
            "services": [{"weekday": day, "opens": "13:00", "closes": "23:45"} for day in range(7)],
            "tables": [{"number": "1", "largest": 4}],
            "no_show_grace_minutes": 0,
        },
    )
    address = new_address("ada")
    ada = await signed_up(anybody, running_server, address)
    place = f"/restaurants/{house['id']}"
    wanted = {
        "date": DAY,
        "time": "20:00",
        "party_size": 2,
        "customer": person("ada", address),
    }
    held = await ada.makes(f"{place}/reservations", wanted)
    assert (await ada.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"
    await letter_about(running_server, address, "Alla Prova")

    found = await anybody.get(f"{place}/search?date={DAY}&party_size=2&time=20:00")
    assert found["alternatives"], "what is near, where the wished time is taken"
    assert "20:00" not in [one["time"] for one in found["times"]]
    taken = await anybody.post(f"{place}/reservations", wanted | {"time": "20:15"})
    assert (taken.status, taken.word) == (409, "taken")
    twelve = await anybody.post(f"{place}/reservations", wanted | {"party_size": 12})
    assert twelve.status in (409, 422)

    assert (await operator.post(f"/reservations/{held['id']}/no-show")).status == 409, "it is not time yet"
    assert (await ada.post(f"/reservations/{held['id']}/cancel")).word == "cancelled"
    guests = await operator.get(f"{place}/guests?email={address}")
    assert [guest["cancellations"] for guest in guests["items"]] == [1]


async def test_a_session_is_joined_without_an_account_and_left_with_a_code(
    operator: Talk, anybody: Talk
) -> None:
    """Area101."""
    session = await operator.new_event(
        2, price=0, one_per_customer=True, listed="while_open", cancel_until=LATER
    )

    async def listed() -> bool:
        page = await anybody.get("/events?limit=200")
        return session in [event["id"] for event in page["items"]]

    assert await listed()
    joined = (await anybody.holds(session, "ada", confirm=True)).body
    assert joined["status"] == "confirmed"
    assert (await anybody.holds(session, "ada", confirm=True)).word == "already_reserved"
    assert (await anybody.holds(session, "bob", confirm=True)).word == "confirmed"
    assert (await anybody.holds(session, "eve", confirm=True)).word == "sold_out"
    assert not await listed()
    assert (await anybody.get(f"/events/{session}"))["reservations"] == 2
    assert (await anybody.ask("GET", f"/events/{session}/reservations")).status == 401
    names = [
        one["customer"]["email"] for one in (await operator.get(f"/events/{session}/reservations"))["items"]
    ]
    assert sorted(names) == [address_of("ada"), address_of("bob")]

    leave = {"email": address_of("ada"), "code": joined["code"]}
    assert (await anybody.post(f"/events/{session}/reservations/cancel", leave)).word == "cancelled"
    assert (await anybody.post(f"/events/{session}/reservations/cancel", leave)).status == 404
    assert await listed()


async def test_tickets_are_held_paid_for_behind_the_scenes_and_counted(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    """Ticket Overlord."""
    event_id = await operator.new_event(5, payment="required")
    address = new_address("ada")
    ada = await signed_up(anybody, running_server, address)
    bob = await signed_up(anybody, running_server, new_address("bob"))
    order = {"lines": [{"ticket_type": "ga", "quantity": 2}], "customer": person("ada", address)}
    held = await ada.makes(f"/events/{event_id}/reservations", order)
    pay = f"/reservations/{held['id']}/payments"
    assert (await ada.post(f"/reservations/{held['id']}/confirm")).word == "payment_due"
    assert (await bob.post(pay, {"provider": "sandbox"})).status == 404, "it is somebody else's"

    declined = await ada.post(pay, {"provider": "sandbox", "method": "declined"})
    assert declined.status == 202
    failed = await ended(ada, f"/payments/{declined.body['id']}")
    assert (failed["status"], failed["amount"], failed["currency"]) == ("failed", None, None)
    assert failed["error"]
    assert (await ada.get(f"/reservations/{held['id']}"))["status"] == "held", "the hold has its time again"

    paid = await ada.post(pay, {"provider": "sandbox"})
    captured = await ended(ada, f"/payments/{paid.body['id']}")
    assert captured["status"] == "captured"
    assert captured["amount"] == {"amount": 9000, "currency": "EUR"}
    assert (await ada.get(f"/reservations/{held['id']}"))["status"] == "confirmed"
    assert (await ada.post(pay, {"provider": "sandbox"})).status == 409, "paid once is paid"
    tickets = (await ada.get(f"/reservations/{held['id']}/tickets"))["items"]
    assert len(tickets) == 2
    assert [one["id"] for one in (await ada.get("/accounts/me/reservations"))["items"]] == [held["id"]]

    sold = await operator.get(f"/events/{event_id}/statistics")
    assert sold["revenue"]["amount"] == 9000
    assert len((await operator.get("/statistics"))["by_speed"]) in range(1, 6)
    assert (await ada.ask("DELETE", "/sessions/current")).status == 204

    async def out() -> bool:
        return (await ada.ask("GET", "/accounts/me")).status == 401

    assert await in_time(out, "who has logged out is out")


async def test_paying_too_late_is_refused_and_a_payment_under_way_keeps_its_hold(
    operator: Talk, anybody: Talk
) -> None:
    """Ticket Overlord's rule."""
    event_id = await operator.new_event(5, payment="required", hold_duration_s=10)
    waiting = {}
    for approve, who in ((True, "bob"), (False, "eve")):
        one = (await anybody.holds(event_id, who)).body
        buyer = anybody.as_one_with(Reservation_Token=one["token"])
        asked = {"provider": "sandbox", "method": "needs_action"}
        payment = await buyer.post(f"/reservations/{one['id']}/payments", asked)
        assert payment.status == 202
        waiting[approve] = buyer, f"/reservations/{one['id']}", payment.body["id"]
    held = (await anybody.holds(event_id, "ada")).body
    ada = anybody.as_one_with(Reservation_Token=held["token"])

    async def expired() -> bool:
        return bool((await ada.get(f"/reservations/{held['id']}"))["status"] == "expired")

    await in_time(expired, "the hold's time has run out")
    late = await ada.post(f"/reservations/{held['id']}/payments", {"provider": "sandbox"})
    assert (late.status, late.word) == (410, "hold_expired")
    assert await anybody.available(event_id) == 3, "what is being paid for is not for sale"
    for approve, (buyer, reservation, payment_id) in waiting.items():
        assert (await buyer.get(reservation))["status"] == "paying", "its own time ran out before ada's"
        acted = await buyer.post(f"/sandbox/{payment_id}", {"approve": approve})
        assert acted.status == 202
        paid = await ended(buyer, f"/payments/{payment_id}")
        assert paid["status"] == ("captured" if approve else "failed")
        assert (await buyer.get(reservation))["status"] == ("confirmed" if approve else "expired")
    assert await anybody.available(event_id) == 4


async def test_seats_of_a_stadium_are_bought_from_a_wallet(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    """Volleyball tickets."""
    block = {"section": "S", "rows": 2, "seats_per_row": 4}
    hall = await operator.makes("/venues", {"name": "Sala", "city": "Zadar", "plan": {"block": block}})
    (category,) = [one["category"] for one in hall["plan"]["categories"]]
    kind = {
        "code": "ga",
        "name": "Seat",
        "price": {"amount": 1500, "currency": "EUR"},
        "categories": [category],
    }
    match = {
        "name": "A match",
        "starts_at": LATER,
        "ends_at": "2031-05-01T22:00:00Z",
        "seating": {"venue_id": hall["id"]},
        "ticket_types": [kind],
        "payment": "required",
    }
    event_id = (await operator.makes("/events", match))["id"]
    again = await operator.post("/events", match | {"starts_at": "2031-05-01T21:00:00Z"})
    assert (again.status, again.word) == (409, "venue_taken")

    address = new_address("ana")
    ana = await signed_up(anybody, running_server, address)
    me = (await ana.get("/accounts/me"))["id"]
    top_up = {"amount": {"amount": 2000, "currency": "EUR"}, "provider": "sandbox"}
    wrong = top_up | {"amount": {"amount": -1000, "currency": "EUR"}}
    assert (await ana.post(f"/wallets/{me}/charges", wrong)).status == 422
    charged = await ana.post(f"/wallets/{me}/charges", top_up, Prefer="wait=30")
    assert (charged.status, charged.word) == (202, "captured")

    order = {
        "lines": [{"ticket_type": "ga", "quantity": 2}],
        "customer": person("ana", address),
    }
    two = await ana.makes(f"/events/{event_id}/reservations", order)
    poor = await ana.post(f"/reservations/{two['id']}/payments", {"provider": "wallet"})
    assert (await ended(ana, f"/payments/{poor.body['id']}"))["status"] == "failed", "20 euros are not 30"
    fewer = {"lines": [{"ticket_type": "ga", "quantity": 1}]}
    assert (await ana.ask("PATCH", f"/reservations/{two['id']}", fewer)).status == 200
    paid = await ana.post(f"/reservations/{two['id']}/payments", {"provider": "wallet"})
    assert (await ended(ana, f"/payments/{paid.body['id']}"))["status"] == "captured"
    assert (await ana.get(f"/wallets/{me}?currency=EUR"))["balance"]["amount"] == 500
    log = (await ana.get(f"/wallets/{me}/movements?currency=EUR"))["items"]
    assert [one["amount"]["amount"] for one in log] == [1500, 2000], "the newest first"

    seat = (await ana.get(f"/reservations/{two['id']}/tickets"))["items"][0]
    entered = await operator.post(f"/events/{event_id}/check-ins", {"code": seat["code"], "gate": "north"})
    assert entered.status == 200
    twice = await operator.post(f"/events/{event_id}/check-ins", {"code": seat["code"], "gate": "south"})
    assert (twice.status, twice.word) == (409, "already_checked_in")

    # A second seat, and the party afterwards: both in one payment, or neither.
    standing = {"code": "ga", "name": "Standing", "quota": 9, "price": {"amount": 700, "currency": "EUR"}}
    party = {
        "name": "After the match",
        "starts_at": "2031-05-01T23:00:00Z",
        "ticket_types": [standing],
        "payment": "required",
    }
    party_id = (await operator.makes("/events", party))["id"]
    one_each = order | fewer
    held = [await ana.makes(f"/events/{one}/reservations", one_each) for one in (event_id, party_id)]
    wanted = {"provider": "wallet", "reservations": [one["id"] for one in held]}
    poor = await ana.post("/accounts/me/payments", wanted, Prefer="wait=30")
    assert poor.word == "failed", "5 euros are not 22"
    assert [(await ana.get(f"/reservations/{one['id']}"))["status"] for one in held] == ["held", "held"]
    assert (await ana.post(f"/wallets/{me}/charges", top_up, Prefer="wait=30")).word == "captured"
    both = await ana.post("/accounts/me/payments", wanted, Prefer="wait=30")
    assert (both.word, both.body["amount"]["amount"]) == ("captured", 2200)
    assert [(await ana.get(f"/reservations/{one['id']}"))["status"] for one in held] == ["confirmed"] * 2
