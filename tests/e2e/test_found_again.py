"""Who has lost the page finds the hold again: signed in by looking, a guest by a letter."""

from __future__ import annotations

from tests.e2e.people import PASSWORD, letter_about, letters, new_address, signed_up
from tests.e2e.talk import Talk, person
from tests.served import Served

ONE = [{"ticket_type": "ga", "quantity": 1}]


async def test_who_is_signed_in_finds_a_hold_again_elsewhere_and_goes_on(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    path = f"/events/{await operator.new_event(2, price=0)}/reservations"
    address = new_address("ada")
    ada = await signed_up(anybody, running_server, address)
    held = await ada.makes(path, {"lines": ONE})
    before = await anybody.makes(path, {"lines": ONE, "customer": person("ada", address)})

    session = (await anybody.post("/sessions", {"email": address, "password": PASSWORD})).body
    elsewhere = anybody.as_one_with(Authorization=f"Bearer {session['access_token']}")
    found = (await elsewhere.get("/accounts/me/reservations"))["items"]
    assert [(one["id"], one["status"]) for one in found] == [(before["id"], "held"), (held["id"], "held")]
    assert (await elsewhere.post(f"/reservations/{held['id']}/confirm")).word == "confirmed"


async def test_a_guest_is_sent_what_opens_the_hold_and_a_stranger_hears_the_same(
    operator: Talk, anybody: Talk, running_server: Served
) -> None:
    path = f"/events/{await operator.new_event(2, price=0, cancel_until='2031-05-01T20:00:00Z')}/reservations"
    address, nobodys = new_address("ada"), new_address("eve")
    held, kept = [
        await anybody.makes(path, {"lines": ONE, "customer": person("ada", address), "confirm": confirm})
        for confirm in (False, True)
    ]
    asked = [await anybody.post("/reservations/recover", {"email": one}) for one in (address, nobodys)]
    assert asked[0] == asked[1] == (202, {"status": "accepted"})
    letter = await letter_about(running_server, address, "your reservations")
    assert held["token"] in letter
    assert (kept["token"] in letter, kept["code"] in letter) == (True, True), "what is confirmed has its code"
    assert letters(running_server, nobodys) == []
